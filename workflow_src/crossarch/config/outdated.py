"""Whether a finished run or distillation is what the configuration asks for today."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crossarch.config.complain import validated
from crossarch.config.configuration import Configuration
from crossarch.config.differ import differences
from crossarch.config.distil import DistilSettings, resolve_distil
from crossarch.config.model import Resolved
from crossarch.config.resolve import RunSettings, resolve
from crossarch.config.runs import parse_run
from crossarch.config.sets import SetId
from crossarch.errors import ConfigError
from crossarch.files import read_mapping, sha256_of


def outdated(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those `files`, each a `metrics.json`, that were made otherwise than is asked for, and how.

    The settings of a run are compared, those of its teacher, and the bytes of the weights that taught,
    as far as metrics and weights of the teacher lie beside it (as under `results/runs`). How often a run
    was tested (`evaluate_every`) is not: it changes what is known of a training, never the training.
    Raises DataError for a file that is not JSON.
    """
    reasons = {file: _reason(configuration, file) for file in map(Path, files)}
    return {file: reason for file, reason in reasons.items() if reason}


def outdated_distillation(configuration: Configuration, target: SetId, record: Path) -> str | None:
    """How a set that was distilled here was made otherwise than is asked for, by its `record`.

    None where it was not, or where there is no record. Raises DataError for one that is not JSON.
    """
    if not record.exists():
        return None
    settings = read_mapping(record).get("settings")
    today = resolve_distil(configuration, target)
    try:
        known = {"target": target, **settings} if isinstance(settings, Mapping) else settings
        made = validated(DistilSettings, known, "settings")
    except ConfigError as error:  # what it was made with exists no longer
        return str(error)
    return _difference(made, today)


def _reason(configuration: Configuration, file: Path) -> str | None:
    data = read_mapping(file)
    try:
        today = resolve(configuration, parse_run(file.as_posix()))
        settings = data.get("settings")
        known = {"run": data.get("run"), **settings} if isinstance(settings, Mapping) else settings
        made = validated(RunSettings, known, "settings")
    except ConfigError as error:  # what it was made with exists no longer
        return str(error)
    return _difference(made, today) or _reason_of_teacher(configuration, file, today, data)


def _difference(made: Resolved, today: Resolved) -> str | None:
    """The first key in which settings differ, and how; None if they are the same."""
    then, now = (one.model_dump(mode="json", exclude={"evaluate_every"}) for one in (made, today))
    first = next(differences(then, now, key="settings"), None)
    return f"{first[0]}: made with {first[1]!r}, today {first[2]!r}" if first else None


def _reason_of_teacher(
    configuration: Configuration, file: Path, student: RunSettings, metrics: Mapping[str, Any]
) -> str | None:
    """Why the teacher of a run, as it lies beside it now, is not the one that is asked for."""
    if student.teacher is None or student.distillation is None:
        return None
    folder = file.absolute().parents[len(Path(student.run.path).parts)] / student.teacher.path
    record = folder / file.name
    if record.exists() and (reason := _reason(configuration, record)):
        return f"teacher {student.teacher.path}: {reason}"
    weights = folder / f"{student.distillation.checkpoint}.safetensors"
    taught_by = (metrics.get("inputs") or {}).get("teacher")
    if weights.exists() and taught_by and sha256_of(weights) != taught_by:
        return f"teacher {student.teacher.path}: made with other weights than {weights.name} has today"
    return None
