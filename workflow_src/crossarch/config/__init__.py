"""Configuration: YAML files in, resolved settings of runs out. Imports nothing heavy.

Every stage reads its settings from here; the Snakefile does too, in every cluster job.
"""

from crossarch.config.choice import selected
from crossarch.config.configuration import Configuration
from crossarch.config.custom import NetworkFile, NoDropPath, network_code
from crossarch.config.diff import difference
from crossarch.config.distil import DistilSettings, chosen_distillations, resolve_distil
from crossarch.config.factors import recipe_factors, selected_titles, table_words
from crossarch.config.figures import (
    FigurePoint,
    figure_panels,
    figure_points,
    figure_runs,
    needs_runs,
    renderable_figures,
    schedule_recipe,
    shows_curvature,
)
from crossarch.config.load import load_configuration
from crossarch.config.plan import (
    collection_runs,
    grid,
    named_runs,
    renderable_tables,
    selected_files,
    table_archs,
    table_datasets,
    table_recipes,
    table_runs,
    with_teachers,
)
from crossarch.config.reading import read_overrides
from crossarch.config.resolve import (
    applies,
    distilled_set,
    images_reading,
    label_settings,
    network_settings,
    network_widths,
    published_teacher,
    resolve,
    run_recipe,
    set_reading,
    set_whitening,
    teacher_file,
    test_whitening,
    trained_as,
)
from crossarch.config.runs import RUN_PATTERN, RunId, SetId, parse_run, parse_set, split_recipe
from crossarch.config.sets import chosen_sets
from crossarch.config.settings import LabelSettings, NetworkSettings, RunSettings

__all__ = [
    "RUN_PATTERN",
    "Configuration",
    "DistilSettings",
    "FigurePoint",
    "LabelSettings",
    "NetworkFile",
    "NetworkSettings",
    "NoDropPath",
    "RunId",
    "RunSettings",
    "SetId",
    "applies",
    "chosen_distillations",
    "chosen_sets",
    "collection_runs",
    "difference",
    "distilled_set",
    "figure_panels",
    "figure_points",
    "figure_runs",
    "grid",
    "images_reading",
    "label_settings",
    "load_configuration",
    "named_runs",
    "needs_runs",
    "network_code",
    "network_settings",
    "network_widths",
    "parse_run",
    "parse_set",
    "published_teacher",
    "read_overrides",
    "recipe_factors",
    "renderable_figures",
    "renderable_tables",
    "resolve",
    "resolve_distil",
    "run_recipe",
    "schedule_recipe",
    "selected",
    "selected_files",
    "selected_titles",
    "set_reading",
    "set_whitening",
    "shows_curvature",
    "split_recipe",
    "table_archs",
    "table_datasets",
    "table_recipes",
    "table_runs",
    "table_words",
    "teacher_file",
    "test_whitening",
    "trained_as",
    "with_teachers",
]
