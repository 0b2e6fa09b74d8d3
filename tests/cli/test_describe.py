"""What `describe` says of networks of the user's own: numbers on stdout, what is not there on stderr."""

import json
from pathlib import Path

import pytest
from calling import Call

UNCOUNTED = """
from torch import nn
from crossarch.models import network

@network("mine", droppath=("nothing",))
class Mine(nn.Module):
    def __init__(self, settings):
        super().__init__()
        self.scales = nn.Linear(settings.channels, settings.classes).weight
        self.nothing = nn.Identity()

    def forward(self, x):
        return ((x + self.nothing(x)).mean((2, 3))[:, None] * self.scales).sum(2)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of a network with 30 parameters and DropPath, whose work cannot be counted."""
    (tmp_path / "mine.py").write_text(UNCOUNTED)
    return tmp_path / "mine.py"


def described(call: Call, file: Path) -> tuple[dict[str, int | None], list[str]]:
    """The numbers, and the lines on stderr."""
    preset = file.with_name("mine.yaml")
    preset.write_text(f"own_networks: {{mine: {file}}}\n")
    finished = call("--preset", str(preset), "describe", "--arch", "mine", "--source", "frepo")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout), finished.stderr.splitlines()


def test_a_network_without_droppath_is_described_without_it(call: Call, file: Path) -> None:
    file.write_text(UNCOUNTED.replace(', droppath=("nothing",)', ""))
    found, warnings = described(call, file)
    assert found == {"parameters": 30, "macs": None, "droppath_blocks": 0}
    assert warnings[0].startswith(
        f"crossarch: warning: {file}: mine: found no DropPath, which the recipe"
    )
    assert warnings[0].endswith("; described without it")
    assert warnings[1].startswith("crossarch: warning: the work of mine cannot be counted")
    assert len(warnings) == 2


def test_a_plan_with_a_network_that_a_recipe_cannot_train_names_the_run(
    call: Call, kept: Path, file: Path, tmp_path: Path
) -> None:
    # What numpy brings is not known before the file is run.
    file.write_text("import numpy\n" + UNCOUNTED.replace(', droppath=("nothing",)', ""))
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        f"own_networks: {{mine: {file}}}\narchs: [mine]\nipc: [1]\nsources: [frepo]\n"
        "own_recipes: {q: {base: baseline}}\nrecipes: [q, full]\ntables: [table2]\n"
    )
    finished = call("--preset", str(preset), "--results", str(kept), "plan")
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith(
        f"crossarch: cifar10/frepo/ipc1/mine/full/seed0: {file}: mine: found no DropPath, which the "
    )


def test_work_that_cannot_be_counted_is_null_and_told(call: Call, file: Path) -> None:
    found, [warning] = described(call, file)
    assert found == {"parameters": 30, "macs": None, "droppath_blocks": 1}
    assert warning.startswith(f"crossarch: warning: the work of mine cannot be counted: {file}: ")
