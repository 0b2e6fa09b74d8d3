"""Two finished runs beside each other: what differs, and whether they can be compared at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crossarch.config.differ import differences
from crossarch.overview.shown import Difference, Provenance, ShownRun

_INPUTS = {
    "distilled": "they were trained on different files",
    "test": "they were tested on different files",
    "teacher": "their teachers are different trainings",
}


@dataclass(frozen=True)
class Comparison:
    """What differs between the identities, the settings and the inputs of two runs, and warnings."""

    run: tuple[Difference, ...]
    settings: tuple[Difference, ...]
    warnings: tuple[str, ...]


def compare(first: ShownRun, second: ShownRun) -> Comparison:
    """Compare two runs. A warning says why a difference in accuracy is not one of the settings alone."""
    one, other = (shown.metrics.run.model_dump(mode="json") for shown in (first, second))
    return Comparison(
        run=tuple(differences(one, other)),
        settings=tuple(differences(_settings(first), _settings(second))),
        warnings=tuple(_warnings(first, second)),
    )


def _settings(shown: ShownRun) -> dict[str, Any]:
    """The settings, of the teacher's only how it was trained: the rest follows from the run."""
    told = {name: value for name, value in shown.settings.items() if name != "teacher_network"}
    if teacher := shown.settings.get("teacher"):
        told["teacher"] = f"{teacher['arch']}, {teacher['recipe']}"
    return told


def _warnings(first: ShownRun, second: ShownRun) -> Iterator[str]:
    one, other = first.metrics, second.metrics
    for name, told in _INPUTS.items():
        digests = one.inputs.get(name), other.inputs.get(name)
        if None not in digests and digests[0] != digests[1]:
            changed = _prepared_anew(one, other) if name != "teacher" else ""
            yield f"not like with like: {told} (inputs.{name}){changed}"
    whitenings = one.settings.whitening, other.settings.whitening
    if whitenings[0] != whitenings[1]:
        yield f"not like with like: whitening {whitenings[0]} and {whitenings[1]}"
    looks = len(one.evaluations), len(other.evaluations)
    if looks[0] != looks[1]:
        yield f"`best` is the best of {looks[0]} and of {looks[1]} evaluations: compare `last`"


def _prepared_anew(one: Provenance, other: Provenance) -> str:
    """What it means where the names say that the files are the same."""
    if (one.run.training_set, one.settings.whitening) != (
        other.run.training_set,
        other.settings.whitening,
    ):
        return ""
    commits = " and ".join(metrics.commit or "not known" for metrics in (one, other))
    return f"; by name they are one: prepared from other data, or by other code (commits {commits})"
