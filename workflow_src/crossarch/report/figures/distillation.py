"""The curve of a distillation: test accuracy of a fresh network against the steps made so far."""

from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from crossarch.collect.tidy import DECIMALS, checked, write_tidy
from crossarch.config import Configuration, SetId
from crossarch.errors import DataError
from crossarch.files import read_mapping
from crossarch.layout import Layout
from crossarch.printing.style import COLOURS, GREY, canvas, look_of, plain, save

CURVE = pa.DataFrameSchema(
    {
        "step": pa.Column(int, pa.Check.ge(0), unique=True),
        "accuracy": pa.Column(float, pa.Check.in_range(0, 100), nullable=True),
        "loss": pa.Column(float, pa.Check.ge(0), nullable=True),
    },
    strict=True,
    coerce=True,
)
_HEIGHT = 2.3  # inches


def draw_distillation(configuration: Configuration, layout: Layout, target: SetId) -> list[Path]:
    """Write the CSV of a finished distillation and draw it: PDF, SVG, PNG; gives the files.

    `accuracy` is in percent, `loss` the mean over the steps since the last one. Raises DataError if
    there is no whole record.
    """
    record = _read(layout, target)
    csv, *_ = layout.distillation_curve(target)
    curve = curve_of(record)
    write_tidy(curve, csv)
    title = f"{configuration.source(target.source).title}, {configuration.dataset(target.dataset).title}"
    look = look_of(record["settings"]["network"]["arch"], list(configuration.network_files))
    with canvas(columns=1, height=_HEIGHT) as page:
        axes = page.subplots()
        tests = curve.dropna(subset="accuracy")
        colour = COLOURS[look.colour]
        (accuracies,) = axes.plot(tests["step"], tests["accuracy"], color=colour, marker=look.marker)
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
    """step, accuracy, loss: one row for each step at which either was noted, in order."""
    columns = {"evaluations": "accuracy", "losses": "loss"}
    parts = (
        pd.DataFrame(record[part], columns=["step", name]).set_index("step")
        for part, name in columns.items()
    )
    joined = pd.concat(parts, axis=1).sort_index().reset_index()
    return checked(joined[list(CURVE.columns)].round(DECIMALS), CURVE, "curve")


def _read(layout: Layout, target: SetId) -> dict[str, Any]:
    path = layout.distillation(target)
    if not path.exists():
        command = f"crossarch distil {target.source} {target.dataset} {target.ipc}"
        raise DataError(f"{path}: no such file; distil the set first: {command}")
    record = read_mapping(path)
    try:
        return {part: record[part] for part in ("settings", "evaluations", "losses")}
    except KeyError as error:
        raise DataError(f"{path}: is not the record of a distillation: {error}") from None
