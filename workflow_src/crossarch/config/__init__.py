"""Configuration: YAML files in, resolved settings of runs out. Imports nothing heavy.

Every stage reads its settings from here; the Snakefile does too, in every cluster job.
"""

from crossarch.config.load import Configuration, load_configuration, read_overrides
from crossarch.config.plan import grid, table_datasets, table_runs, with_teachers
from crossarch.config.resolve import (
    LabelSettings,
    NetworkSettings,
    RunSettings,
    applies,
    distilled_set,
    network_settings,
    resolve,
    set_whitening,
    test_whitening,
)
from crossarch.config.runs import RUN_PATTERN, RunId, parse_run, split_recipe
from crossarch.config.sets import SetId, chosen_sets

__all__ = [
    "RUN_PATTERN",
    "Configuration",
    "LabelSettings",
    "NetworkSettings",
    "RunId",
    "RunSettings",
    "SetId",
    "applies",
    "chosen_sets",
    "distilled_set",
    "grid",
    "load_configuration",
    "network_settings",
    "parse_run",
    "read_overrides",
    "resolve",
    "set_whitening",
    "split_recipe",
    "table_datasets",
    "table_runs",
    "test_whitening",
    "with_teachers",
]
