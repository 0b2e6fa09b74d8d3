"""How much was measured, how near it is and which claims hold: what the main README shows."""

from dataclasses import replace
from typing import Any

import pandas as pd

from crossarch.config import Configuration, RunId, run_recipe
from crossarch.printing.numbers import printed_range, printed_signed
from crossarch.printing.words import listed, plural
from crossarch.report.markdown import escaped
from crossarch.report.reproduction.cells import judged, measured_once, with_margins
from crossarch.report.reproduction.cost import hours_of
from crossarch.report.scorecard import OPEN, scorecard_cells, scorecard_summary


def headline(configuration: Configuration, runs: pd.DataFrame, cells: pd.DataFrame) -> str:
    """How much was measured, how near it is, and which claims hold, in a few lines of Markdown."""
    measured = cells[cells["n"] > 0]
    summary = scorecard_summary(configuration, cells)
    by_last = _by_last_test(configuration, runs)
    whole = summary[(summary["kind"] == "agreement")].iloc[-1]
    claims = summary[(summary["kind"] == "claim") & (summary["n"] > 0)]
    counted = with_margins(configuration, measured_once(configuration, cells))
    correlation = whole["rank_correlation"]
    ranks = "" if pd.isna(correlation) else f" (rank correlation {correlation:+.2f})"
    lines = [
        f"{plural(len(runs), 'run')} {_length(configuration, runs)}, {hours_of(runs):.0f} hours "
        f"{_of_devices(runs)}, {_datasets(configuration, measured)}. {counted['n'].sum()} of them "
        f"measure {whole['n']} of the {whole['of']} numbers in the paper's tables. On average ours "
        f"are {printed_signed(whole['ours'] - whole['paper'])} points from the paper's{ranks}"
        f"{_near(counted)}.",
    ]
    if claims.empty:
        return lines[0]
    lines += [
        "",
        "| claim | holds here | our gain (95%) | by the last test | our gain then (95%) | the paper's "
        "| verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for _, row in claims.iterrows():
        last = by_last.loc[row["name"]]
        lines.append(
            f"| {escaped(str(row['name']))} | {row['held']} of {row['n']} | {_gain_and_interval(row)} "
            f"| {last['held']} of {last['n']} | {_gain_and_interval(last)} "
            f"| {printed_signed(row['paper'])} | {_verdict_of_both(row, last)} |"
        )
    return "\n".join([*lines, "", CLAIMS])


CLAIMS = (
    "Gains in points. *By the last test*: with accuracies after the last epoch on both sides. The best "
    "of all tests, which the tables print as the paper does, favours long trainings, which have more of "
    "them. *gap narrows*: to the sets' own network, trained with the recipe nearest to `full` that it "
    "has (`wo_dp_kd`) where the others have `full`; the paper's tables print distances to its baseline. "
    "*verdict*: a claim holds if the 95% intervals of our mean gain, by the best test and by the last, "
    "lie above 0, whatever the size of the paper's; a verdict takes at least six cases, each one network"
    " on one set (for *same order* one recipe on one set). Networks on one set share its CNN and its "
    "teachers, so nothing is said about other sets."
)


def _near(cells: pd.DataFrame) -> str:
    """How many cells reproduce, of those of which it can be told; nothing where it can of none."""
    if cells["margin"].isna().all():
        return ""
    return (
        f"; {cells['reproduces'].sum()} of the {judged(cells)} are as near to the paper's as seeds "
        "alone would leave them"
    )


def _length(configuration: Configuration, runs: pd.DataFrame) -> str:
    """Whether all trainings have the epochs of their recipes, or how many have not."""
    names = list(RunId.model_fields)
    asked = [
        run_recipe(configuration, RunId.model_validate(run)).epochs
        for run in runs[names].to_dict("records")
    ]
    other = int((runs["epochs"] != asked).sum())
    return f"({other} of them not at full length)" if other else "at full length"


def _of_devices(runs: pd.DataFrame) -> str:
    devices = sorted(set(runs["device"]))
    if devices == ["cpu"] and set(runs["threads"]) == {1}:
        return "of one CPU core"
    return f"on {listed(devices)}"


def _gain_and_interval(claim: "pd.Series[Any]") -> str:
    """`+1.5 (+0.1 to +2.9)`; without the interval where there is none."""
    gain = printed_signed(claim["ours"])
    if pd.isna(claim["low"]):
        return gain
    return f"{gain} ({printed_range(claim['low'], claim['high'])})"


def _verdict_of_both(best: "pd.Series[Any]", last: "pd.Series[Any]") -> str:
    return str(best["verdict"]) if best["verdict"] == last["verdict"] else OPEN


def _by_last_test(configuration: Configuration, runs: pd.DataFrame) -> pd.DataFrame:
    """The summary of the scorecard, by name, that final accuracies give."""
    selection = configuration.selection.model_copy(update={"accuracy": "last"})
    last = replace(configuration, selection=selection)
    return scorecard_summary(last, scorecard_cells(last, runs)).set_index("name")


def _datasets(configuration: Configuration, measured: pd.DataFrame) -> str:
    names = sorted(measured["dataset"].unique())
    return "on " + listed(configuration.dataset(name).title for name in names)
