# distil: sets that this pipeline makes itself from the real training images, and how they got better.
# `exec`: a signal that asks a job to stop must find the distillation, not a shell that dies of it.


rule distil:
    input:
        unpack(distillation_inputs),
    output:
        distilled="<results>/distilled/{source}/{dataset}/ipc{ipc}.safetensors",
        record="<results>/distil/{source}/{dataset}/ipc{ipc}/metrics.json",
    log:
        "<results>/logs/distil/{source}/{dataset}/ipc{ipc}.log",
    wildcard_constraints:
        source=any_of(DISTILLED_HERE),
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=4000,
    params:
        settings=lambda wildcards: distillation_of(wildcards).to_json(),
        options=options_of_work,
        code=stage_digest("distil"),
    shell:
        "exec python -m crossarch distil --settings {params.settings:q} --real {input.real}"
        " --test {input.test} --whitener {input.whitener} --distilled {output.distilled}"
        " --record {output.record} {params.options}"
        " --device {resources.device} --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"


rule distillation_curve:
    input:
        "<results>/distil/{source}/{dataset}/ipc{ipc}/metrics.json",
    output:
        "<results>/distil/{source}/{dataset}/ipc{ipc}/curve.csv",
        "<results>/distil/{source}/{dataset}/ipc{ipc}/curve.pdf",
        "<results>/distil/{source}/{dataset}/ipc{ipc}/curve.png",
        svg=report(
            "<results>/distil/{source}/{dataset}/ipc{ipc}/curve.svg",
            caption="../report/distillation.rst",
            category="Distillation",
            labels={"set": "{source}, {dataset}, IPC {ipc}"},
        ),
    log:
        "<results>/logs/distillation_curve/{source}/{dataset}/ipc{ipc}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        folder=subpath(output[0], parent=True),
        code=stage_digest("curve"),
    shell:
        "python -m crossarch {params.options} render {wildcards.source}/{wildcards.dataset}/ipc{wildcards.ipc} {input}"
        " --output {params.folder} > {log} 2>&1"


rule distillations:
    input:
        lambda wildcards: chosen_curves(),
    localrule: True
