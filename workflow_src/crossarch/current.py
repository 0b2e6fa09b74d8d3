"""Whether a finished run or a set distilled here is what would be made today.

That is of the settings, sets and teacher of today.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from crossarch.config import (
    Configuration,
    RunId,
    RunSettings,
    SetId,
    difference,
    images_reading,
    outdated_distillation,
    parse_run,
    resolve,
    set_whitening,
)
from crossarch.config.complain import validated
from crossarch.errors import ConfigError
from crossarch.files import mapping_at, read_mapping, safetensors_metadata, sha256_of
from crossarch.layout import Layout

Digest = Callable[[Path], str]


def outdated_runs(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those `files`, each a `metrics.json`, that were made otherwise than they would be today, and how.

    Of a run are compared its settings, the bytes of its training and test set as far as those lie in
    its results, all of this of its teacher, and the bytes of the weights that taught, as far as metrics
    and weights of the teacher lie beside it (as under `results/runs`). How often a run was
    tested (`evaluate_every`) is not: it changes what is known of a training, never the training itself.
    (A teacher that is the best of its tests may be another one where it was tested at other times; its
    weights are compared where they lie there.) Raises DataError for a file that is not JSON.
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
    inputs = mapping_at(data, "inputs")
    return (
        difference(made, today)
        or _reason_of_sets(configuration, file, today, inputs, digest)
        or _reason_of_teacher(configuration, file, today, inputs, digest)
    )


def images_fetched_from(configuration: Configuration, layout: Layout, dataset: str) -> str | None:
    """What the prepared images of a real data set were read from: an address, or the name of a folder.

    (Or of a file or a package.) None where they are not there, or are not what the configuration says
    today. The content that it knows decides, wherever the images came from. Where it knows none, they
    have to come from an archive of today, with the bytes of today, or from the user's disk. What the
    metadata do not tell counts as agreed.
    """
    settings, origin = configuration.dataset(dataset), configuration.origin(dataset)
    reading, found = images_reading(settings, origin), None
    pinned = {file.url: configuration.pinned(file).digests for file in origin.archives}
    for split in ("train", "test"):
        metadata = safetensors_metadata(layout.images(dataset, split))
        if metadata is None or metadata.get("read_as", reading) != reading:
            return None
        found = str(metadata.get("origin", origin.layout))
        if origin.embedded and found != origin.layout:
            return None
        if settings.content:
            expected = getattr(settings.content, split)
            if metadata.get("content", expected) != expected:
                return None
        elif "://" in found:
            read = json.loads(metadata.get("checksums", "{}")).get(found, {})
            if found not in pinned or any(
                read.get(kind, digest.lower()) != digest.lower()
                for kind, digest in pinned[found].items()
            ):
                return None
    return found


def outdated_set(
    configuration: Configuration, layout: Layout, target: SetId, digest: Digest = sha256_of
) -> str | None:
    """How a set that was distilled here was made otherwise than it would be today, by its record.

    Compared are the settings, and the bytes of the real images and of the whitener as far as those lie
    in the results. None where there is no record; raises DataError for one that is not JSON.
    """
    record = layout.distillation(target)
    if reason := outdated_distillation(configuration, target, record):
        return reason
    inputs = mapping_at(read_mapping(record), "inputs") if record.exists() else {}
    whitening = set_whitening(configuration, target.source, target.dataset, target.ipc)
    made_of = {
        "real": layout.images(target.dataset, "train"),
        "whitener": layout.whitener(target.dataset, whitening),
    }
    return _other_bytes(layout, "distilled with another file", inputs, made_of, digest)


def _reason_of_sets(
    configuration: Configuration,
    file: Path,
    today: RunSettings,
    inputs: Mapping[str, Any],
    digest: Digest,
) -> str | None:
    """Why the sets of a run, as they lie beside the runs now, are not those that it was made with."""
    run = today.run
    layout = Layout(_runs_folder(file, run).parent)
    if layout.run_metrics(run) != file.absolute():
        return None
    made = configuration.source(run.source).distilled
    if made and (reason := outdated_set(configuration, layout, run.training_set, digest)):
        return f"set {run.training_set.path}: {reason}"
    trained_on = {"distilled": layout.training_set(configuration, run.training_set, run.seed)}
    tested_on = {"test": layout.test_set(run.dataset, today.whitening)}
    return _other_bytes(layout, "trained on another set", inputs, trained_on, digest) or _other_bytes(
        layout, "tested on another set", inputs, tested_on, digest
    )


def _other_bytes(
    layout: Layout, done: str, inputs: Mapping[str, Any], files: Mapping[str, Path], digest: Digest
) -> str | None:
    """Which of `files`, by their names among the `inputs` of a record, has other bytes than it tells."""
    for name, path in files.items():
        if inputs.get(name) and path.exists() and digest(path) != inputs[name]:
            return f"{done} than lies in {path.relative_to(layout.results)} now"
    return None


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
