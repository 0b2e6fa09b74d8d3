# reproduction: what is kept in git under results/reproduction/, rendered from the metrics there by the same
# commands; nothing is trained.

KEPT_TABLES = ["table2", "table8"]
KEPT_FIGURES = ["headline", "figure1", "figure3", "figure7"]
KEPT_FIGURES += ["figure8"] if REPRODUCTION.analysis_records("curvature") else []
PUBLISHED = REPRODUCTION.results


rule collect_published:
    input:
        lambda wildcards: published_runs(),
    output:
        f"{PUBLISHED}/metrics/runs.csv",
    log:
        "results/logs/reproduction/collect.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_reproduction,
        folder=PUBLISHED,
        code=stage_digest("collect"),
    shell:
        "python -m crossarch {params.options} --results {params.folder} collect runs --every"
        " --output {output} > {log} 2>&1"


use rule render_table as render_published_table with:
    input:
        metrics=rules.collect_published.output[0],
        paper=lambda wildcards: paper_file(wildcards.table),
        preset=CONFIG / "presets/reproduction.yaml",
    output:
        REPRODUCTION.table_files("{table}", "main"),
    log:
        "results/logs/reproduction/{table}.log",
    params:
        options=options_of_reproduction,


use rule scorecard as published_scorecard with:
    input:
        metrics=rules.collect_published.output[0],
        paper=PAPER_FILES,
        preset=CONFIG / "presets/reproduction.yaml",
    output:
        scorecard_files(REPRODUCTION),
    log:
        "results/logs/reproduction/scorecard.log",
    params:
        options=options_of_reproduction,


use rule render_figure as render_published_figure with:
    input:
        metrics=[rules.collect_published.output[0]],
        records=lambda wildcards: published_records(wildcards.figure),
        preset=CONFIG / "presets/reproduction.yaml",
    output:
        multiext(f"{PUBLISHED}/figures/{{figure}}", ".csv", ".md", ".pdf", ".png"),
        svg=f"{PUBLISHED}/figures/{{figure}}.svg",
    log:
        "results/logs/reproduction/{figure}.log",
    params:
        options=options_of_reproduction,


use rule report_page as published_page with:
    input:
        lambda wildcards: published_runs(),
        runs=rules.collect_published.output[0],
        scorecard=scorecard_files(REPRODUCTION),
        figures=expand(
            f"{PUBLISHED}/figures/{{figure}}.{{kind}}", figure=KEPT_FIGURES, kind=["svg", "md"]
        ),
        audit=[],
    output:
        str(REPRODUCTION.page),
    log:
        "results/logs/reproduction/report.log",
    params:
        options=options_of_reproduction,


rule reproduction_readme:
    input:
        metrics=rules.collect_published.output[0],
        paper=PAPER_FILES,
        preset=CONFIG / "presets/reproduction.yaml",
    output:
        f"{PUBLISHED}/README.md",
    log:
        "results/logs/reproduction/readme.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        options=options_of_reproduction,
        folder=subpath(output[0], parent=True),
        findings=FINDINGS,
        code=stage_digest("reproduction"),
    shell:
        "python -m crossarch {params.options} render reproduction --runs {input.metrics}"
        " --output {params.folder} > {log} 2>&1"


use rule analyse as analyse_published with:
    input:
        runs=rules.collect_published.output[0],
        records=lambda wildcards: REPRODUCTION.analysis_records(wildcards.analysis),
    output:
        multiext(f"{PUBLISHED}/analysis/{{analysis}}", ".md", ".pdf", ".png"),
        table=f"{PUBLISHED}/analysis/{{analysis}}.csv",
        svg=f"{PUBLISHED}/analysis/{{analysis}}.svg",
    log:
        "results/logs/reproduction/{analysis}.log",
    params:
        options=options_of_reproduction,
        records=REPRODUCTION.analyses,


rule reproduction:
    input:
        rules.reproduction_readme.output,
        rules.published_page.output,
        scorecard_files(REPRODUCTION),
        [REPRODUCTION.table_files(name, "main") for name in KEPT_TABLES],
        [REPRODUCTION.figure_files(name) for name in KEPT_FIGURES],
        [REPRODUCTION.analysis_files(name) for name in SUMMARISED],
    localrule: True
