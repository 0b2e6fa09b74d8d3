# render, figures: CSV, then PDF, SVG, PNG and a caption from it; a target a figure.


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
        selection=SELECTION,
        words=lambda wildcards: figure_words(wildcards.figure),
        code=stage_digest("figures"),
    shell:
        "python -m crossarch {CHOSEN} render {wildcards.figure} > {log} 2>&1"


for figure in configuration.figures:

    rule:
        name:
            figure
        input:
            figure_files(figure),
        localrule: True
