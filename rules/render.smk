# render: tables as CSV, Markdown and LaTeX, each also beside the paper's numbers, and the scorecard.


rule render_table:
    input:
        metrics="<results>/metrics/{table}.csv",
        paper=lambda wildcards: paper_file(wildcards.table),
    output:
        table_files("{table}"),
    log:
        "<results>/logs/render/{table}.log",
    wildcard_constraints:
        table=any_of(MEASURED_TABLES),
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        words=lambda wildcards: words_of(wildcards.table),
        code=stage_digest("render"),
    shell:
        "python -m crossarch render {wildcards.table} --selection {params.selection:q} > {log} 2>&1"


# A table of settings is read off the recipes: it needs no run.
rule render_settings:
    output:
        table_files("{table}", "settings"),
    log:
        "<results>/logs/render/{table}.log",
    wildcard_constraints:
        table=any_of(SETTINGS_TABLES),
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        words=lambda wildcards: words_of(wildcards.table),
        code=stage_digest("render"),
    shell:
        "python -m crossarch render {wildcards.table} --selection {params.selection:q} > {log} 2>&1"


rule scorecard:
    input:
        metrics="<results>/metrics/runs.csv",
        paper=sorted({file for name in MEASURED_TABLES for file in paper_file(name)}),
    output:
        scorecard_files(layout),
    log:
        "<results>/logs/render/scorecard.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        words=[words_of(name) for name in MEASURED_TABLES],
        code=stage_digest("scorecard"),
    shell:
        "python -m crossarch scorecard --selection {params.selection:q} > {log} 2>&1"


for table, settings in configuration.tables.items():

    rule:
        name:
            table
        input:
            table_files(table, settings.layout),
        localrule: True


# What is kept in git, rendered from the metrics that lie there: nothing is trained.
rule reproduction:
    input:
        metrics=REPRODUCTION.finished_runs(),
        paper=sorted({file for name in MEASURED_TABLES for file in paper_file(name)}),
        preset="config/presets/reproduction.yaml",
    output:
        runs=REPRODUCTION.metrics("runs"),
        tables=REPRODUCTION.table_files("table2", "main"),
        scorecard=scorecard_files(REPRODUCTION),
    log:
        "results/logs/reproduction.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        results=REPRODUCTION.results,
        code=[stage_digest(stage) for stage in ("collect", "render", "scorecard")],
    shell:
        "( python -m crossarch collect runs --every --results {params.results}"
        " && python -m crossarch render table2 --preset {input.preset} --results {params.results}"
        " --runs {output.runs}"
        " && python -m crossarch scorecard --preset {input.preset} --results {params.results}"
        " ) > {log} 2>&1"
