# analyse: what lies behind the accuracies of finished runs (config/analyses.yaml). A record of each run that
# is measured, then a table, a figure and a page of all; those of the curvature are drawn as Figure 8.


rule analyse_run:
    input:
        unpack(analysed_inputs),
    output:
        f"<results>/analysis/{{analysis}}/{RUN_PATTERN}.json",
    log:
        f"<results>/logs/analyse/{{analysis}}/{RUN_PATTERN}.log",
    wildcard_constraints:
        analysis=any_of(MEASURED),
    conda:
        TRAINING_ENVIRONMENT
    threads: selection.threads
    resources:
        device=selection.device,
        slots_per_gpu=selection.slots_per_gpu,
        mem_mb=lambda wildcards: configuration.analyses[wildcards.analysis].memory,
    params:
        options=options_of_commands,
        files=named_inputs,
        settings=settings_of_analysis,
        code=lambda wildcards: analysis_digest("analyse", wildcards.analysis),
    shell:
        "python -m crossarch {params.options} analyse measure {wildcards.analysis} {params.files:q} --output {output}"
        " --settings {params.settings:q} --device {resources.device}"
        " --slots-per-gpu {resources.slots_per_gpu} --threads {threads} > {log} 2>&1"


rule analyse:
    input:
        runs="<results>/metrics/{analysis}.csv",
        records=lambda wildcards: records_of(wildcards.analysis),
    output:
        multiext("<results>/analysis/{analysis}", ".md", ".pdf", ".png"),
        table="<results>/analysis/{analysis}.csv",
        svg=report(
            "<results>/analysis/{analysis}.svg",
            caption="../report/analysis.rst",
            category="Analyses",
            labels={"analysis": "{analysis}"},
        ),
    log:
        "<results>/logs/analyse/{analysis}.log",
    wildcard_constraints:
        analysis=any_of(SUMMARISED),
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        records=layout.analyses,
        selection=SELECTION,
        words=TITLES,
        code=lambda wildcards: analysis_digest("summarise", wildcards.analysis),
    shell:
        "python -m crossarch {params.options} analyse summarise {wildcards.analysis} --runs {input.runs}"
        " --records {params.records}/{wildcards.analysis} --output {output.table} > {log} 2>&1"


for name in SUMMARISED:

    rule:
        name:
            name
        input:
            analysis_files(name),
        localrule: True


# All but those that are made by their names alone.
rule analysis:
    input:
        lambda wildcards: analysis_files(*one_line(chosen_analyses)(configuration)),
    localrule: True
