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
