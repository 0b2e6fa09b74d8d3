"""One finished run as its `metrics.json` tells it, and what today's configuration says about it."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from crossarch.collect.current import outdated
from crossarch.collect.runs import Curve, Metrics, read_metrics
from crossarch.config import Configuration, parse_run
from crossarch.config.diff import differences
from crossarch.errors import DataError
from crossarch.files import read_mapping
from crossarch.layout import Layout
from crossarch.report.tables import paper_accuracies

Difference = tuple[str, Any, Any]


class Provenance(Curve, Metrics):
    """All that is shown of a `metrics.json` beside its settings."""

    versions: dict[str, str] = Field(default={})
    inputs: dict[str, str] = Field(default={})


@dataclass(frozen=True)
class ShownRun:
    """A finished run: the file, what it tells, and its resolved settings as they stand there."""

    file: Path
    metrics: Provenance
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """What the configuration of today says about a run.

    `base` is the recipe that its recipe starts from and `changes` what differs from it; `outdated` why
    it would be trained anew (None: it would not); `paper` what the paper prints for its cell (percent);
    `findings` the titles of what was found about such runs.
    """

    base: str | None
    changes: tuple[Difference, ...]
    outdated: str | None
    paper: float | None
    findings: tuple[str, ...]


def find_metrics(layout: Layout, run: str) -> Path:
    """The metrics of a run given by its path under `runs/`, or by its folder or `metrics.json` itself.

    Raises ConfigError if it is not the path of a run, DataError if no such run has finished.
    """
    given = Path(run)
    asked = parse_run(given.as_posix().rstrip("/"))
    for file in (given / "metrics.json", given, layout.run_metrics(asked)):
        if file.name == "metrics.json" and file.is_file():
            return file
    finished = [parse_run(file.as_posix()).path for file in layout.finished_runs()]
    near = difflib.get_close_matches(asked.path, finished, n=1, cutoff=0.8)
    hint = f"; the nearest is {near[0]}" if near else ""
    raise DataError(
        f"{layout.run_metrics(asked)}: no such file, the run has not finished "
        f"(finished under {layout.results}: {len(finished) or 'none'}{hint})"
    )


def read_shown(file: Path) -> ShownRun:
    """Read the metrics of a run.

    Raises DataError, naming file and key, where they are broken or not of the run that its path spells.
    """
    return ShownRun(file, read_metrics(Provenance, file), read_mapping(file)["settings"])


def judge(configuration: Configuration, shown: ShownRun) -> Judgement:
    """Hold a run against today's configuration, which need not know its recipe or source any more."""
    run = shown.metrics.run
    book = configuration.recipe_book
    base = book.recipes.get(run.recipe, {}).get("base")
    changes: tuple[Difference, ...] = ()
    if base is not None:
        recipe = book.recipe(base, run.protocol, ipc=run.ipc, arch=run.arch, source=run.source)
        today = recipe.model_dump(mode="json")
        parts = {name: today[name] for name in today if name in shown.settings and name != "network"}
        if recipe.batch_size is None:  # that of the data set
            parts.pop("batch_size", None)
        changes = tuple(differences(parts, {name: shown.settings[name] for name in parts}))
    return Judgement(
        base=base,
        changes=changes,
        outdated=outdated(configuration, shown.file),
        paper=_paper(configuration, shown),
        findings=tuple(each.title for each in configuration.findings_of(run.model_dump()).values()),
    )


def _paper(configuration: Configuration, shown: ShownRun) -> float | None:
    run = shown.metrics.run
    if run.dataset not in configuration.datasets:
        return None
    cell = (run.dataset, run.source, run.ipc, run.recipe, run.arch)
    return paper_accuracies(configuration).get(cell)
