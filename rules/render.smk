# render: tables as CSV, Markdown and LaTeX, each also beside the paper's numbers; a target a table.


rule render_table:
    input:
        metrics="<results>/metrics/{table}.csv",
        paper=lambda wildcards: str(configuration.paper_file(configuration.tables[wildcards.table])),
    output:
        expand("<results>/tables/{{table}}{suffix}", suffix=EDITIONS),
    log:
        "<results>/logs/render/{table}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        selection=SELECTION,
        table=lambda wildcards: configuration.tables[wildcards.table].model_dump_json(),
        code=stage_digest("render"),
    shell:
        "{CROSSARCH} render {wildcards.table} --selection {params.selection:q}"
        " --results {selection.results} 2> {log}"


for table in configuration.tables:

    rule:
        name:
            table
        input:
            expand("<results>/tables/{table}{suffix}", table=table, suffix=EDITIONS),
        localrule: True


rule reproduction:
    input:
        metrics=Layout(Path("results/reproduction")).finished_runs(),
        paper=lambda wildcards: str(configuration.paper_file(configuration.tables["table2"])),
        preset="config/presets/reproduction.yaml",
    output:
        "results/reproduction/metrics/runs.csv",
        expand("results/reproduction/tables/table2{suffix}", suffix=EDITIONS),
    log:
        "results/logs/reproduction.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        code=stage_digest("render"),
    shell:
        "( {CROSSARCH} collect runs --every --results results/reproduction"
        " && {CROSSARCH} render table2 --preset {input.preset} --results results/reproduction"
        " --runs {output[0]} ) 2> {log}"
