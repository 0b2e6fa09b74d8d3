"""How many runs each table takes: against a count made from the paper's words alone."""

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from synthetic_runs import a_run, metrics_of_today
from typer.testing import CliRunner

from crossarch.cli import app
from crossarch.config import load_configuration, read_overrides
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.overview import planned

CONFIG = Path(__file__).parents[2] / "config"
LARGE = ("resnet18", "alexnet", "vgg11", "resnet50")
SEEDS = (0, 1, 2)
Run = tuple[str, str, int, str, str, int]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The configuration with distilled sets of all data sets, whether or not they can be fetched."""
    copy = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    sources = yaml.safe_load((copy / "sources.yaml").read_text())
    for source in ("frepo", "mtt"):
        sets = sources[source]["sets"]
        sets.setdefault("cifar100", sets["cifar10"])
        sets.setdefault("tiny-imagenet", {ipc: sets["cifar10"][ipc] for ipc in (1, 10)})
    (copy / "sources.yaml").write_text(yaml.safe_dump(sources))
    return copy


def runs(*cells: tuple[str, str, int, str, str]) -> set[Run]:
    return {(*cell, seed) for cell, seed in product(cells, SEEDS)}


def main_table(dataset: str, ipcs: tuple[int, ...]) -> set[Run]:
    """Two distilled sets for each IPC; five methods, of which two make sense for the CNN."""
    cells = []
    for source, ipc in product(("frepo", "mtt"), ipcs):
        for method in ("baseline", "wo_dp_kd"):
            cells.append((dataset, source, ipc, "cnn", method))
        for arch, method in product(LARGE, ("baseline", "wo_dp_kd", "wo_dp", "wo_kd", "full")):
            cells.append((dataset, source, ipc, arch, method))
    return runs(*cells)


def by_hand() -> dict[str, set[Run]]:
    """What the paper says of each table. The teacher is the CNN with w/o DP & KD on the same data."""
    section_4_3 = ("cifar10", "frepo", 10)
    teacher = runs((*section_4_3, "cnn", "wo_dp_kd"))
    ablations = {
        "table3": ("full-nofinal-original_shortcut", "full-original_shortcut", "full-nofinal", "full"),
        "table4": ("full-cosine-adamw-1fold", "full-adamw-1fold", "full-1fold", "full"),
    }
    spread = [
        *(("cifar10", "frepo", 1, a, m) for a in LARGE for m in ("wo_dp_kd", "wo_dp", "wo_kd", "full")),
        *(("cifar10", "frepo", ipc, a, "full") for ipc in (10, 50) for a in LARGE),
        *(("cifar10", "frepo", ipc, "cnn", "wo_dp_kd") for ipc in (1, 10, 50)),  # teachers
    ]
    two_fold = [
        # The CNN has 2 folds in Table 2 as well: its cell is that table's.
        *(("cifar10", "frepo", 1, "cnn", m) for m in ("baseline", "wo_dp_kd")),
        *(("cifar10", "frepo", 1, a, m) for a in LARGE for m in ("baseline", "wo_dp_kd-2fold")),
        *(("cifar10", "frepo", 1, a, f"{m}-2fold") for a in LARGE for m in ("wo_dp", "wo_kd", "full")),
    ]
    return {
        "table1": set(),
        "table2": main_table("cifar10", (1, 10, 50)),
        **{
            name: runs(*((*section_4_3, "resnet18", method) for method in methods)) | teacher
            for name, methods in ablations.items()
        },
        "table5": main_table("cifar100", (1, 10, 50)),
        "table6": main_table("tiny-imagenet", (1, 10)),
        "table7": runs(*spread),
        "table8": runs(*two_fold),
    }


COUNTS = {  # the same once more, in numbers: 132 = 2 sets x 3 IPC x (2 + 4 x 5)
    "table1": 0,
    "table2": 132 * 3,
    "table3": 5 * 3,
    "table4": 5 * 3,
    "table5": 132 * 3,
    "table6": 88 * 3,
    "table7": (16 + 4 + 4 + 3) * 3,
    "table8": (5 * 2 + 4 * 3) * 3,
}
# Tables 3 and 4 bring 3 new settings each, Table 7 none, Table 8 all but its 5 baselines and the CNN.
ALL = (132 + 3 + 3 + 132 + 88 + 0 + 16) * 3


# Figure 1: the CNN, four networks, twice, on 2 sets at 3 IPC, and the teachers, which are among them.
# Figures 3 and 7: 6 fractions of the CNN (baseline, teacher), of ResNet18, ResNet50 and VGG11 (baseline
# and full), of ResNet50 taught by ResNet18, and of that teacher. Figure 4: 4 minimum keep rates, 4
# weights, 4 temperatures, `full` itself and the CNN twice. Figure 8: two networks and their teacher.
FIGURES = {
    "figure1": 2 * 3 * (2 + 4 * 2) * 3,
    "figure2": 0,
    "figure3": 6 * (2 + 2 * 2) * 3,
    "figure4": (4 + 4 + 4 + 1 + 2) * 3,
    "figure5": 0,
    "figure6": 0,
    "figure7": 6 * (2 + 2 + 2 + 2 + 1) * 3,  # ResNet18: baseline and teacher
    "figure8": 1 + 1 + 1,  # one seed: Lion, AdamW, the teacher of both
}
# What no table and no figure before has: all of Figure 3, twelve of Figure 4, VGG11 and the new teacher,
# AdamW.
NEW_IN_FIGURES = (6 * 6 + 12 + 6 * (2 + 1 + 1)) * 3 + 1


def test_a_table_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    configuration = load_configuration(CONFIG, overrides=[("test", {"seeds": [0]})])
    once, twice = (
        planned(configuration, Layout(tmp_path), names) for names in (["table2"], ["table2", "table2"])
    )
    assert once.to_json() == twice.to_json()


def test_figures_against_an_independent_count(directory: Path, tmp_path: Path) -> None:
    preset = read_overrides([CONFIG / "presets" / "paper.yaml"])
    configuration = load_configuration(directory, overrides=preset)
    selection = configuration.selection
    plan = planned(configuration, Layout(tmp_path), [*selection.tables, *selection.figures])
    runs = {target.name: len(target.runs) for target in plan.targets}
    assert {name: count for name, count in runs.items() if name in FIGURES} == FIGURES
    assert len(plan.runs) == ALL + NEW_IN_FIGURES == 1339


def test_the_whole_paper_against_an_independent_count(directory: Path, tmp_path: Path) -> None:
    preset = read_overrides([CONFIG / "presets" / "paper.yaml"])
    configuration = load_configuration(directory, overrides=preset)
    plan = planned(configuration, Layout(tmp_path), configuration.selection.tables)
    expected = by_hand()
    assert {name: len(found) for name, found in expected.items()} == COUNTS
    for target in plan.targets:
        found = {(r.dataset, r.source, r.ipc, r.arch, r.recipe, r.seed) for r in target.runs}
        assert len(found) == len(target.runs)
        assert found == expected[target.name]
        assert target.left == COUNTS[target.name]
    assert set().union(*expected.values()) == {
        (r.dataset, r.source, r.ipc, r.arch, r.recipe, r.seed) for r in plan.runs
    }
    assert len(plan.runs) == len(plan.left) == sum(target.new for target in plan.targets) == ALL == 1122
    new = {target.name: target.new for target in plan.targets}
    assert (new["table3"], new["table7"], new["table8"]) == (9, 0, 48)


def test_a_run_with_metrics_is_not_left(directory: Path, tmp_path: Path) -> None:
    configuration = load_configuration(directory, overrides=[("test", {"ipc": [1], "seeds": [0]})])
    layout = Layout(tmp_path)
    before = planned(configuration, layout, ["table2", "table7"])
    teacher = next(run for run in before.runs if (run.arch, run.recipe) == ("cnn", "wo_dp_kd"))
    metrics = layout.run_metrics(teacher)
    metrics.parent.mkdir(parents=True)
    made = metrics_of_today(configuration, teacher)
    metrics.write_text(json.dumps(made))
    after = planned(configuration, layout, ["table2", "table7"])
    assert [target.left for target in after.targets] == [target.left - 1 for target in before.targets]
    assert (len(before.left), len(after.left)) == (44, 43)
    outdated = {**made, "settings": {**made["settings"], "epochs": 999}}
    for to_run_again in ("", json.dumps(outdated)):
        metrics.write_text(to_run_again)
        assert planned(configuration, layout, ["table2", "table7"]) == before


@pytest.mark.parametrize(
    ("narrowed", "table", "cells", "distinct"),
    [
        ({"ipc": [1], "archs": ["alexnet"]}, "table2", 10, 12),  # 2 sets x 5 methods, 2 teachers
        ({"ipc": [1], "archs": ["alexnet"], "recipes": ["full"]}, "table2", 2, 4),
        ({"sources": ["frepo"], "archs": ["cnn"]}, "table2", 6, 6),
        ({"archs": ["resnet18"], "recipes": ["full-1fold"]}, "table4", 1, 2),
        ({"datasets": ["cifar10", "cifar100"]}, "table3", 4, 5),
    ],
)
def test_the_selection_narrows_a_table(
    tmp_path: Path, narrowed: dict[str, Any], table: str, cells: int, distinct: int
) -> None:
    configuration = load_configuration(CONFIG, overrides=[("test", {"seeds": [0], **narrowed})])
    target = planned(configuration, Layout(tmp_path), [table]).targets[0]
    assert (target.cells, len(target.runs)) == (cells, distinct)


def test_nothing_to_run_is_explained(directory: Path, tmp_path: Path) -> None:
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    for source in ("frepo", "mtt"):
        del sources[source]["sets"]["cifar100"]
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources))
    chosen = {"datasets": ["cifar10", "cifar100"], "ipc": [1]}
    configuration = load_configuration(directory, overrides=[("test", chosen)])
    plan = planned(configuration, Layout(tmp_path), ["table1", "table2", "table3", "table5"])
    why = {target.name: target.nothing for target in plan.targets}
    assert why["table1"] is why["table2"] is None
    assert why["table3"] is not None
    assert "none in common with it" in why["table3"]
    assert (
        why["table5"]
        == f"table5: no run is left: {directory}/sources.yaml has no set of cifar100 with ipc 1, 10, 50"
    )
    with pytest.raises(ConfigError, match="unknown table 'table9'"):
        planned(configuration, Layout(tmp_path), ["table9"])


def test_the_command_says_the_same_in_json_and_in_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # no published runs there
    run = a_run(source="mtt")
    file = Layout(tmp_path).run_metrics(run)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(metrics_of_today(load_configuration(CONFIG), run)))
    arguments = ["--config-dir", str(CONFIG), "--results", str(tmp_path), "plan", "--table", "table7"]
    told = CliRunner().invoke(app, [*arguments, "--json"])
    answer = json.loads(told.stdout)
    assert [cost["device"] for cost in answer.pop("costs")] == ["cpu"]
    assert answer == {
        "targets": {"table7": {"cells": 24, "runs": 81, "new": 81, "done": 0, "left": 81}},
        "all": {"runs": 81, "done": 0, "left": 81},
    }
    shown = CliRunner().invoke(app, arguments).stdout
    row = next(line for line in shown.splitlines() if "table7" in line)
    assert [field.strip() for field in row.strip("│").split("│")][-5:] == ["24", "81", "81", "0", "81"]
    assert "No GPU was measured yet" in " ".join(shown.split())
    data = json.loads(file.read_text())
    file.write_text(json.dumps({**data, "device": "NVIDIA H200"}))
    measured = " ".join(CliRunner().invoke(app, arguments).stdout.split())
    assert "81 left on NVIDIA H200" in measured
    assert "No GPU was measured yet" not in measured
