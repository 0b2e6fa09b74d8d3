"""The analyses of one run by name, and which runs lack one."""

from collections.abc import Sequence

from crossarch.analysis.chosen import originals_of
from crossarch.analysis.curvature import measure_curvature
from crossarch.analysis.retrace import measure_teacher
from crossarch.analysis.stale import stale_records
from crossarch.analysis.taught import measure_softness
from crossarch.analysis.testing import (
    measure_agreement,
    measure_stand_in,
    measure_statistics,
    measure_whitening,
)
from crossarch.config import Configuration, RunId
from crossarch.files import read_mapping
from crossarch.layout import Layout

MEASURES = {
    "curvature": measure_curvature,
    "whitening": measure_whitening,
    "agreement": measure_agreement,
    "softness": measure_softness,
    "statistics": measure_statistics,
    "stand_in": measure_stand_in,
    "teachers": measure_teacher,
}


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
