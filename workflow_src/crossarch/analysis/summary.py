"""An analysis of several runs as files: the table, a figure, and a page that says what it found.

Which runs count: all that have ended with today's settings, or those that the configuration chooses.
Imports no torch: what is measured of a run stands in its record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crossarch.analysis import (
    agreement,
    protocols,
    selection,
    softness,
    stand_in,
    statistics,
    teachers,
    whitening,
)
from crossarch.analysis.cells import INTERVALS, has_intervals, measured_on
from crossarch.analysis.chosen import chosen_runs
from crossarch.analysis.drawing import Rows, draw_rows
from crossarch.analysis.record import (
    AgreementRecord,
    R,
    SoftnessRecord,
    StandInRecord,
    StatisticsRecord,
    TeacherRecord,
    WhiteningRecord,
    read_record,
)
from crossarch.analysis.stale import stale_records
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
class Findings:
    """What an analysis found: its table, what that says in words (empty: nothing), what is drawn."""

    title: str
    table: pd.DataFrame
    told: str
    rows: Rows
    synthetic: bool


def findings(
    configuration: Configuration, layout: Layout, analysis: Summarised, runs: Sequence[RunId]
) -> Findings:
    """What an analysis finds in `runs`, all of which have ended and, where it needs it, have a record.

    Raises DataError for a file that is missing or broken, and for a record of another training.
    """
    collected = collect_runs(layout.run_metrics(run) for run in runs)
    match analysis:
        case "selection":
            title = selection.TITLE
            table = selection.selection_table(collected)
            told, rows = selection.selection_finding(collected), selection.selection_rows(table)
        case "protocols":
            title = protocols.TITLE
            table = protocols.protocols_table(configuration, collected, configuration.selection.accuracy)
            told, rows = protocols.protocols_finding(table), protocols.protocols_rows(table)
        case "whitening":
            title = whitening.TITLE
            tests = _records(layout, WhiteningRecord, analysis, runs)
            table = whitening.whitening_table(configuration, tests)
            told = whitening.whitening_finding(configuration, table, tests)
            rows = whitening.whitening_rows(table)
        case "agreement":
            title = agreement.TITLE
            table = agreement.agreement_table(_records(layout, AgreementRecord, analysis, runs))
            told, rows = agreement.agreement_finding(table), agreement.agreement_rows(table)
        case "softness":
            title = softness.TITLE
            table = softness.softness_table(_records(layout, SoftnessRecord, analysis, runs))
            told, rows = softness.softness_finding(table), softness.softness_rows(table)
        case "statistics":
            title = statistics.TITLE
            table = statistics.statistics_table(_records(layout, StatisticsRecord, analysis, runs))
            told, rows = statistics.statistics_finding(table), statistics.statistics_rows(table)
        case "stand_in":
            title = stand_in.TITLE
            pairs = _records(layout, StandInRecord, analysis, runs)
            table = stand_in.stand_in_table(pairs)
            told, rows = stand_in.stand_in_finding(table, pairs), stand_in.stand_in_rows(table)
        case "teachers":
            title = teachers.TITLE
            table = teachers.teachers_table(_records(layout, TeacherRecord, analysis, runs))
            told, rows = teachers.teachers_finding(table), teachers.teachers_rows(table)
    return Findings(title, table, told, rows, any_synthetic(collected["device"]))


def write_findings(
    configuration: Configuration, layout: Layout, analysis: Summarised, runs: Sequence[RunId]
) -> tuple[list[Path], str]:
    """Write the table, the figure and the page of an analysis; gives the files and the text.

    `runs` are as in `findings`. What the configuration chooses and is not among them, the page counts.
    """
    found = findings(configuration, layout, analysis, runs)
    csv, page, *_ = layout.analysis_files(analysis)
    text = _text(configuration, analysis, found, runs)
    write_tidy(found.table, csv)
    drawn = draw_rows(configuration, found.rows, csv.with_suffix(""), found.synthetic)
    image = f"![{found.title}]({csv.with_suffix('.png').name})"
    write_text(page, f"# {found.title}\n\n{image}\n\n{text}\n")
    return [csv, page, *drawn], text


def _records(layout: Layout, kind: type[R], analysis: str, runs: Sequence[RunId]) -> list[R]:
    for file, reason in stale_records(layout, analysis, runs).items():
        raise DataError(f"{file}: {reason}")
    return [read_record(kind, layout.analysis_record(analysis, run)) for run in runs]


def _text(configuration: Configuration, analysis: str, found: Findings, runs: Sequence[RunId]) -> str:
    if not found.told:
        return NOTHING
    told = f"{NOTICE}. {found.told}" if found.synthetic else found.told
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
