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
from crossarch.training.ended import forget_ended
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

# Jobs run `python -m crossarch`: this Python and this checkout, or, in a conda environment (which puts
# its own Python first), that Python and this checkout.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.getenv("PATH", "")]),
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(Path(workflow.basedir) / "workflow_src"), os.getenv("PYTHONPATH")])
    ),
    CROSSARCH_RESULTS=selection.results,
)
# What decides the contents of tables, as one value that a change of triggers their jobs.
SELECTION = selection.model_dump_json(exclude={"device", "threads", "slots_per_gpu", "results"})
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


def archive_of(wildcards):
    """The download that a real data set is read from."""
    origin = configuration.datasets[wildcards.dataset].origin
    if origin is None:
        raise WorkflowError(
            f"config/datasets.yaml: {wildcards.dataset}.origin: found nothing, so its images "
            "cannot be fetched"
        )
    return upstream_path(origin.file)


def distilled_files(wildcards):
    """The downloads that a distilled set is read from."""
    entry = one_line(distilled_set)(
        configuration, wildcards.source, wildcards.dataset, int(wildcards.ipc)
    )
    return {"images": upstream_path(entry.images), "labels": upstream_path(entry.labels)}


def training_inputs(wildcards):
    """Training set, test set in its space and, for a student, the teacher's weights."""
    settings = settings_of(wildcards)
    run = settings.run
    inputs = {
        "distilled": layout.distilled(run.source, configuration.distilled_from(run.dataset), run.ipc),
        "test": layout.test_set(run.dataset, settings.whitening),
    }
    if settings.teacher:
        weights = f"{settings.distillation.checkpoint}.safetensors"
        inputs["teacher"] = layout.run(settings.teacher) / weights
    return {name: str(path) for name, path in inputs.items()}
