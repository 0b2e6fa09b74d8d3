"""The curve of a distillation: test accuracy of a fresh network against the steps made so far."""

from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import DECIMALS, checked, write_tidy
from crossarch.config import Configuration, SetId
from crossarch.errors import DataError
from crossarch.files import read_mapping
from crossarch.printing.style import COLOURS, GREY, canvas, look_of, plain, save
from crossarch.report.cells import PERCENT, POSITIVE, columns

CURVE = pa.DataFrameSchema(
    {
        "step": pa.Column(int, POSITIVE, unique=True),
        **columns("accuracy", float, PERCENT, nullable=True),
        **columns("loss", float, POSITIVE, nullable=True),
    },
    strict=True,
    coerce=True,
)


def draw_distillation(
    configuration: Configuration, target: SetId, file: Path, directory: Path
) -> list[Path]:
    """Write `curve.csv` of a finished distillation to `directory` and draw it: PDF, SVG, PNG.

    `file` is its record, JSON. `accuracy` is in percent, `loss` the mean over the steps since the last
    one. Returns the files. Raises DataError if the record is missing or not whole.
    """
    record = _read(file)
    csv = directory / "curve.csv"
    curve = curve_of(record)
    write_tidy(curve, csv)
    title = f"{configuration.source(target.source).title}, {configuration.dataset(target.dataset).title}"
    look = look_of(record["settings"]["network"]["arch"], list(configuration.network_files))
    with canvas(columns=1) as page:
        axes = page.subplots()
        evaluated = curve.dropna(subset="accuracy")
        style: dict[str, Any] = {"color": COLOURS[look.colour], "marker": look.marker}
        (accuracies,) = axes.plot(evaluated["step"], evaluated["accuracy"], **style)
        axes.set(xlabel="Steps", ylabel="Test accuracy (%)")
        axes.set_title(plain(f"{title}, IPC {target.ipc}"), loc="left")
        beside = axes.twinx()
        beside.grid(visible=False)
        losses = curve.dropna(subset="loss")
        (line,) = beside.plot(losses["step"], losses["loss"], color=GREY, linewidth=0.8)
        beside.set_ylabel("Loss", color=GREY)
        labels = ["fresh network on the set", "regression (loss)"]
        page.legend([accuracies, line], labels, loc="outside lower center", ncols=2)
        return [csv, *save(page, csv.with_suffix(""))]


def curve_of(record: dict[str, Any]) -> pd.DataFrame:
    """step, accuracy, loss: one row for each step at which either was recorded, in order."""
    columns = {"evaluations": "accuracy", "losses": "loss"}
    parts = (
        pd.DataFrame(record[part], columns=["step", name]).set_index("step")
        for part, name in columns.items()
    )
    joined = pd.concat(parts, axis=1).sort_index().reset_index()
    return checked(joined[list(CURVE.columns)].round(DECIMALS), CURVE, "curve")


def _read(path: Path) -> dict[str, Any]:
    record = read_mapping(path)
    try:
        return {part: record[part] for part in ("settings", "evaluations", "losses")}
    except KeyError as error:
        raise DataError(f"{path}: found no {error}, expected the record of a distillation") from None
