"""The page about the results kept in git, and the paragraph of the README that tells how far they are.

Everything but `findings.md`, where people write down what they found out, is made from the metrics.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from crossarch.analysis.cells import ALL, CELL
from crossarch.config import Configuration, RunId, run_recipe
from crossarch.errors import DataError
from crossarch.files import write_text
from crossarch.layout import Layout
from crossarch.printing.numbers import printed, printed_range, printed_signed
from crossarch.printing.synthetic import any_synthetic
from crossarch.printing.words import listed, plural
from crossarch.report.blocks import NOT_RUN
from crossarch.report.figures.headline import draw_headline
from crossarch.report.markdown import escaped
from crossarch.report.marked import check_marked, renew
from crossarch.report.nearness import PAPER_SEEDS, reproduces, seed_margins, widened
from crossarch.report.scorecard import OPEN, scorecard_cells, scorecard_summary

REPRODUCED = "reproduced"
FINDINGS = "findings.md"


def render_reproduction(
    configuration: Configuration, runs: pd.DataFrame, layout: Layout, readme: Path
) -> list[Path]:
    """Write `README.md` and the headline's picture below `layout`, and the paragraph in `readme`.

    `readme` keeps all but what stands between the two marks. Raises DataError if it lacks them, where no
    run measures a number of the paper, and for synthetic runs, which nothing was measured by.
    """
    check_marked(readme, REPRODUCED)
    if runs.empty:
        raise DataError(f"{layout.results}: found no finished runs, needed: at least one")
    if any_synthetic(runs["device"]):
        raise DataError(f"{layout.results}: found synthetic runs, allowed: runs that were trained")
    cells = scorecard_cells(configuration, runs)
    if not cells["n"].any():
        raise DataError(
            f"{layout.results}: found no run of a number in the paper's tables, needed: at least one"
        )
    findings = (layout.results / FINDINGS).read_text(encoding="utf-8")
    told = headline(configuration, runs, cells)
    pictures = draw_headline(configuration, cells, layout.headline)
    page = layout.results / "README.md"
    effects = tested_otherwise(layout)
    write_text(page, reproduction_page(configuration, runs, cells, told, effects, findings))
    renew(readme, REPRODUCED, told)
    return [page, readme, *pictures]


def tested_otherwise(layout: Layout) -> pd.DataFrame:
    """What the analyses `stand_in` and `statistics` changed, in points, by cell (the columns of CELL).

    `stand_in`: originals instead of copies, in the own space, and `error`, the standard error of that;
    `statistics`: those of test batches instead of running ones, missing where it was not measured.
    """
    files = [layout.analysis_files(name)[0] for name in ("stand_in", "statistics")]
    if not all(file.exists() for file in files):
        return pd.DataFrame(columns=[*CELL, "stand_in", "error", "statistics"])
    pairs, statistics = map(pd.read_csv, files)
    own = pairs[pairs["own"].astype(bool)].assign(stand_in=lambda rows: -rows["effect"])
    changes = statistics.rename(columns={"change": "statistics"})[[*CELL, "statistics"]]
    return own[[*CELL, "stand_in", "error"]].merge(changes, on=CELL, how="left")


def headline(configuration: Configuration, runs: pd.DataFrame, cells: pd.DataFrame) -> str:
    """How much was measured, how near it is, and which claims hold, in a few lines of Markdown."""
    measured = cells[cells["n"] > 0]
    summary = scorecard_summary(configuration, cells)
    by_last = _by_last_test(configuration, runs)
    whole = summary[(summary["kind"] == "agreement")].iloc[-1]
    claims = summary[(summary["kind"] == "claim") & (summary["n"] > 0)]
    counted = _with_margins(configuration, _measured_once(cells))
    correlation = whole["rank_correlation"]
    ranks = "" if pd.isna(correlation) else f" (rank correlation {correlation:+.2f})"
    lines = [
        f"{plural(len(runs), 'run')} {_length(configuration, runs)}, {_hours(runs):.0f} hours "
        f"{_of_devices(runs)}, {_datasets(configuration, measured)}. {counted['n'].sum()} of them "
        f"measure {whole['n']} of the {whole['of']} numbers in the paper's tables, the others look for "
        f"reasons. On average ours are {printed_signed(whole['ours'] - whole['paper'])} points from the "
        f"paper's{ranks}{_near(counted)}.",
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
        f"; {cells['reproduces'].sum()} of the {_judged(cells)} are as near to the paper's as seeds "
        "alone would leave them"
    )


def _judged(cells: pd.DataFrame, noun: str = "") -> str:
    """`37 cells that can be judged`: how many have a margin; where all have one, their number alone."""
    known = int(cells["margin"].notna().sum())
    return f"{known}{noun}" if known == len(cells) else f"{known}{noun} that can be judged"


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


def reproduction_page(
    configuration: Configuration,
    runs: pd.DataFrame,
    cells: pd.DataFrame,
    told: str,
    effects: pd.DataFrame,
    findings: str,
) -> str:
    """The page in Markdown; `told` is the headline, `effects` what `tested_otherwise` gives."""
    measured = _with_margins(configuration, _measured_once(cells))
    return (
        "\n\n".join(
            [
                "# Measured results",
                f"{MADE} [{FINDINGS}]({FINDINGS}), which people wrote.",
                told,
                "\n".join(f"- [{title}]({file})" for title, file in LINKS.items()),
                PICTURE,
                "## How far from the paper, by network and recipe",
                _distances(configuration, cells),
                *_parts(configuration, cells),
                "## Every measured cell",
                *_measured(configuration, measured),
                *_explained(configuration, measured, effects),
                findings.strip(),
                "## What it cost",
                _cost(configuration, runs),
                _made_with(runs),
            ]
        )
        + "\n"
    )


MADE = (
    "Made by `snakemake --cores 1 reproduction` from the metrics in `runs/` (settings, accuracies, loss "
    "curve, time, versions, commit and checksums of the inputs of each run) and from"
)
PICTURE = "![Baseline and full recipe of each network, ours and the paper's](figures/headline.svg)"
LINKS = {
    "Table 2, ours beside the paper's": "tables/table2-comparison.md",
    "Table 2 in the shape of the paper": "tables/table2.md",
    "Table 8, 2-fold augmentation, ours beside the paper's": "tables/table8-comparison.md",
    "scorecard: every number of the paper, and which of its claims hold": "report/scorecard.md",
    "Figure 1, as far as it was measured": "figures/figure1.md",
    "Figures 3 and 7, training on real images, as far as they were measured": "figures/figure7.md",
    "Figure 8, the curvature of the minima": "figures/figure8.md",
    "what lies behind the accuracies": "../../docs/analysis.md",
    "all of it on one page to explore, to be opened in a browser": "report/index.html",
    "all runs as one tidy CSV": "metrics/runs.csv",
}


def _distances(configuration: Configuration, cells: pd.DataFrame) -> str:
    """Ours minus the paper's in points: means over the measured sets, and how many these are."""
    measured = _measured_once(cells)
    archs, recipes = (
        [*(name for name in cells[column].unique() if name in set(measured[column])), ALL]
        for column in ("arch", "recipe")
    )
    rows = []
    for arch in archs:
        row = {"mean difference (cells)": ALL if arch == ALL else configuration.arch_title(arch)}
        for recipe in recipes:
            here = measured[_named(measured["arch"], arch) & _named(measured["recipe"], recipe)]
            mean = printed_signed(here["difference"].mean())
            row[recipe] = NOT_RUN if here.empty else f"{mean} ({len(here)})"
        rows.append(row)
    return _pipe(rows, 1)


def _named(column: "pd.Series[str]", name: str) -> "pd.Series[bool]":
    """Where `column` has `name`; everywhere for `ALL`."""
    return (column == name) | (name == ALL)


PARTS = {
    "augmentation, Lion": ("wo_dp_kd", "baseline"),
    "distillation": ("wo_dp", "wo_dp_kd"),
    "distillation, beside DropPath": ("full", "wo_kd"),
    "DropPath": ("wo_kd", "wo_dp_kd"),
    "DropPath, beside distillation": ("full", "wo_dp"),
    "all": ("full", "baseline"),
}
"""Of each part of the method: the recipe with it, and the one without."""


def _parts(configuration: Configuration, cells: pd.DataFrame) -> Sequence[str]:
    """A row a measured set and network, a column a part of the method; nothing without gains.

    Below them means over the rows that have every part, and over the others.
    """
    measured = _with_sets(configuration, _measured_once(cells))
    places = ["set", "arch"]
    gains = [_gain(measured, places, *pair) for pair in PARTS.values()]

    def row(title: str, network: str, chosen: Sequence[tuple[str, str]]) -> dict[str, str]:
        worth = (_worth(gain[gain.index.isin(chosen)]) for gain in gains)
        return {"set": title, "network": network} | dict(zip(PARTS, worth, strict=True))

    every = measured[places].drop_duplicates().itertuples(index=False, name=None)
    shown = [place for place in every if any(place in gain.index for gain in gains)]
    if not shown:
        return []
    rows = [row(title, configuration.arch_title(arch), [(title, arch)]) for title, arch in shown]
    whole = [place for place in shown if all(place in gain.index for gain in gains)]
    parted = [place for place in shown if place not in whole]
    means = {"every part measured": whole, "the others": parted}
    rows += [row("mean", network, chosen) for network, chosen in means.items() if chosen]
    return ["## What each part of the method is worth", WORTH, _pipe(rows, 2)]


WORTH = (
    "In points, ours / the paper's: the accuracy of the recipe with a part minus that of the one "
    "without, means over their seeds. With DropPath come 4,000 epochs instead of 1,000 and the periodic "
    "learning rate. Where every part was measured, `all` is the sum of augmentation, distillation and "
    "DropPath beside it."
)


def _gain(measured: pd.DataFrame, places: list[str], recipe: str, without: str) -> pd.DataFrame:
    """What a recipe has over another, `ours` and the `paper`'s in points, where both are measured."""
    one, other = (
        measured[measured["recipe"] == name].set_index(places)[["ours", "paper"]]
        for name in (recipe, without)
    )
    return (one - other).dropna()


def _worth(gains: pd.DataFrame) -> str:
    """The mean of gains, ours and the paper's."""
    if gains.empty:
        return NOT_RUN
    return " / ".join(printed_signed(mean) for mean in gains[["ours", "paper"]].mean())


def _measured_once(cells: pd.DataFrame) -> pd.DataFrame:
    """The measured cells, each once, though several tables print it."""
    return cells[cells["n"] > 0].drop_duplicates(CELL)


def _with_margins(configuration: Configuration, measured: pd.DataFrame) -> pd.DataFrame:
    """`measured` with a column `margin` (points), and whether a cell `reproduces`."""
    told = measured.assign(margin=seed_margins(configuration, measured))
    return told.assign(reproduces=reproduces(told["difference"], told["margin"]))


def _measured(configuration: Configuration, measured: pd.DataFrame) -> Sequence[str]:
    """What reproducing means, and a row a measured set, recipe and network, the farthest first."""
    farthest_first = _with_sets(configuration, measured).sort_values("difference", kind="stable")
    rows = [
        {
            **_cell(configuration, row),
            "seeds": str(row["n"]),
            "ours": printed(row["ours"]) + ("" if pd.isna(row["std"]) else f" ± {printed(row['std'])}"),
            "paper's": printed(row["paper"]),
            "difference": printed_signed(row["difference"]),
            "seeds allow": _margin(row["margin"]),
            "reproduces": _yes_or_no(row["reproduces"], row["margin"]),
        }
        for _, row in farthest_first.iterrows()
    ]
    return [REPRODUCES, _pipe(rows, 3)]


REPRODUCES = (
    "A cell *reproduces* where the difference is no larger than *seeds allow*: two means of the same "
    "distribution, ours of so many seeds and the paper's of "
    f"{PAPER_SEEDS}, lie that near in 95% of cases (Student's t; the deviation is pooled over the cells "
    "of the same IPC with several seeds, those of the sets' own networks apart; without such cells it "
    "is not known). With one seed that is wide: *yes* says that seeds can explain the difference, not "
    "that there is none."
)


def _margin(margin: float) -> str:
    return NOT_RUN if pd.isna(margin) else f"± {printed(margin)}"


def _yes_or_no(reproduced: bool, margin: float) -> str:
    """The verdict; none without a margin."""
    if pd.isna(margin):
        return NOT_RUN
    return "yes" if reproduced else "no"


def _with_sets(configuration: Configuration, cells: pd.DataFrame) -> pd.DataFrame:
    """`cells` with a column `set`: `FRePo, IPC 1`, behind what it was measured on where that differs."""
    sources = cells["source"].map(lambda name: configuration.source(name).title)
    sets = sources + ", IPC " + cells["ipc"].astype(str)
    if cells["measured_on"].nunique() > 1:
        sets = cells["measured_on"].map(lambda name: configuration.dataset(name).title) + ", " + sets
    return cells.assign(set=sets)


def _cell(configuration: Configuration, row: "pd.Series[Any]") -> dict[str, str]:
    """What a row with its `set` is about, in words."""
    network = configuration.arch_title(str(row["arch"]))
    return {"set": str(row["set"]), "network": network, "recipe": str(row["recipe"])}


def _explained(
    configuration: Configuration, measured: pd.DataFrame, effects: pd.DataFrame
) -> Sequence[str]:
    """The distance to the paper when cells are tested otherwise; nothing without effects."""
    known = measured.assign(dataset=measured["measured_on"])
    merged = known.merge(effects, on=CELL).sort_values(["source", "arch", "recipe"], kind="stable")
    if merged.empty:
        return []
    merged["originals"] = merged["difference"] + merged["stand_in"]
    merged["allowed"] = widened(merged["margin"], merged["error"])
    merged["then"] = reproduces(merged["originals"], merged["allowed"])
    merged["both"] = merged["originals"] + merged["statistics"]
    rows = [
        {
            **_cell(configuration, row),
            "difference": printed_signed(row["difference"]),
            "originals instead of copies": printed_signed(row["stand_in"]),
            "difference then": printed_signed(row["originals"]),
            "seeds and pairs allow": _margin(row["allowed"]),
            "reproduces then": _yes_or_no(row["then"], row["allowed"]),
            "statistics of test batches": _signed(row["statistics"]),
            "difference with both": _signed(row["both"]),
        }
        for _, row in _with_sets(configuration, merged).iterrows()
    ]
    counted = (
        ""
        if merged["margin"].isna().all()
        else f"Of the {_judged(merged, ' cells')} {merged['reproduces'].sum()} reproduce as they were "
        f"tested, and {merged['then'].sum()} on originals. "
    )
    return ["## How far from the paper, tested otherwise", f"{counted}{OTHERWISE}", _pipe(rows, 3)]


OTHERWISE = (
    "All in points. *Originals instead of copies* is what final weights gain on images without JPEG's "
    "loss (pairs, own space); its standard error widens what seeds allow. *Statistics of test batches* "
    "is what they gain when batch norms take mean and variance from batches of test images (no fair "
    "test). Both were measured on the runs whose weights were at hand, and are added to the mean of all "
    "seeds."
)


def _signed(value: float) -> str:
    return NOT_RUN if pd.isna(value) else printed_signed(value)


def _cost(configuration: Configuration, runs: pd.DataFrame) -> str:
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
    return _pipe(rows, 1)


def _made_with(runs: pd.DataFrame) -> str:
    commits = sorted(set(runs["commit"].dropna()))
    machines = ", ".join(sorted(set(runs["machine"].dropna())))
    days = sorted(text[:10] for text in runs["finished"])
    devices = ", ".join(sorted(set(runs["device"])))
    threads = " or ".join(plural(int(count), "thread") for count in sorted(set(runs["threads"])))
    return (
        f"{_hours(runs):.1f} hours in all, on {devices} ({machines}), {threads} a run, beside other "
        "work: a run's time hangs on what ran beside it, and is an upper bound. "
        f"{days[0]} to {days[-1]}, commits {', '.join(commits)}."
    )


def _hours(runs: pd.DataFrame) -> float:
    return float((runs["seconds_training"] + runs["seconds_evaluation"]).sum()) / 3600


def _datasets(configuration: Configuration, measured: pd.DataFrame) -> str:
    names = sorted(measured["measured_on"].unique())
    return " and ".join(
        f"on {configuration.dataset(name).title}"
        + ("" if configuration.distilled_from(name) == name else ", a stand-in")
        for name in names
    )


def _pipe(rows: Sequence[dict[str, Any]], texts: int) -> str:
    align = ["left"] * texts + ["right"] * (len(rows[0]) - texts)
    return tabulate(rows, headers="keys", tablefmt="pipe", disable_numparse=True, colalign=align)
