"""Which runs an analysis is about. Imports nothing heavy: the rules ask for it."""

from collections.abc import Sequence

from crossarch.config import Configuration, RunId, applies, collection_runs, resolve
from crossarch.errors import ConfigError

REFERENCE = "paper"
OTHERS = ("released", "released_as_is")
"""The protocols that `protocols` compares with the reference."""


def chosen_runs(configuration: Configuration, analysis: str) -> list[RunId]:
    """The runs of the chosen tables that an analysis is about, each once.

    For `protocols` each of them under each protocol that it compares; for `agreement` those that have a
    teacher. Raises ConfigError where none is left.
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


def concerned(configuration: Configuration, analysis: str, runs: Sequence[RunId]) -> list[RunId]:
    """Those of `runs` that an analysis has something to say of: for `agreement` those with a teacher."""
    if analysis != "agreement":
        return list(runs)
    return [run for run in runs if resolve(configuration, run).teacher]
