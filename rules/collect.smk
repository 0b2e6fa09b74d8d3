# collect: one tidy table of all runs, or of those that one table of the paper is made of.


rule collect:
    input:
        lambda wildcards: runs_of(wildcards.collection),
    output:
        "<results>/metrics/{collection}.csv",
    log:
        "<results>/logs/collect/{collection}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        code=stage_digest("collect"),
    shell:
        "python -m crossarch {CHOSEN} collect {wildcards.collection} --output {output} > {log} 2>&1"
