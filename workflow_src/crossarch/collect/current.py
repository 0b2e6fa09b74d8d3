"""Whether a finished run is what would be trained today: its settings, and the bytes it was made of."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from crossarch.config import Configuration, RunSettings, difference, parse_run, resolve
from crossarch.config.validation import validated
from crossarch.errors import ConfigError
from crossarch.files import mapping_at, read_mapping, sha256_of
from crossarch.layout import Layout

Digest = Callable[[Path], str]


def outdated_runs(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those `files`, each a `metrics.json`, that were made otherwise than they would be today, and how.

    Compared are the settings of a run and of its teacher, and the SHA-256 of the sets and of the
    teacher's weights with those of the files of today, as far as these lie where the path of the run
    begins. How often a run was tested is not: that changes what is known of a training, not the
    training. Raises DataError for a file that is not JSON.
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
    if reason := difference(made, today):
        return reason
    runs = file.absolute().parents[len(Path(today.run.path).parts)]
    if today.teacher:
        record = runs / today.teacher.path / file.name
        if record.exists() and (reason := outdated(configuration, record, digest)):
            return f"teacher {today.teacher.path}: {reason}"
    return _other_input(configuration, runs, today, mapping_at(data, "inputs"), digest)


def _other_input(
    configuration: Configuration,
    runs: Path,
    today: RunSettings,
    inputs: Mapping[str, Any],
    digest: Digest,
) -> str | None:
    """Which input of a run has other bytes than its record tells; None if all that are there agree."""
    for name, path in _inputs(configuration, runs, today).items():
        if inputs.get(name) and path.exists() and digest(path) != inputs[name]:
            return f"{name}: made with other bytes than {path.relative_to(runs.parent)} has today"
    return None


def _inputs(configuration: Configuration, runs: Path, today: RunSettings) -> dict[str, Path]:
    """The files that a run would be made of, beside the folder of `runs`."""
    run, layout = today.run, Layout(runs.parent)
    weights = {}
    if today.teacher and today.distillation:
        checkpoint = f"{today.distillation.checkpoint}.safetensors"
        weights["teacher"] = runs / today.teacher.path / checkpoint
    if runs.name != "runs":  # a copy of runs alone
        return weights
    return {
        "distilled": layout.training_set(configuration, run.training_set, run.seed),
        "test": layout.test_set(run.dataset, today.whitening),
        **weights,
    }
