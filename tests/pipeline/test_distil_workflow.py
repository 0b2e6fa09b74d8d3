"""From scikit-learn's digits to a table and a figure, with a set that the pipeline distils itself."""

import json
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


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("distilled/own-frepo/digits/ipc3.safetensors", "own-frepo.distilled.digits: found no set with"),
        ("distilled/own-frepo/tiny-imagenet/ipc1.safetensors", "unknown dataset 'tiny-imagenet'"),
        ("distilled/frepo/cifar10/ipc7.safetensors", "frepo.sets.cifar10: found no set with ipc 7"),
        ("distil/frepo/cifar10/ipc1/metrics.json", "frepo: found `sets`, allowed for a distillation"),
        ("distilled/frpo/cifar10/ipc1.safetensors", "unknown source 'frpo' (did you mean 'frepo'?)"),
        ("data/cifar12/train.safetensors", "unknown dataset 'cifar12' (did you mean 'cifar10'?)"),
        ("data/cifar12/test/none.safetensors", "unknown dataset 'cifar12' (did you mean 'cifar10'?)"),
        ("runs/digits/own-frepo/ipc3/cnn/baseline/seed0/metrics.json", "found no set with ipc 3"),
        ("runs/digits/own-frepo/ipc1/cnn/basline/seed0/metrics.json", "unknown recipe 'basline'"),
    ],
)
def test_a_path_that_no_rule_can_make_is_one_line(on_digits: Workspace, path: str, told: str) -> None:
    ended = on_digits.snakemake("-n", f"results/{path}")
    assert ended.returncode != 0
    printed = ended.stdout + ended.stderr
    assert told in printed
    assert "Traceback" not in printed
    assert "Exception" not in printed
