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
        options=options_of_commands,
        selection=SELECTION,
        code=stage_digest("collect"),
    shell:
        "python -m crossarch {params.options} collect {wildcards.collection} --output {output} > {log} 2>&1"
