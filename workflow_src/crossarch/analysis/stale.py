"""Records that are not of the runs that they lie beside: those were trained again.

Imports nothing heavy.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crossarch.config import RunId
from crossarch.files import mapping_at, read_mapping
from crossarch.layout import Layout


def other_training(
    analysis: str, run: RunId, found: object, expected: object, key: str = "digest"
) -> str | None:
    """Why a record whose `key` is `found` is not of a run that has `expected`; nothing where it is."""
    if found == expected:
        return None
    return (
        f"{key}: found {found}, but the run has {expected}: analyse it again: "
        f"crossarch analyse {analysis} {run.path}"
    )


def stale_records(layout: Layout, analysis: str, runs: Iterable[RunId]) -> dict[Path, str]:
    """Those records of `runs` that are of another training than their metrics, and why.

    That is one of other settings, another set or other weights, as far as both tell. A run without a
    record or without metrics has none. Raises DataError for a file that is not JSON.
    """
    stale = dict[Path, str]()
    for run in runs:
        record, metrics = layout.analysis_record(analysis, run), layout.run_metrics(run)
        if record.exists() and metrics.exists():
            for key, found, expected in _compared(read_mapping(record), read_mapping(metrics)):
                if reason := other_training(analysis, run, found, expected, key):
                    stale.setdefault(record, reason)
    return stale


def _compared(
    record: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    """What a record and the metrics of its run both tell of the training: key, there and here."""
    yield "digest", record.get("digest"), metrics.get("digest")
    checkpoint = f"{record.get('checkpoint')}.safetensors"
    read, inputs = mapping_at(mapping_at(record, "provenance"), "inputs"), mapping_at(metrics, "inputs")
    known = {
        "distilled": inputs.get("distilled"),
        "weights": mapping_at(metrics, "weights").get(checkpoint),
    }
    for name, expected in known.items():
        if expected and read.get(name):
            yield f"provenance.inputs.{name}", read[name], expected
