# render, report: one page to explore all results in.


rule report_page:
    input:
        lambda wildcards: runs_of("runs"),
        runs="<results>/metrics/runs.csv",
        scorecard=chosen_scorecard(),
        figures=expand(
            "<results>/figures/{figure}.{kind}",
            figure=chosen_figures(),
            kind=["csv", "svg"],
        ),
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
        selection=SELECTION,
        code=stage_digest("page"),
    shell:
        "python -m crossarch {CHOSEN} render report > {log} 2>&1"


rule report:
    input:
        "<results>/report/index.html",
    localrule: True
