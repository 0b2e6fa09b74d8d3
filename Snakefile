# crossarch: how much accuracy is lost on distilled data when the test network is another one, and how
# much of it comes back? `snakemake --cores 2 table2`, or any output by its path.

from snakemake.utils import min_version

min_version("9.20")


report: "report/workflow.rst"


include: "rules/common.smk"


configfile: str(CONFIG / "config.yaml")


if CONTAINER:

    container: CONTAINER


# Wildcards stand in the rules themselves, since constraints do not reach into the value of a pathvar.
pathvars:
    results=selection.results,


# A run has one path: there is none with `@paper`, which goes without saying, or with `seed01`.
wildcard_constraints:
    dataset="[a-z0-9][a-z0-9._-]*",
    source="[a-z0-9][a-z0-9._-]*",
    ipc=r"[1-9]\d*",
    arch="[a-z0-9_-]+",
    recipe=r"[A-Za-z0-9][A-Za-z0-9._-]*(@(?!paper/)[a-z_]+)?",
    seed=r"0|[1-9]\d*",
    whitening="|".join([*WHITENINGS, CUSTOM_WHITENING]),
    table=any_of(configuration.tables),
    figure=any_of(configuration.figures),
    collection=any_of(["runs", "tables", *MEASURED_TABLES, *MEASURED_FIGURES, *SUMMARISED]),


include: "rules/fetch.smk"
include: "rules/prepare.smk"
include: "rules/audit.smk"
include: "rules/distil.smk"
include: "rules/train.smk"
include: "rules/analyse.smk"
include: "rules/collect.smk"
include: "rules/render.smk"
include: "rules/reproduction.smk"


rule all:
    default_target: True
    input:
        [table_files(name, configuration.tables[name].layout) for name in chosen_tables()],
        [figure_files(name) for name in chosen_figures()],
        chosen_scorecard(),
        chosen_page(),
    localrule: True


# What has ended is remembered by its content, so that a job that is run again on the same bytes trains
# nothing; of results that were replaced or deleted nothing is kept.
onsuccess:
    tell_warnings()
    prune_finished(layout.states)


onerror:
    tell_warnings()
