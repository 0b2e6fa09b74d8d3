"""From scikit-learn's digits to a table and a figure, with a set that the pipeline distils itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from miniature import Workspace
from safetensors.torch import load_file

pytestmark = pytest.mark.slow

TARGETS = ("table2", "figure1", "distillations", "audit")
SET = "own-frepo/digits/ipc1"


@pytest.fixture
def on_digits(workspace: Workspace) -> Workspace:
    """A workspace that distils the digits in a few steps."""

    def shorten(data: Any) -> None:
        data["own-frepo"]["widths_by_dataset"] = {"digits": [4, 8, 8]}
        method = data["own-frepo"]["distilled"]["digits"]
        method |= {"steps": 6, "real_batch": 16, "pool": 2, "online_steps": 2}
        method["test"] = {"every": 3, "epochs": 2, "lr": 1e-3}

    workspace.edit("sources.yaml", shorten)
    chosen = {"datasets": ["digits"], "sources": ["own-frepo"], "tables": ["table2"]}
    chosen |= {"figures": ["figure1"], "recipes": ["baseline", "wo_dp_kd"], "archs": ["cnn"]}
    workspace.edit("config.yaml", lambda data: data.update(chosen))
    return workspace


def test_digits_are_distilled_tabled_and_drawn(on_digits: Workspace) -> None:
    made = on_digits.snakemake(*TARGETS)
    assert made.returncode == 0, made.stdout + made.stderr
    results = on_digits.folder / "results"
    image_set = load_file(results / "distilled" / f"{SET}.safetensors")
    assert image_set["images"].shape == (10, 1, 16, 16)
    assert image_set["labels"].shape == (10, 10)
    record = json.loads((results / "distil" / SET / "metrics.json").read_text())
    assert [one["step"] for one in record["evaluations"]] == [0, 3, 6]
    assert record["settings"]["method"]["steps"] == 6
    curve = (results / "distil" / SET / "curve.csv").read_text().splitlines()
    assert curve[0] == "step,accuracy,loss"
    assert len(curve) == 1 + 7
    assert json.loads((results / "audit" / f"{SET}.json").read_text())["shape"] == [10, 1, 16, 16]

    page = (results / "tables" / "table2-comparison.md").read_text()
    assert page.startswith("# Test accuracies on Digits")
    cells = [cell.strip().split(" / ") for line in page.splitlines() for cell in line.split("|")[4:-1]]
    measured = [cell for cell in cells if len(cell) == 3 and cell[0] != "—"]
    assert len(measured) == 2
    assert all(paper == difference == "—" for _, paper, difference in measured)
    points = (results / "figures" / "figure1.csv").read_text()
    assert "(a) FRePo (ours)" in points
    assert "cifar10" not in points

    assert on_digits.planned(*TARGETS) == {}

    # A training depends on the set, a distillation on its own numbers alone.
    def longer(data: Any) -> None:
        data["own-frepo"]["distilled"]["digits"]["steps"] = 7

    on_digits.edit("recipes.yaml", lambda data: data["recipes"]["baseline"].update(epochs=5))
    planned = on_digits.planned(*TARGETS)
    assert planned.get("train") == 2  # w/o DP & KD starts from it
    assert "distil" not in planned
    on_digits.edit("recipes.yaml", lambda data: data["recipes"]["baseline"].update(epochs=6))
    on_digits.edit("sources.yaml", longer)
    planned = on_digits.planned(*TARGETS)
    assert (planned.get("distil"), planned.get("train")) == (1, 2)


def test_a_training_by_hand_says_what_to_distil_first(on_digits: Workspace) -> None:
    ended = on_digits.crossarch("train", "digits/own-frepo/ipc1/cnn/baseline/seed0")
    assert ended.returncode == 4
    said = ended.stderr.strip().splitlines()
    assert said == [
        "crossarch: results/distilled/own-frepo/digits/ipc1.safetensors: no such file; "
        "distil the set first: crossarch distil own-frepo digits 1"
    ]
    made = on_digits.crossarch("distil", "own-frepo", "digits", "1")
    assert made.returncode == 0, made.stderr
    distilled = Path(on_digits.folder / "results" / "distilled" / f"{SET}.safetensors")
    before = distilled.read_bytes()

    def longer(data: Any) -> None:
        data["own-frepo"]["distilled"]["digits"]["steps"] = 7

    asked = ("prepare", "digits", "--source", "own-frepo", "--ipc", "1")
    assert on_digits.crossarch(*asked).returncode == 0
    on_digits.edit("sources.yaml", longer)
    for arguments in (asked, ("train", "digits/own-frepo/ipc1/cnn/baseline/seed0")):
        ended = on_digits.crossarch(*arguments)
        assert ended.returncode == 4
        assert ended.stderr.strip().splitlines() == [
            f"crossarch: results/distil/{SET}/metrics.json: settings.method.steps: made with 6, "
            "today 7; distil the set again: crossarch distil own-frepo digits 1"
        ]
    assert distilled.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("own-frepo", "digits", "3"), "own-frepo.distilled.digits: found no set with ipc 3"),
        (("own-frepo", "tiny-imagenet", "1"), "unknown dataset 'tiny-imagenet'"),
        (("frepo", "cifar10", "1"), "frepo: found `sets`, allowed for a distillation"),
        (("own-frepo", "digits"), "distil: give SOURCE, DATASET and IPC, or --settings"),
    ],
)
def test_what_cannot_be_distilled_is_one_line(
    on_digits: Workspace, arguments: tuple[str, ...], told: str
) -> None:
    ended = on_digits.crossarch("distil", *arguments)
    assert ended.returncode == 2
    assert len(ended.stderr.strip().splitlines()) == 1
    assert told in ended.stderr
