# Configuration, checked before anything else, and what the rules ask of it.

import os
import re
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow_src"))

from crossarch.config import (
    RUN_PATTERN,
    collection_runs,
    distilled_set,
    load_configuration,
    parse_run,
    read_overrides,
    renderable_tables,
    resolve,
    table_words,
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
SELECTION = selection.model_dump_json(exclude={"device", "threads", "results"})
REPRODUCTION = Layout(Path("results/reproduction"))
SETTINGS_TABLES = [name for name, table in configuration.tables.items() if table.layout == "settings"]
MEASURED_TABLES = [name for name in configuration.tables if name not in SETTINGS_TABLES]


def any_of(names):
    """The regular expression of one of these names, perhaps of none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def upstream_path(file):
    """Where a file of the configuration lies after the fetch stage."""
    upstream = UpstreamFile(**file.model_dump())
    return str(layout.downloads / upstream.relative_path)


UPSTREAM = {upstream_path(file): file for file in configuration.files()}


def settings_of(wildcards):
    """The resolved settings of the run that the wildcards spell."""
    return settings_of_path(RUN_PATTERN.format(**wildcards))


@cache
@one_line
def settings_of_path(path):
    """As `settings_of`: Snakemake asks several times for each job."""
    return resolve(configuration, parse_run(path))


@one_line
def runs_of(collection):
    """The metrics of a table's runs, or of all chosen tables for `runs`."""
    runs = collection_runs(configuration, collection)
    return [str(layout.run_metrics(run)) for run in runs]


def table_files(table, layout_name="main"):
    """What is rendered of a table; without runs, `settings`, it is not compared with the paper."""
    return [str(path) for path in layout.table_files(table, layout_name)]


def scorecard_files(of_layout):
    """What is rendered of the scorecard."""
    return [str(path) for path in of_layout.scorecard_files()]


def paper_file(table):
    """The CSV of the paper's numbers for a table, if it has one."""
    file = configuration.paper_file(configuration.tables[table])
    return [str(file)] if file else []


def words_of(table):
    """What a table says besides its numbers, as one value that a change of triggers its job."""
    return table_words(configuration, configuration.tables[table])


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
