# render: tables as CSV, Markdown and LaTeX, each also beside the paper's numbers; a target a table.


rule render_table:
    input:
        metrics="<results>/metrics/{table}.csv",
        paper=lambda wildcards: str(configuration.paper_file(configuration.tables[wildcards.table])),
    output:
        expand("<results>/tables/{{table}}{suffix}", suffix=EDITIONS_AS_LATEX),
        *[
            report(
                f"<results>/tables/{{table}}{edition}{suffix}",
                caption="../report/table.rst",
                category="Tables",
                subcategory="{table}",
                labels={"edition": title, "format": kind},
            )
            for edition, title in EDITION_TITLES.items()
            for suffix, kind in ((".csv", "CSV"), (".md", "Markdown"))
        ],
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
        "python -m crossarch render {wildcards.table} --selection {params.selection:q} > {log} 2>&1"


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
        runs="results/reproduction/metrics/runs.csv",
        tables=expand("results/reproduction/tables/table2{suffix}", suffix=EDITIONS),
        figure=expand("results/reproduction/figures/figure1{suffix}", suffix=FIGURE_FORMATS),
        page="results/reproduction/report/index.html",
    log:
        "results/logs/reproduction.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        code=[stage_digest(stage) for stage in ("render", "figures", "page")],
        figure=configuration.figures["figure1"].model_dump_json(),
        options="--preset config/presets/reproduction.yaml --results results/reproduction",
    shell:
        "( python -m crossarch collect runs --every --results results/reproduction"
        " && python -m crossarch render table2 {params.options} --runs {output.runs}"
        " && python -m crossarch render figure1 {params.options} --runs {output.runs}"
        " && python -m crossarch render report {params.options} --runs {output.runs} ) > {log} 2>&1"
