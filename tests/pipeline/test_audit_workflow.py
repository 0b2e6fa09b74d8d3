"""The rule `audit` for real, in miniature: what it makes, and what makes it again."""

import csv
import json

import pytest
from miniature import Workspace

pytestmark = pytest.mark.slow


def test_audit_of_the_chosen_sets(workspace: Workspace) -> None:
    finished = workspace.snakemake("audit")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    folder = workspace.folder / "results" / "audit"
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    one = "frepo/cifar10/ipc1"
    assert made == {"audit.csv", "audit.md", f"{one}.json", f"{one}.png"}
    (row,) = csv.DictReader((folder / "audit.csv").open())
    assert row["shape"] == "3x3x16x16"
    assert row["labels"] == "soft"
    assert row["balance"] == "1 a class"
    assert row["configured"] == "zca-kornia"
    assert workspace.planned("audit") == {}

    def reconfigure(data: dict[str, dict[str, str]]) -> None:
        data["frepo"]["whitening"] = "zca-frepo"

    workspace.edit("sources.yaml", reconfigure)
    assert workspace.planned("audit") == {"audit_set": 1, "audit": 1}

    by_hand = workspace.crossarch("audit", "frepo", "cifar10", "1", "--json")
    assert by_hand.returncode == 0, by_hand.stderr
    (audit,) = json.loads(by_hand.stdout)
    assert audit["configured"] == "zca-frepo"
    assert sum(space["share"] for space in audit["spaces"].values()) == pytest.approx(1)
    assert ("warning:" in by_hand.stderr) == (audit["best"] != "zca-frepo")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frepo"], "give SOURCE, DATASET and IPC"),
        (["frepo", "cifar10", "10"], "found no set with ipc 10, allowed: 1"),
        (["frpo", "cifar10", "1"], "did you mean 'frepo'?"),
        (["--summary"], "no such file"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], said: str, workspace: Workspace) -> None:
    finished = workspace.crossarch("audit", *arguments)
    assert finished.returncode in (2, 4)
    assert said in finished.stderr
    assert len(finished.stderr.strip().splitlines()) == 1
    assert not (workspace.folder / "results" / "audit").exists()
