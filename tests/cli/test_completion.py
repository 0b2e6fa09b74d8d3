"""What the shell offers after the Tab key, asked as bash asks."""

from pathlib import Path

import pytest
from calling import Call

from crossarch.cli import complete

BASH = {"_CROSSARCH_COMPLETE": "complete_bash"}
OF_ALEXNET = [f"cifar10/frepo/ipc1/alexnet/{recipe}/seed0" for recipe in ("baseline", "full", "wo_dp")]
OTHERS = " ".join(OF_ALEXNET[1:])


def offered(call: Call, line: str) -> list[str]:
    """The answer to Tab at the end of the line."""
    words = line.split(" ")
    asked = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_CROSSARCH_COMPLETE": "complete_bash",
    }
    finished = call(**asked)
    assert finished.stderr == ""
    return finished.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("crossarch sc", ["scorecard", "schedule"]),
        ("crossarch show --results KEPT cifar10/frepo/ipc1/alex", OF_ALEXNET),
        (
            f"crossarch compare --results KEPT {OF_ALEXNET[0]} cifar10/frepo/ipc1/alex",
            OF_ALEXNET[1:],
        ),
        (
            f"crossarch publish --results KEPT {OTHERS} cifar10/frepo/ipc1/alex",
            OF_ALEXNET[:1],
        ),
        ("crossarch train cifar100", ["cifar100/"]),
        ("crossarch train cifar10/frepo-", ["cifar10/frepo-original/"]),
        (
            "crossarch train cifar10/frepo/",
            [f"cifar10/frepo/ipc{ipc}/" for ipc in (1, 10, 50)],
        ),
        ("crossarch train digits/own-frepo/", [f"digits/own-frepo/ipc{ipc}/" for ipc in (1, 2, 5, 10)]),
        (
            "crossarch train cifar10/frepo/ipc1/res",
            [f"cifar10/frepo/ipc1/{arch}/" for arch in ("resnet18", "resnet50")],
        ),
        (
            "crossarch train cifar10/frepo/ipc1/cnn/full/",
            [f"cifar10/frepo/ipc1/cnn/full/seed{seed}" for seed in (0, 1, 2)],
        ),
        ("crossarch render table", [f"table{number}" for number in range(1, 9)]),
        ("crossarch render rep", ["report"]),
        ("crossarch collect r", ["runs"]),
        ("crossarch status --table figure7", ["figure7"]),
        ("crossarch describe --arch v", ["vgg11"]),
        ("crossarch describe --source m", ["mtt", "mtt-original"]),
        ("crossarch schedule --recipe wo_kd-", ["wo_kd-2fold"]),
        ("crossarch schedule --protocol rel", ["released", "released_as_is"]),
        ("crossarch prepare tiny", ["tiny-imagenet"]),
        ("crossarch prepare cifar10 --test-set zca-", ["zca-kornia", "zca-frepo"]),
        ("crossarch evaluate --device c", ["cpu", "cuda"]),
    ],
)
def test_names_are_completed(call: Call, kept: Path, line: str, expected: list[str]) -> None:
    assert sorted(offered(call, line.replace("KEPT", str(kept)))) == sorted(expected)


def test_ones_own_networks_and_recipes_are_offered(call: Call, tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("own_networks: {tiny: tiny.py}\nown_recipes: {slow: {base: full}}\n")
    assert offered(call, f"crossarch describe --preset {preset} --arch ti") == ["tiny"]
    assert offered(call, f"crossarch schedule --preset {preset} --recipe sl") == ["slow"]


def test_a_mistake_in_a_file_breaks_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("{")
    (tmp_path / "recipes.yaml").write_text("- a list")
    assert offered(call, f"crossarch schedule --config {tmp_path} --recipe wo") == []
    assert offered(call, f"crossarch show --config {tmp_path} cifar") == []


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("config.yaml", "seeds: 3", "train cifar10/frepo/ipc1/cnn/full/"),
        ("config.yaml", "own_networks: 3", "describe --arch re"),
        ("config.yaml", "own_recipes: [1]", "schedule --recipe 1"),
        ("config.yaml", "results: [1]", "show cifar"),
        ("recipes.yaml", "recipes:", "schedule --recipe wo"),
        ("recipes.yaml", "recipes:", "train cifar10/frepo/ipc1/cnn/"),
        ("datasets.yaml", "1: {}", "prepare ci"),
        ("datasets.yaml", "cifar10: 3", "train cifar10/frepo/ipc"),
        ("sources.yaml", "frepo: [sets]", "train cifar10/frepo/ipc"),
        ("tables.yaml", "3: {}", "render ta"),
    ],
)
def test_a_wrong_value_in_a_file_breaks_nothing(
    call: Call, tmp_path: Path, file: str, text: str, line: str
) -> None:
    (tmp_path / file).write_text(text)
    verb, *rest = line.split(" ")
    assert offered(call, f"crossarch {verb} --config {tmp_path} {' '.join(rest)}") == []


def test_an_answer_imports_nothing_heavy(call: Call) -> None:
    asked = {
        "COMP_WORDS": "crossarch show cif",
        "COMP_CWORD": "2",
        "_CROSSARCH_COMPLETE": "complete_bash",
    }
    finished = call(**asked, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.split("|")[-1].strip() for line in finished.stderr.splitlines()}
    assert complete.__name__ in imported
    assert not imported & {"torch", "numpy", "pandas", "matplotlib", "scipy", "torchvision"}
