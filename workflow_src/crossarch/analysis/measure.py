"""How the record of one run is made: from files to a file."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from crossarch.analysis.base import FinishedRun, Record, find_analysis
from crossarch.config import RunSettings
from crossarch.config.schema import Arithmetic
from crossarch.config.validation import as_data_error, validated
from crossarch.errors import DataError
from crossarch.files import read_mapping, write_text
from crossarch.running.provenance import provenance
from crossarch.running.slots import taking_device
from crossarch.running.task import digests_of
from crossarch.training.arithmetic import set_arithmetic


def measure(
    name: str,
    files: Mapping[str, Sequence[Path]],
    options: Mapping[str, Any],
    destination: Path,
    *,
    device: str = "auto",
    slots_per_gpu: int = 1,
    threads: int = 1,
) -> Record:
    """Measure a finished run and write its record, JSON, atomically.

    `files` are its `metrics` and what analyses.yaml lists as `inputs`, `options` what it lists as
    `settings`. Arithmetic is float32, whatever the run was trained in (but what trains again computes as
    the run did). Raises DataError where the files do not fit.
    """
    started = time.perf_counter()
    torch.set_num_threads(threads)
    set_arithmetic(Arithmetic())
    analysis = find_analysis(name)
    with taking_device(device, slots_per_gpu) as chosen:
        run = read_finished(files, options, chosen)
        record = analysis.record(
            **analysis.measure(run),
            run=run.settings.run,
            digest=run.metrics["digest"],
            provenance=provenance(chosen, threads, run.digests),
            seconds=round(time.perf_counter() - started, 1),
        )
    write_text(destination, record.model_dump_json(indent=1) + "\n")
    return record


def read_finished(
    files: Mapping[str, Sequence[Path]], options: Mapping[str, Any], device: torch.device
) -> FinishedRun:
    """The run whose `metrics` are among `files`.

    Raises DataError where its metrics are not whole, and where another file is not the one that they
    have the SHA-256 of.
    """
    file = files["metrics"][0]
    metrics = dict(read_mapping(file))
    with as_data_error():
        made = {"run": metrics.get("run"), **dict(metrics.get("settings") or {})}
        settings = validated(RunSettings, made, str(file))
    paths = {
        name if len(group) == 1 else f"{name}/{path.stem}": path
        for name, group in files.items()
        for path in group
    }
    digests, weights = digests_of(paths), metrics.get("weights", {})
    recorded = {
        **metrics.get("inputs", {}),
        "weights": weights.get("last.safetensors"),
        "best": weights.get("best.safetensors"),
    }
    for name, path in paths.items():
        expected = recorded.get(name) or digests[name]
        if digests[name] != expected:
            raise DataError(
                f"{path}: found SHA-256 {digests[name]}, but {file} has {expected}: the two are of "
                "different runs"
            )
    return FinishedRun(settings, metrics, files, digests, options, device)
