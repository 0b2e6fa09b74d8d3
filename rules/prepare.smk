# prepare: canonical tensors; test sets in the space that each distilled set lives in.


rule images:
    input:
        located_images,
    output:
        train="<results>/data/{dataset}/train.safetensors",
        test="<results>/data/{dataset}/test.safetensors",
    log:
        "<results>/logs/images/{dataset}.log",
    conda:
        "../envs/train.yaml"
    params:
        options=options_of_commands,
        reading=reading_of_images,
        located=lambda wildcards, input: [f"--located={path}" for path in input],
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch {params.options} prepare images {wildcards.dataset} {params.located}"
        " --train {output.train} --test {output.test} > {log} 2>&1"


rule whitener:
    input:
        "<results>/data/{dataset}/train.safetensors",
    output:
        "<results>/data/{dataset}/whitening/{whitening}.safetensors",
    log:
        "<results>/logs/whitener/{dataset}/{whitening}.log",
    conda:
        "../envs/train.yaml"
    threads: 2
    resources:
        mem_mb=whitening_memory,
    params:
        options=options_of_commands,
        constants=constants_of,
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch {params.options} prepare whitener {wildcards.dataset} {wildcards.whitening}"
        " --images {input} --output {output} --threads {threads} > {log} 2>&1"


rule test_set:
    input:
        whitener="<results>/data/{dataset}/whitening/{whitening}.safetensors",
        images="<results>/data/{dataset}/test.safetensors",
    output:
        "<results>/data/{dataset}/test/{whitening}.safetensors",
    log:
        "<results>/logs/test_set/{dataset}/{whitening}.log",
    conda:
        "../envs/train.yaml"
    params:
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch prepare test-set {wildcards.dataset} --images {input.images}"
        " --whitener {input.whitener} --output {output} > {log} 2>&1"


rule distilled:
    input:
        unpack(distilled_inputs),
    output:
        "<results>/distilled/{source}/{dataset}/ipc{ipc}.safetensors",
    log:
        "<results>/logs/distilled/{source}/{dataset}/ipc{ipc}.log",
    wildcard_constraints:
        source=any_of(name for name in configuration.sources if name not in DISTILLED_HERE),
    conda:
        "../envs/train.yaml"
    params:
        options=options_of_commands,
        reading=reading_of,
        files=files_of_set,
        inputs=lambda wildcards, input: [
            f"--{name}={input[name]}" for name in ("whitener", "real") if name in input.keys()
        ],
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch {params.options} prepare distilled {wildcards.source} {wildcards.dataset} {wildcards.ipc}"
        " {params.files:q} {params.inputs} --output {output} > {log} 2>&1"


rule drawn:
    input:
        unpack(drawn_inputs),
    output:
        "<results>/distilled/{source}/{dataset}/ipc{ipc}/seed{seed}.safetensors",
    log:
        "<results>/logs/drawn/{source}/{dataset}/ipc{ipc}/seed{seed}.log",
    conda:
        "../envs/train.yaml"
    params:
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch prepare drawn {wildcards.ipc} {wildcards.seed} --images {input.images}"
        " --whitener {input.whitener} --output {output} > {log} 2>&1"
