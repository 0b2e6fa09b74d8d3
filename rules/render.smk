# render: tables as CSV, Markdown and LaTeX, each also beside the paper's numbers, and the scorecard.


rule render_table:
    input:
        metrics="<results>/metrics/{table}.csv",
        paper=lambda wildcards: paper_file(wildcards.table),
    output:
        [path for path in table_files("{table}") if path.endswith(".tex")],
        *[
            report(
                f"{layout.tables}/{{table}}{edition}{suffix}",
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
        "python -m crossarch {CHOSEN} render {wildcards.table} > {log} 2>&1"


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
        "python -m crossarch {CHOSEN} render {wildcards.table} > {log} 2>&1"


rule scorecard:
    input:
        metrics="<results>/metrics/tables.csv",
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
        "python -m crossarch {CHOSEN} scorecard --runs {input.metrics} > {log} 2>&1"


for table, settings in configuration.tables.items():

    rule:
        name:
            table
        input:
            table_files(table, settings.layout),
        localrule: True


KEPT_TABLES = ("table2", "table8")
KEPT_FIGURES = ("figure1", "figure3", "figure7", "figure8")


# What is kept in git, rendered from the metrics that lie there: nothing is trained.
rule reproduction:
    input:
        metrics=lambda wildcards: published_runs(),
        paper=sorted({file for name in MEASURED_TABLES for file in paper_file(name)}),
        preset="config/presets/reproduction.yaml",
        findings=[file for file in ("results/reproduction/findings.md",) if Path(file).exists()],
        records=[path for name in MEASURED for path in REPRODUCTION.analysis_records(name)],
    output:
        runs=REPRODUCTION.metrics("runs"),
        tables=[path for name in KEPT_TABLES for path in REPRODUCTION.table_files(name, "main")],
        scorecard=scorecard_files(REPRODUCTION),
        figures=[path for name in KEPT_FIGURES for path in REPRODUCTION.figure_files(name)],
        page=REPRODUCTION.page,
        readme="results/reproduction/README.md",
        analyses=[path for name in SUMMARISED for path in REPRODUCTION.analysis_files(name)],
    log:
        "results/logs/reproduction.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=f"--preset config/presets/reproduction.yaml --results {REPRODUCTION.results}",
        results=REPRODUCTION.results,
        analyses=" ".join(SUMMARISED),
        code=[
            stage_digest(stage)
            for stage in (
                *("collect", "render", "scorecard", "figures", "page", "reproduction"),
                "summarise",
            )
        ]
        + [analysis_digest("summarise", name) for name in SUMMARISED],
        selection=SELECTION,
        words=[*map(words_of, MEASURED_TABLES), *map(figure_words, KEPT_FIGURES)],
        tables=" ".join(KEPT_TABLES),
        figures=" ".join(name for name in KEPT_FIGURES if name != "figure8"),
    shell:
        "( python -m crossarch --results {params.results} collect runs --every --output {output.runs}"
        " && for name in {params.tables} {params.figures}; do python -m crossarch {params.options} render"
        " $name --runs {output.runs} || exit 1; done"
        " && python -m crossarch {params.options} scorecard --runs {output.runs}"
        " && python -m crossarch {params.options} --selection '{{\"ipc\": [1]}}' render figure8"
        " --runs {output.runs}"  # the first of its IPC that was measured
        " && python -m crossarch {params.options} render report --runs {output.runs}"
        " && for analysis in {params.analyses}; do python -m crossarch {params.options} analyse summarise"
        " $analysis --runs {output.runs} --records {params.results}/analysis/$analysis"
        " --output {params.results}/analysis/$analysis.csv || exit 1; done"
        " && python -m crossarch {params.options} reproduction --runs {output.runs} ) > {log} 2>&1"
