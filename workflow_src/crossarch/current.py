"""Whether a finished run is what would be made today, of the settings, set and teacher of today."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from crossarch.config import Configuration, RunId, RunSettings, difference, parse_run, resolve
from crossarch.config.complain import validated
from crossarch.errors import ConfigError
from crossarch.files import read_mapping, sha256_of
from crossarch.layout import Layout

Digest = Callable[[Path], str]


def outdated_runs(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those `files`, each a `metrics.json`, that were made otherwise than they would be today, and how.

    Of a run are compared its settings, the bytes of its training set as far as that lies in
    `results/distilled`, all of this of its teacher, and the bytes of the weights that taught, as far as
    metrics and weights of the teacher lie beside it (as under `results/runs`). How often a run was
    tested (`evaluate_every`) is not: it changes what is known of a training, never the training. Raises
    DataError for a file that is not JSON.
    """
    digest = cache(sha256_of)  # several runs are trained on one set
    reasons = {file: outdated(configuration, file, digest) for file in map(Path, files)}
    return {file: reason for file, reason in reasons.items() if reason}


def outdated(configuration: Configuration, file: Path, digest: Digest = sha256_of) -> str | None:
    """How the run of one `metrics.json` was made otherwise than it would be today, as `outdated_runs`.

    `digest` gives the SHA-256 of a file, remembered where several runs are looked at.
    """
    data = read_mapping(file)
    try:
        today = resolve(configuration, parse_run(file.as_posix()))
        settings = data.get("settings")
        known = {"run": data.get("run"), **settings} if isinstance(settings, Mapping) else settings
        made = validated(RunSettings, known, "settings")
    except ConfigError as error:  # what it was made with exists no longer
        return str(error)
    inputs = data.get("inputs")
    inputs = inputs if isinstance(inputs, Mapping) else {}
    return (
        difference(made, today)
        or _reason_of_set(configuration, file, today.run, inputs, digest)
        or _reason_of_teacher(configuration, file, today, inputs, digest)
    )


def _reason_of_set(
    configuration: Configuration, file: Path, run: RunId, inputs: Mapping[str, Any], digest: Digest
) -> str | None:
    """Why the set of a run, as it lies beside the runs now, is not the one that it was trained on."""
    layout = Layout(_runs_folder(file, run).parent)
    path = layout.training_set(configuration, run.training_set, run.seed)
    trained_on = inputs.get("distilled")
    if not trained_on or layout.run_metrics(run) != file.absolute() or not path.exists():
        return None
    lies = path.relative_to(layout.results)
    return None if digest(path) == trained_on else f"trained on another set than lies in {lies} now"


def _reason_of_teacher(
    configuration: Configuration,
    file: Path,
    student: RunSettings,
    inputs: Mapping[str, Any],
    digest: Digest,
) -> str | None:
    """Why the teacher of a run, as it lies beside it now, is not the one that is asked for."""
    if student.teacher is None or student.distillation is None:
        return None
    folder = _runs_folder(file, student.run) / student.teacher.path
    record = folder / file.name
    if record.exists() and (reason := outdated(configuration, record, digest)):
        return f"teacher {student.teacher.path}: {reason}"
    weights = folder / f"{student.distillation.checkpoint}.safetensors"
    taught_by = inputs.get("teacher")
    if weights.exists() and taught_by and digest(weights) != taught_by:
        return f"teacher {student.teacher.path}: made with other weights than {weights.name} has today"
    return None


def _runs_folder(file: Path, run: RunId) -> Path:
    """The folder that the path of a run begins in."""
    return file.absolute().parents[len(Path(run.path).parts)]
