"""The table of a figure of curvature, worked out from the records of its runs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from crossarch.analysis.base import read_record
from crossarch.analysis.curvature import CurvatureRecord
from crossarch.collect.runs import KEY, KEY_COLUMNS
from crossarch.collect.tidy import checked, read_tidy
from crossarch.config import Configuration, RunId, figure_runs, run_recipe
from crossarch.errors import DataError
from crossarch.layout import Layout
from crossarch.report.figures.points import selected_points

EIGENVALUE, LANDSCAPE = "eigenvalue", "landscape"
_AMOUNT, _COUNT = pa.Check.ge(0), pa.Check.ge(1)
CURVATURE = pa.DataFrameSchema(
    {
        **KEY_COLUMNS,
        "part": pa.Column(str, pa.Check.isin([EIGENVALUE, LANDSCAPE])),
        "rank": pa.Column("Int64", _COUNT, nullable=True),
        "alpha1": pa.Column(float, nullable=True),
        "alpha2": pa.Column(float, nullable=True),
        "value": pa.Column(float),
        "residual": pa.Column(float, _AMOUNT, nullable=True),
        "images": pa.Column(int, _COUNT),
        "loss": pa.Column(float, _AMOUNT),
        "tolerance": pa.Column(float, _AMOUNT),
        "products": pa.Column(int, _COUNT),
        "seconds": pa.Column(float, _AMOUNT),
        "epochs": pa.Column(int, _COUNT),
        "recipe_epochs": pa.Column(int, _COUNT),
        "accuracy_last": pa.Column(float, pa.Check.in_range(0, 100)),
        "device": pa.Column(str),
    },
    strict=True,
    coerce=True,
)


def curvature_table(
    configuration: Configuration, name: str, runs: pd.DataFrame, layout: Layout
) -> pd.DataFrame:
    """A row for each eigenvalue and each point of the landscape of the runs of figure `name`.

    `runs` is the table of `collect_runs`; records lie under `layout`. A run that has not ended or was
    not analysed has no row. Raises ConfigError as `selected_points`, DataError for a record that is
    broken or of another training.
    """
    selected_points(configuration, name)
    parts = [
        part
        for run in figure_runs(configuration, name)
        for part in _of_run(configuration, run, runs, layout)
    ]
    if not parts:
        return pd.DataFrame(columns=list(CURVATURE.columns))
    return checked(pd.concat(parts, ignore_index=True)[list(CURVATURE.columns)], CURVATURE, name)


def read_curvature(csv: Path) -> pd.DataFrame:
    """Read the CSV of such a figure back; DataError with one line if it is not one."""
    return read_tidy(csv, CURVATURE)


def _of_run(
    configuration: Configuration, run: RunId, runs: pd.DataFrame, layout: Layout
) -> Iterator[pd.DataFrame]:
    file = layout.analysis_record("curvature", run)
    same = (runs[KEY] == pd.Series({name: getattr(run, name) for name in KEY})).all(axis=1)
    if not (file.exists() and same.any()):
        return
    record, metrics = read_record(CurvatureRecord, file), runs[same].iloc[0]
    if record.digest != metrics["digest"]:
        raise DataError(
            f"{file}: digest: found {record.digest}, but the run has {metrics['digest']}; rerun it by "
            f"snakemake --forcerun {file}"
        )
    recipe = run_recipe(configuration, run)
    facts = {
        **{column: getattr(run, column) for column in KEY},
        "images": record.images,
        "loss": record.loss,
        "tolerance": record.settings.tolerance,
        "products": record.products,
        "seconds": record.seconds,
        "epochs": metrics["epochs"],
        "recipe_epochs": recipe.epochs,
        "accuracy_last": metrics["accuracy_last"],
        "device": metrics["device"],
    }
    yield pd.DataFrame(
        {
            "part": EIGENVALUE,
            "rank": pd.Series(range(1, len(record.eigenvalues) + 1), dtype="Int64"),
            "alpha1": np.nan,
            "alpha2": np.nan,
            "value": record.eigenvalues,
            "residual": record.residuals,
        }
    ).assign(**facts)
    losses = np.array(record.landscape)
    alpha1, alpha2 = np.meshgrid(record.offsets, record.offsets, indexing="ij")
    yield pd.DataFrame(
        {
            "part": LANDSCAPE,
            "rank": pd.Series([pd.NA] * losses.size, dtype="Int64"),
            "alpha1": alpha1.ravel(),
            "alpha2": alpha2.ravel(),
            "value": losses.ravel(),
            "residual": np.nan,
        }
    ).assign(**facts)
