# train: one rule for teachers and students; a student waits for its teacher's weights.


def training_inputs(wildcards):
    settings = settings_of(wildcards)
    run = settings.run
    inputs = {
        "distilled": layout.distilled(run.source, configuration.distilled_from(run.dataset), run.ipc),
        "test": layout.test_set(run.dataset, settings.whitening),
    }
    if settings.teacher:
        weights = f"{settings.distillation.checkpoint}.safetensors"
        inputs["teacher"] = layout.run(settings.teacher) / weights
    return {name: str(path) for name, path in inputs.items()}


rule train:
    input:
        unpack(training_inputs),
    output:
        metrics="<run>/metrics.json",
        best="<run>/best.safetensors",
        last="<run>/last.safetensors",
    log:
        "<results>/logs/train/" + RUN_PATTERN + ".log",
    conda:
        "../envs/train.yaml"
    threads: selection.threads
    resources:
        device=selection.device,
        mem_mb=4000,
    params:
        settings=lambda wildcards: settings_of(wildcards).to_json(),
        teacher=lambda wildcards, input: (
            f"--teacher {input.teacher}" if "teacher" in input.keys() else ""
        ),
        code=stage_digest("train"),
    shell:
        "{CROSSARCH} train --settings {params.settings:q} --distilled {input.distilled}"
        " --test {input.test} {params.teacher} --results {selection.results}"
        " --device {resources.device} --threads {threads} 2> {log}"
