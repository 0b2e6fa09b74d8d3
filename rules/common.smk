# Configuration, checked before anything else, and what the rules ask of it.

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow_src"))

from crossarch.config import (
    RUN_PATTERN,
    distilled_set,
    load_configuration,
    parse_run,
    read_overrides,
    resolve,
    table_runs,
)
from crossarch.digests import stage_digest
from crossarch.errors import CrossarchError
from crossarch.fetch.upstream import UpstreamFile
from crossarch.layout import Layout
from snakemake.exceptions import WorkflowError


def one_line(function):
    """A user's mistake ends the workflow with its one line, not with a traceback."""

    def guarded(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except CrossarchError as error:
            raise WorkflowError(str(error)) from None

    return guarded


@one_line
def read_configuration():
    """config/ with the presets of --configfile and the values of --config laid over it."""
    presets = read_overrides(path for path in workflow.config_settings.configfiles)
    command_line = [("--config", workflow.config_settings.config or {})]
    return load_configuration(Path("config"), overrides=[*presets, *command_line])


configuration = read_configuration()
selection = configuration.selection
layout = Layout(Path(selection.results))

# The package is run from the checkout, also where it is not installed (in a conda environment).
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(workflow.basedir) / "workflow_src"), os.environ.get("PYTHONPATH")])
)
# What decides the contents of tables, as one value that a change of triggers their jobs.
SELECTION = selection.model_dump_json(exclude={"device", "threads", "results"})
CROSSARCH = (
    "python -m crossarch"
    if workflow.deployment_settings.deployment_method
    else f"{sys.executable} -m crossarch"
)
EDITIONS = [
    f"{edition}{suffix}"
    for edition in ("", "-comparison")
    for suffix in (".csv", ".md", ".tex", "-standalone.tex")
]


def upstream_path(file):
    """Where a file of the configuration lies after the fetch stage."""
    upstream = UpstreamFile(**file.model_dump())
    return str(layout.downloads / upstream.relative_path)


UPSTREAM = {upstream_path(file): file for file in configuration.files()}


@one_line
def settings_of(wildcards):
    """The resolved settings of the run that the wildcards spell."""
    return resolve(configuration, parse_run(RUN_PATTERN.format(**wildcards)))


@one_line
def runs_of(collection):
    """The metrics of a table's runs, or of all chosen tables for `runs`."""
    names = selection.tables if collection == "runs" else [collection]
    runs = dict.fromkeys(
        run for name in names for run in table_runs(configuration, configuration.tables[name])
    )
    if not runs:
        raise CrossarchError(
            f"{', '.join(names)}: no run is left: the configuration's datasets, sources, ipc, archs "
            "and recipes have none in common with the table"
        )
    return [str(layout.run(run) / "metrics.json") for run in runs]
