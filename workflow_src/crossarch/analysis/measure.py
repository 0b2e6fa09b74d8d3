"""The analyses of one run by name, and how the record of one is made."""

from collections.abc import Callable

from crossarch.analysis.curvature import measure_curvature
from crossarch.analysis.job import Job
from crossarch.analysis.record import Record, write_record
from crossarch.analysis.retrace import measure_teachers
from crossarch.analysis.taught import measure_softness
from crossarch.analysis.testing import (
    measure_agreement,
    measure_statistics,
    measure_whitening,
)

_MEASURES: dict[str, Callable[[Job], Record]] = {
    "curvature": measure_curvature,
    "whitening": measure_whitening,
    "agreement": measure_agreement,
    "softness": measure_softness,
    "statistics": measure_statistics,
    "teachers": measure_teachers,
}


def measure(analysis: str, job: Job) -> Record:
    """Make the record of an analysis of one run and write it.

    Raises DataError where the run has not ended or its files do not fit, ConfigError for a run that the
    analysis is not about.
    """
    record = _MEASURES[analysis](job)
    write_record(record, job.layout.analysis_record(analysis, job.run))
    return record
