"""Records that are not of the runs that they lie beside: those were trained again, with other settings.

Imports nothing heavy.
"""

from collections.abc import Iterable
from pathlib import Path

from crossarch.config import RunId
from crossarch.files import read_mapping
from crossarch.layout import Layout


def other_training(analysis: str, run: RunId, found: object, expected: object) -> str | None:
    """Why a record with the digest `found` is not of a run that has `expected`; nothing where it is."""
    if found == expected:
        return None
    return (
        f"digest: found {found}, but the run has {expected}: analyse it again: "
        f"crossarch analyse {analysis} {run.path}"
    )


def stale_records(layout: Layout, analysis: str, runs: Iterable[RunId]) -> dict[Path, str]:
    """Those records of `runs` that are of another training than their metrics, and why.

    A run without a record or without metrics has none. Raises DataError for a file that is not JSON.
    """
    stale = {}
    for run in runs:
        record, metrics = layout.analysis_record(analysis, run), layout.run_metrics(run)
        if record.exists() and metrics.exists():
            found, expected = (read_mapping(file).get("digest") for file in (record, metrics))
            if reason := other_training(analysis, run, found, expected):
                stale[record] = reason
    return stale
