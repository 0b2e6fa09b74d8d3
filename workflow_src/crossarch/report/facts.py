"""What notes and captions say alike of measured cells or points: values for their templates."""

from typing import Any

import pandas as pd

from crossarch.config import Configuration, network_widths
from crossarch.printing.numbers import LIST_SEPARATOR, all_values
from crossarch.printing.synthetic import any_synthetic
from crossarch.printing.templates import paragraph, rendered

PACKAGE = "crossarch.report"


def text(template: str, **values: Any) -> str:
    """The text of a template of this package."""
    return rendered(PACKAGE, template, **values)


def line(template: str, **values: Any) -> str:
    """The one paragraph of a template of this package."""
    return paragraph(PACKAGE, template, **values)


def facts(configuration: Configuration, rows: pd.DataFrame) -> dict[str, Any]:
    """What is to be said of rows (`n`, `protocol` and the columns of runs) of one data set."""
    measured = rows[rows["n"] > 0]
    dataset = str(rows["dataset"].iloc[0])
    return {
        "dataset": configuration.dataset(dataset).title,
        "outside": configuration.is_outside_paper(dataset),  # the paper is not about this data set
        "sets": _sets(configuration, rows, dataset),
        "protocols": list(rows["protocol"].unique()),
        "count": len(measured),
        "seeds": [int(measured["n"].min()), int(measured["n"].max())] if len(measured) else [],
        "accuracies": list(rows["accuracy"].unique()),
        "epochs": epochs_of(configuration, measured),
        "devices": all_values(measured["device"]),
        "synthetic": any_synthetic(measured["device"]),
        **(
            {
                "every": all_values(measured["evaluate_every"]),
                "whitenings": _whitenings(configuration, measured),
            }
            if "whitening" in measured
            else {}
        ),
    }


def epochs_of(configuration: Configuration, measured: pd.DataFrame) -> list[dict[str, Any]]:
    """For each length of trainings: epochs, those of the recipes (`full`), and their titles."""
    each = _exploded(measured, "epochs")
    return [
        {
            **{"epochs": str(epochs), "full": str(full)},
            "recipes": [configuration.recipe_book.title(name) for name in group["recipe"].unique()],
        }
        for (epochs, full), group in each.groupby(["epochs", "recipe_epochs"], sort=False)
    ]


def _whitenings(configuration: Configuration, measured: pd.DataFrame) -> dict[str, list[str]]:
    """For each whitening that networks were evaluated in, the sets."""
    each = _exploded(measured, "whitening").sort_values("whitening", kind="stable")
    sets: dict[str, list[str]] = {}
    for name, source, ipc in each[["whitening", "source", "ipc"]].itertuples(index=False, name=None):
        one = f"{configuration.source(source).title} IPC {ipc}"
        sets.setdefault(name, [])
        sets[name] += [one] if one not in sets[name] else []
    return sets


def _exploded(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row for each value of a column that may hold several."""
    return cells.assign(**{column: cells[column].str.split(LIST_SEPARATOR)}).explode(column)


def _sets(configuration: Configuration, rows: pd.DataFrame, dataset: str) -> list[dict[str, Any]]:
    """What the networks were trained on: source, how it came to its sets (`made`), and their IPC."""
    return [
        {
            "title": configuration.source(str(source)).title,
            "made": _made(configuration, str(source), dataset),
            "ipcs": sorted(group["ipc"].unique()),
        }
        for source, group in rows.groupby("source", sort=False)
    ]


def _made(configuration: Configuration, source: str, dataset: str) -> str:
    settings = configuration.source(source)
    if settings.kind == "drawn":
        return "drawn from the training images"
    if settings.arch == "cnn":
        return f"distilled with the {len(network_widths(configuration, source, dataset))}-layer CNN"
    return f"distilled with {configuration.arch_title(settings.arch)}"
