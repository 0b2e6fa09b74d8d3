"""What the runs cost: hours of one core, and what they were made with."""

import pandas as pd

from crossarch.config import Configuration
from crossarch.printing.words import plural
from crossarch.report.blocks import NOT_RUN
from crossarch.report.reproduction.cells import pipe


def cost(configuration: Configuration, runs: pd.DataFrame) -> str:
    """Hours of one core: a row a recipe, a column a network and IPC; the medians over runs."""
    places = {arch: place for place, arch in enumerate(configuration.archs)}
    hours = runs.assign(
        hours=(runs["seconds_training"] + runs["seconds_evaluation"]) / 3600,
        network=runs["arch"].map(places),
        place=runs["arch"].map(configuration.arch_title) + ", IPC " + runs["ipc"].astype(str),
    )
    columns = hours.sort_values(["ipc", "network"])["place"].unique()
    medians = hours.groupby(["recipe", "place"], sort=False)["hours"].median()
    rows = [
        {"median hours of a run": str(recipe)}
        | {
            place: f"{medians[recipe, place]:.2f}" if (recipe, place) in medians.index else NOT_RUN
            for place in columns
        }
        for recipe in hours["recipe"].unique()
    ]
    return pipe(rows, 1)


def made_with(runs: pd.DataFrame) -> str:
    """On which machines and days, and by which commits, runs were trained, and the hours of all."""
    commits = sorted(set(runs["commit"].dropna()))
    machines = ", ".join(sorted(set(runs["machine"].dropna())))
    days = sorted(text[:10] for text in runs["finished"])
    devices = ", ".join(sorted(set(runs["device"])))
    threads = " or ".join(plural(int(count), "thread") for count in sorted(set(runs["threads"])))
    return (
        f"{hours_of(runs):.1f} hours in all, on {devices} ({machines}), {threads} a run, beside other "
        "work: a run's time hangs on what ran beside it, and is an upper bound. "
        f"{days[0]} to {days[-1]}, commits {', '.join(commits)}."
    )


def hours_of(runs: pd.DataFrame) -> float:
    """The hours that runs took, trainings and tests."""
    return float((runs["seconds_training"] + runs["seconds_evaluation"]).sum()) / 3600
