# crossarch: how much accuracy is lost on distilled data when the test network is another one, and how
# much of it comes back? `snakemake --cores 2 table2`, or any output by its path.

from snakemake.utils import min_version

min_version("9.20")


configfile: "config/config.yaml"


include: "rules/common.smk"


if "CROSSARCH_CONTAINER" in os.environ:  # an image made from Dockerfile or apptainer.def

    container: os.environ["CROSSARCH_CONTAINER"]


# Wildcards stand in the rules themselves, since constraints do not reach into the value of a pathvar.
pathvars:
    results=selection.results,


wildcard_constraints:
    dataset="[a-z0-9][a-z0-9._-]*",
    source="[a-z0-9][a-z0-9._-]*",
    ipc=r"\d+",
    arch="[a-z0-9_-]+",
    recipe=r"[A-Za-z0-9][A-Za-z0-9._-]*(@[a-z_]+)?",
    seed=r"\d+",
    whitening="|".join(WHITENINGS),
    table=any_of(configuration.tables),
    collection=any_of(["runs", *MEASURED_TABLES]),


include: "rules/fetch.smk"
include: "rules/prepare.smk"
include: "rules/train.smk"
include: "rules/collect.smk"
include: "rules/render.smk"


rule all:
    default_target: True
    input:
        [
            table_files(name, configuration.tables[name].layout)
            for name in renderable_tables(configuration)
        ],
        scorecard_files(layout),
    localrule: True
