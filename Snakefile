# crossarch: how much accuracy is lost on distilled data when the test network is another one, and how
# much of it comes back? `snakemake --cores 2 table2`, or any output by its path.

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


report: "report/workflow.rst"


include: "rules/common.smk"


pathvars:
    results=selection.results,
    run=f"<results>/runs/{RUN_PATTERN}",
    distilled="<results>/distilled/{source}/{dataset}/ipc{ipc}.safetensors",


wildcard_constraints:
    dataset="[a-z0-9][a-z0-9._-]*",
    source="[a-z0-9][a-z0-9._-]*",
    ipc=r"\d+",
    arch="[a-z0-9_-]+",
    recipe=r"[A-Za-z0-9][A-Za-z0-9._-]*(@[a-z_]+)?",
    seed=r"\d+",
    whitening="none|standardise|zca-kornia|zca-frepo",
    table="|".join(configuration.tables),
    figure="|".join(configuration.figures),
    collection="|".join(["runs", *configuration.tables, *FIGURES_OF_RUNS]),


include: "rules/fetch.smk"
include: "rules/prepare.smk"
include: "rules/train.smk"
include: "rules/collect.smk"
include: "rules/render.smk"
include: "rules/figures.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        collect("<results>/tables/{table}{suffix}", table=selection.tables, suffix=EDITIONS),
        collect(
            "<results>/figures/{figure}{suffix}",
            figure=renderable_figures(configuration),
            suffix=FIGURE_FORMATS,
        ),
        "<results>/metrics/runs.csv",
        "<results>/report/index.html",
    localrule: True
