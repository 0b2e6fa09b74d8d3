# prepare: canonical tensors; test sets in the space that each distilled set lives in.


rule images:
    input:
        archive_of,
    output:
        "<results>/data/{dataset}/train.safetensors",
        "<results>/data/{dataset}/test.safetensors",
    log:
        "<results>/logs/images/{dataset}.log",
    conda:
        "../envs/train.yaml"
    params:
        reading=reading_of_images,
        place=place_of_images,
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch prepare {wildcards.dataset} {params.place:q} > {log} 2>&1"


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
        constants=constants_of,
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch prepare {wildcards.dataset} --whitener {wildcards.whitening}"
        " --threads {threads} > {log} 2>&1"


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
        "python -m crossarch prepare {wildcards.dataset} --test-set {wildcards.whitening} > {log} 2>&1"


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
        reading=reading_of,
        code=stage_digest("prepare"),
    shell:
        "python -m crossarch prepare {wildcards.dataset} --source {wildcards.source} --ipc {wildcards.ipc} > {log} 2>&1"


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
        "python -m crossarch prepare {wildcards.dataset} --source {wildcards.source}"
        " --ipc {wildcards.ipc} --seed {wildcards.seed} > {log} 2>&1"
