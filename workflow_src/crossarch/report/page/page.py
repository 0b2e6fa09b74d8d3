"""The page as one file: what `results` worked out, in the template, with style and script inside."""

import base64
import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from crossarch import __version__
from crossarch.collect.tidy import read_text_columns
from crossarch.config import Configuration, renderable_figures
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.numbers import printed, printed_signed
from crossarch.printing.synthetic import NOTICE, any_synthetic
from crossarch.report.blocks import NOT_RUN
from crossarch.report.figures.caption import caption
from crossarch.report.page.results import Cell, Row, rows

_HERE = Path(__file__).parent
_TITLES = {
    "dataset": "Data set",
    "source": "Source",
    "ipc": "IPC",
    "recipe": "Recipe",
    "arch": "Network",
    "protocol": "Protocol",
}


@dataclass(frozen=True)
class Choice:
    """A value that a filter offers."""

    value: str
    title: str


@dataclass(frozen=True)
class Picture:
    """A figure: its image as a `data:` address, its title and caption."""

    number: str
    title: str
    caption: str
    image: str
    wide: bool


@dataclass(frozen=True)
class PlainTable:
    """A CSV shown as it is, in a section of its own."""

    id: str
    title: str
    note: str
    content: pd.DataFrame


_CLAIMS = ["name", "measured_on", "held", "units", "paper_held", "of", "low", "high", "verdict"]
_AUDIT = ["source", "dataset", "ipc", "shape", "labels", "balance", "std", "neighbour_correlation"]
_AUDIT += ["best", "confidence", "share", "configured", "warning"]


def render_page(configuration: Configuration, runs: pd.DataFrame, layout: Layout) -> Path:
    """Write the page for `runs` (the table of `collect_runs`) to `layout.page`; gives the file.

    Shows every cell of the chosen tables and figures, the figures rendered under `layout`, and the
    scorecard and the audit where they have been made. Raises what `results.rows` raises.
    """
    shown = rows(configuration, runs, layout)
    text = _template().render(
        version=__version__,
        style=_asset("style.css"),
        script=_asset("script.js"),
        style_hash=_digest("style.css"),
        script_hash=_digest("script.js"),
        archs=_archs(configuration),
        rows=shown,
        titles=_TITLES,
        filters=_filters(configuration, shown),
        name=lambda kind, value: _title(configuration, kind, value),
        notices=_notices(runs),
        accuracy=configuration.selection.accuracy,
        runs=len(runs),
        cells=_cells(shown),
        data=_data(configuration, shown),
        pictures=_pictures(configuration, layout),
        plain_tables=_plain_tables(configuration, layout),
        not_run=NOT_RUN,
    )
    write_text(layout.page, text)
    return layout.page


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("crossarch.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"printed": printed, "signed": lambda value: _minus(printed_signed(value))}
    return environment.get_template("template.html")


def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(name: str) -> str:
    """What the page's policy allows to run or to style it: this text and no other."""
    return base64.b64encode(hashlib.sha256(_asset(name).encode()).digest()).decode()


def _minus(number: str) -> str:
    return number.replace("-", "−")


def _title(configuration: Configuration, kind: str, value: object) -> str:
    """What a data set, source or recipe is called in print; its name where it has no other."""
    name = str(value)
    if kind == "dataset" and name in configuration.datasets:
        return configuration.datasets[name].title
    if kind == "source" and name in configuration.sources:
        return configuration.sources[name].title
    if kind == "recipe":
        book = configuration.recipe_book
        titles = {key: book.title(key) for key in book.recipes}
        title = titles.get(name, name)
        first = next((key for key, other in titles.items() if other == title), name)
        return title if name == first else f"{title} ({name})"  # Table 8 prints what Table 2 does
    return name


def _filters(configuration: Configuration, shown: list[Row]) -> dict[str, list[Choice]]:
    """For each column the values to choose from; the protocol only where there is a choice."""
    filters = {}
    for kind in ("dataset", "source", "ipc", "recipe", "protocol"):
        values = dict.fromkeys(getattr(row, kind) for row in shown)
        ordered = sorted(values) if kind == "ipc" else values
        filters[kind] = [Choice(str(one), _title(configuration, kind, one)) for one in ordered]
    if len(filters["protocol"]) < 2:
        del filters["protocol"]
    return filters | {"arch": _archs(configuration)}


def _archs(configuration: Configuration) -> list[Choice]:
    """All networks, in the order of the columns."""
    return [Choice(arch, configuration.arch_title(arch)) for arch in configuration.archs]


def _notices(runs: pd.DataFrame) -> list[str]:
    """What has to be known before any number is read."""
    notices = []
    if any_synthetic(runs["device"]):
        notices.append(f"{NOTICE}. Some of these numbers were made up to try out the page.")
    if runs.empty:
        notices.append("No run measured yet.")
    return notices


def _cells(shown: list[Row]) -> dict[str, int]:
    cells = [cell for row in shown for cell in row.cells.values() if cell.applicable]
    return {"measured": sum(bool(cell.seeds) for cell in cells), "all": len(cells)}


def _data(configuration: Configuration, shown: list[Row]) -> dict[str, Any]:
    """What the script needs for the pop-ups and curves, by cell."""
    return {
        f"{place}-{arch}": _cell_data(configuration, row, cell)
        for place, row in enumerate(shown)
        for arch, cell in row.cells.items()
        if cell.seeds
    }


def _cell_data(configuration: Configuration, row: Row, cell: Cell) -> dict[str, Any]:
    names = [_title(configuration, kind, getattr(row, kind)) for kind in ("recipe", "source")]
    return {
        "title": f"{configuration.arch_title(cell.arch)}, {names[0]}",
        "set": f"{names[1]}, IPC {row.ipc}, tested on {_title(configuration, 'dataset', row.dataset)}"
        f", protocol {row.protocol}",
        "mean": cell.mean,
        "std": cell.std,
        "paper": cell.paper,
        "difference": cell.difference,
        "gap": cell.gap,
        "seeds": [
            {
                **{name: value for name, value in asdict(seed).items() if name != "curve"},
                "evaluations": [(one.epoch, one.accuracy) for one in seed.curve.evaluations],
                "losses": [(one.epoch, one.loss) for one in seed.curve.losses],
            }
            for seed in cell.seeds
        ],
    }


def _pictures(configuration: Configuration, layout: Layout) -> list[Picture]:
    """The chosen figures that have been rendered, of the runs that are selected now."""
    pictures = []
    for name in renderable_figures(configuration):
        figure = configuration.figure(name)
        image, csv = layout.figures / f"{name}.svg", layout.figures / f"{name}.csv"
        if image.is_file() and csv.is_file() and _of_selection(configuration, csv):
            encoded = base64.b64encode(image.read_bytes()).decode()
            pictures.append(
                Picture(
                    number=name.removeprefix("figure"),
                    title=figure.title,
                    caption=caption(configuration, name, csv),
                    wide=figure.columns == 2,
                    image=f"data:image/svg+xml;base64,{encoded}",
                )
            )
    return pictures


def _plain_tables(configuration: Configuration, layout: Layout) -> list[PlainTable]:
    """Claims and cells of the scorecard and the audit of the distilled sets, as far as they are made."""
    cells, summary, _ = layout.scorecard_files()
    tables = []
    scored = cells.is_file() and _of_selection(configuration, cells)
    if scored and summary.is_file():
        lines = _text(summary)
        claims = lines.loc[lines["kind"] == "claim", _CLAIMS]
        note = (
            "A claim is a set of pairs of cells: it says that the gain, the first accuracy minus the "
            "second, is above 0. low and high are the 95% interval of its mean."
        )
        tables.append(PlainTable("claims", "Claims", note, claims))
    if scored:
        note = "Every number that the paper prints, beside ours."
        tables.append(PlainTable("scorecard", "Scorecard", note, _text(cells)))
    audit = layout.audit_table
    if audit.is_file():
        note = (
            "In which pixel space each distilled set lives, by the shape of its spectrum; share is that "
            "of the resamples in which the space fits best. Contact sheets lie beside audit.md."
        )
        tables.append(PlainTable("audit", "Audit", note, _text(audit)[_AUDIT]))
    return tables


def _of_selection(configuration: Configuration, csv: Path) -> bool:
    """Whether what a CSV tells was measured on selected data sets, under the selected protocol.

    Another selection may have left it. What needs no runs names neither.
    """
    table, selection = read_text_columns(csv), configuration.selection
    if "ours" in table:  # the scorecard has every cell of the paper
        table = table[table["ours"].notna()]
    chosen = {"dataset": selection.datasets, "protocol": (selection.protocol,)}
    return all(
        table[column].dropna().isin(values).all() for column, values in chosen.items() if column in table
    )


def _text(csv: Path) -> pd.DataFrame:
    return read_text_columns(csv).fillna(NOT_RUN)
