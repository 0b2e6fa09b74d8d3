"""An analysis of several runs as files: the table, a figure, and a page that says what it found.

Which runs count: all that have ended with today's settings, or those that the configuration chooses.
Imports no torch: what is measured of a run stands in its record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from crossarch.analysis.agreement import find_agreement
from crossarch.analysis.cells import INTERVALS, has_intervals, measured_on
from crossarch.analysis.chosen import chosen_runs
from crossarch.analysis.drawing import draw_rows
from crossarch.analysis.findings import Findings
from crossarch.analysis.protocols import find_protocols
from crossarch.analysis.record import (
    AgreementRecord,
    R,
    SoftnessRecord,
    StatisticsRecord,
    TeacherRecord,
    WhiteningRecord,
    read_record,
)
from crossarch.analysis.selection import find_selection
from crossarch.analysis.softness import find_softness
from crossarch.analysis.stale import stale_records
from crossarch.analysis.statistics import find_statistics
from crossarch.analysis.teachers import find_teachers
from crossarch.analysis.whitening import find_whitening
from crossarch.collect.runs import collect_runs
from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration, RunId
from crossarch.config.schema import Summarised
from crossarch.errors import ConfigError, DataError
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.synthetic import NOTICE, any_synthetic

NOTHING = "Not measured yet."


@dataclass(frozen=True)
class _Ended:
    """The runs that an analysis is of, all of which have ended and, where it needs it, have a record."""

    configuration: Configuration
    layout: Layout
    analysis: Summarised
    runs: Sequence[RunId]

    @cached_property
    def collected(self) -> pd.DataFrame:
        """The table of `collect_runs`."""
        return collect_runs(map(self.layout.run_metrics, self.runs))

    def records(self, kind: type[R]) -> list[R]:
        """What was measured of each run; DataError for a record of another training."""
        for file, reason in stale_records(self.layout, self.analysis, self.runs).items():
            raise DataError(f"{file}: {reason}")
        files = (self.layout.analysis_record(self.analysis, run) for run in self.runs)
        return [read_record(kind, file) for file in files]


_FIND: dict[Summarised, Callable[[_Ended], Findings]] = {
    "selection": lambda ended: find_selection(ended.collected),
    "protocols": lambda ended: find_protocols(ended.configuration, ended.collected),
    "whitening": lambda ended: find_whitening(ended.configuration, ended.records(WhiteningRecord)),
    "agreement": lambda ended: find_agreement(ended.records(AgreementRecord)),
    "softness": lambda ended: find_softness(ended.records(SoftnessRecord)),
    "statistics": lambda ended: find_statistics(ended.records(StatisticsRecord)),
    "teachers": lambda ended: find_teachers(ended.records(TeacherRecord)),
}


def findings(
    configuration: Configuration, layout: Layout, analysis: Summarised, runs: Sequence[RunId]
) -> Findings:
    """What an analysis finds in `runs`, all of which have ended and, where it needs it, have a record.

    Raises DataError for a file that is missing or broken, and for a record of another training.
    """
    return _FIND[analysis](_Ended(configuration, layout, analysis, runs))


def write_findings(
    configuration: Configuration,
    layout: Layout,
    analysis: Summarised,
    runs: Sequence[RunId],
    may_be_empty: bool = True,
) -> tuple[list[Path], str]:
    """Write the table, the figure and the page of an analysis; gives the files and the text.

    `runs` are as in `findings`; DataError where nothing was found in them, unless it `may_be_empty`.
    What the configuration chooses and is not among them, the page counts.
    """
    ended = _Ended(configuration, layout, analysis, runs)
    synthetic = any_synthetic(ended.collected["device"])
    found = _FIND[analysis](ended)
    if not (found.told or may_be_empty):
        raise DataError(
            f"analyse {analysis}: found no finished run that it says something of, needed: at least one;"
            f" `snakemake {analysis}` trains what is missing"
        )
    csv, page, *_ = layout.analysis_files(analysis)
    told = f"{NOTICE}. {found.told}" if synthetic and found.told else found.told
    text = _text(configuration, analysis, told, runs)
    write_tidy(found.table, csv)
    drawn = draw_rows(configuration, found.rows, csv.with_suffix(""), synthetic)
    image = f"![{found.title}]({csv.with_suffix('.png').name})"
    write_text(page, f"# {found.title}\n\n{image}\n\n{text}\n")
    return [csv, page, *drawn], text


def _text(configuration: Configuration, analysis: str, told: str, runs: Sequence[RunId]) -> str:
    if not told:
        return NOTHING
    sentences = [INTERVALS] if has_intervals(told) else []
    sentences.append(measured_on(configuration, (run.dataset for run in runs)))
    missing = set(_chosen_or_none(configuration, analysis)) - set(runs)
    if missing:
        sentences.append(f"Not measured: {len(missing)} other runs of the chosen tables.")
    return f"{told}\n\n{' '.join(sentences)}"


def _chosen_or_none(configuration: Configuration, analysis: str) -> list[RunId]:
    try:
        return chosen_runs(configuration, analysis)
    except ConfigError:
        return []
