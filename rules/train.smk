# train: one rule for teachers and students; a student waits for its teacher's weights.
# `exec`: a signal that asks a job to stop must find the training, not a shell that dies of it.


rule train:
    input:
        unpack(training_inputs),
    output:
        metrics=f"<results>/runs/{RUN_PATTERN}/metrics.json",
        best=f"<results>/runs/{RUN_PATTERN}/best.safetensors",
        last=f"<results>/runs/{RUN_PATTERN}/last.safetensors",
    log:
        f"<results>/logs/train/{RUN_PATTERN}.log",
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=4000,
    params:
        settings=lambda wildcards: settings_of(wildcards).to_json(),
        teacher=lambda wildcards, input: (
            ["--teacher", input.teacher] if "teacher" in input.keys() else []
        ),
        options=options_of_training,
        code=stage_digest("train"),
    shell:
        "exec python -m crossarch train --settings {params.settings:q} --distilled {input.distilled}"
        " --test {input.test} {params.teacher:q} --metrics {output.metrics} {params.options}"
        " --device {resources.device} --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"
