"""Which runs an analysis is about. Imports nothing heavy: the rules ask for it."""

from collections.abc import Sequence

from crossarch.analysis.stale import stale_records
from crossarch.config import (
    Configuration,
    NetworkSettings,
    RunId,
    applies,
    collection_runs,
    published_teacher,
    resolve,
)
from crossarch.config.schema import SUMMARISED, Whitening
from crossarch.config.sets import AUDITED
from crossarch.errors import ConfigError
from crossarch.layout import Layout

REFERENCE = "paper"
OTHERS = ("released", "released_as_is")
"""The protocols that `protocols` compares with the reference."""
ASIDE = ("protocols", "teachers")
"""Analyses that are made by their names alone: of `protocols` each cell would have to be trained under
every protocol, and `teachers` fetches weights and trains."""


def tested_spaces(own: Whitening) -> list[Whitening]:
    """The spaces that `whitening` tests a run in, its own first."""
    return list(dict.fromkeys([own, *AUDITED]))


def chosen_runs(configuration: Configuration, analysis: str) -> list[RunId]:
    """The runs of the chosen tables that an analysis is about, each once.

    For `protocols` each of them under each protocol that it compares; of the others those that
    `concerned` leaves. Raises ConfigError where none is left.
    """
    runs = collection_runs(configuration, "tables")
    if analysis == "protocols":
        every = [
            run.model_copy(update={"protocol": name}) for run in runs for name in (REFERENCE, *OTHERS)
        ]
        runs = [run for run in dict.fromkeys(every) if applies(configuration, run)]
    runs = concerned(configuration, analysis, runs)
    if not runs:
        raise ConfigError(f"{analysis}: no run is left: the chosen tables have none that it is about")
    return runs


def analyses_together(configuration: Configuration) -> list[str]:
    """The analyses of `ASIDE` apart that the chosen tables have runs for.

    Raises ConfigError where no table has any run.
    """
    runs = collection_runs(configuration, "tables")
    return [name for name in SUMMARISED if name not in ASIDE and concerned(configuration, name, runs)]


def concerned(configuration: Configuration, analysis: str, runs: Sequence[RunId]) -> list[RunId]:
    """Those of `runs` that an analysis has something to say of.

    For `agreement` and `softness` those with a teacher; for `statistics` those of our networks with
    batch norm (whether one of the user's own has it is known when it is made); for `teachers` those
    that the authors published weights of: of the source's own network, on a set with a teacher.
    """
    match analysis:
        case "agreement" | "softness":
            return [run for run in runs if resolve(configuration, run).teacher]
        case "statistics":
            return [run for run in runs if _has_batch_norm(resolve(configuration, run).network)]
        case "teachers":
            return [run for run in runs if published_teacher(configuration, run)]
    return list(runs)


def _has_batch_norm(network: NetworkSettings) -> bool:
    return network.own is None and network.norm == "batch"


def unmeasured(layout: Layout, analysis: str, runs: Sequence[RunId]) -> list[RunId]:
    """Those of `runs` that have no record, or one of another training.

    Raises DataError as `stale_records`.
    """
    stale = stale_records(layout, analysis, runs)
    records = {run: layout.analysis_record(analysis, run) for run in runs}
    return [run for run, record in records.items() if not record.exists() or record in stale]
