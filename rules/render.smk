# render: tables as CSV, Markdown and LaTeX, each also beside the paper's numbers, the scorecard, figures,
# and one page to explore all results in. A target a table and a figure.


rule render_table:
    input:
        metrics="<results>/metrics/{table}.csv",
        paper=lambda wildcards: paper_file(wildcards.table),
    output:
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
        [path for path in table_files("{table}") if path.endswith(".tex")],
    log:
        "<results>/logs/render/{table}.log",
    wildcard_constraints:
        table=any_of(MEASURED_TABLES),
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        folder=subpath(output[0], parent=True),
        selection=SELECTION,
        words=lambda wildcards: words_of(wildcards.table),
        code=stage_digest("render"),
    shell:
        "python -m crossarch {params.options} render {wildcards.table} --runs {input.metrics}"
        " --output {params.folder} > {log} 2>&1"


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
        options=options_of_commands,
        folder=subpath(output[0], parent=True),
        selection=SELECTION,
        words=lambda wildcards: words_of(wildcards.table),
        code=stage_digest("render"),
    shell:
        "python -m crossarch {params.options} render {wildcards.table} --output {params.folder} > {log} 2>&1"


rule scorecard:
    input:
        metrics="<results>/metrics/tables.csv",
        paper=PAPER_FILES,
    output:
        scorecard_files(layout),
    log:
        "<results>/logs/render/scorecard.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        folder=subpath(output[0], parent=True),
        selection=SELECTION,
        words=[words_of(name) for name in MEASURED_TABLES],
        code=stage_digest("scorecard"),
    shell:
        "python -m crossarch {params.options} render scorecard --runs {input.metrics}"
        " --output {params.folder} > {log} 2>&1"


rule render_figure:
    input:
        unpack(figure_metrics),
    output:
        multiext("<results>/figures/{figure}", ".csv", ".md", ".pdf", ".png"),
        svg=report(
            "<results>/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "<results>/logs/render/{figure}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        folder=subpath(output.svg, parent=True),
        files=lambda wildcards, input: input.get("records", []),
        runs=lambda wildcards, input: [f"--runs={path}" for path in input.get("metrics", [])],
        selection=SELECTION,
        words=lambda wildcards: figure_words(wildcards.figure),
        code=stage_digest("figures"),
    shell:
        "python -m crossarch {params.options} render {wildcards.figure} {params.files} {params.runs}"
        " --output {params.folder} > {log} 2>&1"


rule report_page:
    input:
        lambda wildcards: runs_of("runs"),
        runs="<results>/metrics/runs.csv",
        scorecard=chosen_scorecard(),
        figures=expand("<results>/figures/{figure}.{kind}", figure=chosen_figures(), kind=["svg", "md"]),
        audit=lambda wildcards: [layout.audit_table] if layout.audit_table.exists() else [],
    output:
        report(
            "<results>/report/index.html",
            caption="../report/page.rst",
            category="Explore",
            labels={"page": "all results"},
        ),
    log:
        "<results>/logs/render/report.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_commands,
        folder=subpath(output[0], parent=True),
        metrics=subpath(output[0], ancestor=2),
        selection=SELECTION,
        findings=FINDINGS,
        code=stage_digest("page"),
    shell:
        "python -m crossarch {params.options} render report {input.figures} {input.scorecard} {input.audit}"
        " --runs {input.runs} --metrics {params.metrics}/runs --output {params.folder} > {log} 2>&1"


rule report:
    input:
        "<results>/report/index.html",
    localrule: True


for table, settings in configuration.tables.items():

    rule:
        name:
            table
        input:
            table_files(table, settings.layout),
        localrule: True


for figure in configuration.figures:

    rule:
        name:
            figure
        input:
            figure_files(figure),
        localrule: True
