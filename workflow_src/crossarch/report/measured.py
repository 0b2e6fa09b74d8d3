"""What the notes of tables and the captions of figures say alike of what was measured."""

import pandas as pd

from crossarch.config import Configuration, network_widths
from crossarch.printing.numbers import LIST_SEPARATOR, all_values
from crossarch.printing.words import listed, plural


def seeds_told(measured: pd.DataFrame) -> str:
    """`3 seeds`, or `1 to 3 seeds`, of cells or points whose column `n` counts seeds, from 1."""
    few, many = int(measured["n"].min()), int(measured["n"].max())
    return f"{few} to {many} seeds" if few < many else plural(few, "seed")


def accuracies_told(measured: pd.DataFrame) -> str:
    """Which accuracies they are, by the columns `accuracy` (`best`, `last`) and `evaluate_every`."""
    every = " or ".join(all_values(measured["evaluate_every"]))
    kinds = {
        "best": "best of the test evaluations, selected on the test set, every "
        f"{every} epoch{'' if every == '1' else 's'}",
        "last": "last epoch",
    }
    return f"Accuracy: {listed(kinds[kind] for kind in measured['accuracy'].unique())}."


def epochs_told(configuration: Configuration, measured: pd.DataFrame) -> list[str]:
    """A sentence if runs of cells were shorter or longer than their recipes say, by `recipe_epochs`."""
    each = exploded(measured, "epochs")
    other = each[each["epochs"] != each["recipe_epochs"].astype(str)]
    if other.empty:
        return []
    parts = []
    for (epochs, full), group in other.groupby(["epochs", "recipe_epochs"], sort=False):
        titles = map(configuration.recipe_book.title, group["recipe"].unique())
        parts.append(f"{epochs} instead of {full} ({listed(titles)})")
    return [f"Epochs: {', '.join(parts)}."]


def exploded(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """One row for each value of a column that may hold several."""
    return cells.assign(**{column: cells[column].str.split(LIST_SEPARATOR)}).explode(column)


def trained_on_told(configuration: Configuration, rows: pd.DataFrame) -> str:
    """What the networks of cells or points of one data set were trained on, by `source` and `ipc`.

    `FRePo, distilled with the 3-layer CNN, IPC 1 and 10; My set, distilled with ResNet18, IPC 5`.
    """
    dataset = str(rows["dataset"].iloc[0])
    return "; ".join(
        f"{configuration.source(str(source)).title}, {_made(configuration, str(source), dataset)}, IPC "
        f"{listed(sorted(of_source['ipc'].unique()))}"
        for source, of_source in rows.groupby("source", sort=False)
    )


def _made(configuration: Configuration, source: str, dataset: str) -> str:
    """How a source came to its sets for a data set."""
    settings = configuration.source(source)
    if settings.kind == "drawn":
        return "drawn from the training images"
    if settings.arch == "cnn":
        return f"distilled with the {len(network_widths(configuration, source, dataset))}-layer CNN"
    return f"distilled with {configuration.arch_title(settings.arch)}"
