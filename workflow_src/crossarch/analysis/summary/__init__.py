"""An analysis of several runs as files: its table, its figure, and a page that says what it found."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from crossarch.analysis.base import Analysis, Measured, Record, find_analysis, read_record
from crossarch.analysis.cells import ALL, change, changes, frame
from crossarch.collect.runs import KEY
from crossarch.collect.tidy import write_tidy
from crossarch.config import Configuration
from crossarch.errors import DataError
from crossarch.files import write_text
from crossarch.printing import style
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.printing.templates import rendered

_ROW, _MARGIN, _LEGEND, _LEGEND_ROW = 0.3, 0.7, 0.3, 0.14  # inches
_ASIDE = 0.3  # of a row, from the markers to the mean with its interval


def write_summary(
    configuration: Configuration,
    name: str,
    runs: pd.DataFrame,
    records: Iterable[Path],
    destination: Path,
) -> list[Path]:
    """Write the table (`destination`, CSV), the page and the figure of an analysis; gives the files.

    `runs` is the table of `collect_runs`; of the `records` those of its runs count. Raises DataError for
    a record that is broken or of a run with other settings.
    """
    analysis = find_analysis(name)
    found = Measured(configuration, runs, list(_records_of(runs, analysis.record, records)))
    is_empty = runs.empty or (bool(configuration.analysis(name).inputs) and not found.records)
    table = frame([], analysis.columns) if is_empty else analysis.summarise(found)
    write_tidy(table, destination)
    page = destination.with_suffix(".md")
    write_text(page, page_of(name, analysis, found, table))
    synthetic = any_synthetic(runs["device"])
    points, stem = analysis.points(table), destination.with_suffix("")
    return [destination, page, *draw(configuration, analysis.axis, points, stem, synthetic)]


def _records_of(runs: pd.DataFrame, kind: type[Record], files: Iterable[Path]) -> Iterator[Record]:
    """The records of `runs`; DataError for one of a run that has other settings."""
    digests = runs.set_index(KEY)["digest"]
    for file in sorted(files):
        record = read_record(kind, file)
        expected = digests.get(tuple(getattr(record.run, key) for key in KEY))
        if expected is None:
            continue
        if record.digest != expected:
            raise DataError(
                f"{file}: digest: found {record.digest}, but the run has {expected}; rerun it by "
                f"snakemake --forcerun {file}"
            )
        yield record


def page_of(name: str, analysis: Analysis[Any], found: Measured[Any], table: pd.DataFrame) -> str:
    """The page of an analysis in Markdown, from its template."""
    datasets = found.runs["dataset"].unique()
    return rendered(
        "crossarch.analysis.summary",
        f"{name}.md",
        name=name,
        change=change,
        changes=changes,
        title=analysis.title,
        table=table,
        notice=NOTICE if any_synthetic(found.runs["device"]) else None,
        datasets=[found.configuration.dataset(each).title for each in datasets],
        **({} if table.empty else analysis.words(found, table)),
    )


def draw(
    configuration: Configuration, axis: str, points: pd.DataFrame, stem: Path, synthetic: bool
) -> list[Path]:
    """Write `<stem>.{pdf,svg,png}`: a row a group, a marker a network, a line at zero; gives the files.

    `points` as of `Analysis.points`; a mean is a tick, with a bar where it has an interval.
    """
    labels = list(points["row"].unique())
    points = points.assign(place=points["row"].map({label: row for row, label in enumerate(labels)}))
    height = _ROW * max(len(labels), 2) + _MARGIN + _LEGEND
    with style.canvas(columns=2, height=height) as page:
        axes = page.subplots()
        axes.set_xlabel(axis)
        axes.set_yticks(range(len(labels)), [style.plain(label) for label in labels])
        axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.axvline(0.0, color=style.GREY, linewidth=0.6)
        if not labels:
            style.say_nothing(axes)
            axes.xaxis.set_tick_params(labelbottom=False)
        for arch, lines in points[points["arch"] != ALL].groupby("arch", sort=False):
            look = style.look_of(str(arch), list(configuration.network_files))
            axes.plot(
                *(lines["value"], lines["place"]),
                linestyle="",
                marker=look.marker,
                color=style.COLOURS[look.colour],
                markerfacecolor="none",
                label=configuration.arch_title(str(arch)),
            )
        means = points[points["arch"] == ALL].reindex(columns=["place", "value", "low", "high"])
        for place, value, low, high in means.to_numpy(float):
            y = place + _ASIDE
            axes.plot([low, high], [y, y], color=style.GREY, linewidth=2.4, alpha=0.5)
            axes.plot(value, y, marker="|", color=style.GREY, markersize=7)
        if labels:
            handles, names = axes.get_legend_handles_labels()
            rows = style.legend_below(page, dict(zip(names, handles, strict=True)), most=6)
            page.set_figheight(height + _LEGEND_ROW * max(0, rows - 1))
        if synthetic:
            style.watermark(page, NOTICE)
        return style.save(page, stem)
