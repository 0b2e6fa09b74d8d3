"""Which runs an analysis is about. Imports nothing heavy: the rules ask for it."""

from collections.abc import Sequence
from pathlib import Path

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
from crossarch.files import read_mapping
from crossarch.layout import Layout

REFERENCE = "paper"
OTHERS = ("released", "released_as_is")
"""The protocols that `protocols` compares with the reference."""
ASIDE = ("protocols", "stand_in", "teachers")
"""Analyses that are made by their names alone: of `protocols` each cell would have to be trained under
every protocol, `stand_in` needs the originals, and `teachers` fetches weights and trains."""


def tested_spaces(own: Whitening) -> list[Whitening]:
    """The spaces that `whitening` tests a run in, its own first."""
    return list(dict.fromkeys([own, *AUDITED]))


def compared_spaces(own: Whitening) -> list[Whitening]:
    """The spaces that `stand_in` compares copies and originals in: the own one first, then both ZCA."""
    return list(dict.fromkeys([own, *(space for space in AUDITED if space.startswith("zca"))]))


def originals_of(configuration: Configuration, run: RunId) -> str:
    """What the originals of `stand_in` are called: the name of the given file, or of the data set."""
    given = configuration.selection.stand_in.originals
    return Path(given).name if given else configuration.distilled_from(run.dataset)


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
    batch norm (whether one of the user's own has it is known when it is made); for `stand_in` those
    whose data set stands in for another; for `teachers` those that the authors published weights of: of
    the source's own network, on a set with a teacher.
    """
    match analysis:
        case "agreement" | "softness":
            return [run for run in runs if resolve(configuration, run).teacher]
        case "statistics":
            return [run for run in runs if _has_batch_norm(resolve(configuration, run).network)]
        case "stand_in":
            return [run for run in runs if configuration.distilled_from(run.dataset) != run.dataset]
        case "teachers":
            return [run for run in runs if published_teacher(configuration, run)]
    return list(runs)


def _has_batch_norm(network: NetworkSettings) -> bool:
    return network.own is None and network.norm == "batch"


def unmeasured(
    configuration: Configuration, layout: Layout, analysis: str, runs: Sequence[RunId]
) -> list[RunId]:
    """Those of `runs` that have no record, or one of something else than is asked for today.

    That is one of another training or, for `stand_in`, one on other originals than are configured.
    Raises DataError as `stale_records`.
    """
    stale = stale_records(layout, analysis, runs)

    def is_measured(run: RunId) -> bool:
        record = layout.analysis_record(analysis, run)
        if not record.exists() or record in stale:
            return False
        if analysis != "stand_in":
            return True
        return read_mapping(record).get("originals") == originals_of(configuration, run)

    return [run for run in runs if not is_measured(run)]
