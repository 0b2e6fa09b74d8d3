"""What Snakemake says of the trainings that are left."""

import subprocess
import sys
from pathlib import Path

import pytest

from crossarch.running.trainings_left import TrainingsLeft

SNAKEFILE = """
from crossarch.running.trainings_left import tell_trainings_left
tell_trainings_left()
rule all:
    input: "3", "other"
rule train:
    output: "{seed}"
    wildcard_constraints: seed="[1-3]"
    input: lambda wildcards: [] if wildcards.seed == "1" else [str(int(wildcards.seed) - 1)]
    shell: "touch {output}"
rule other:
    output: "other"
    shell: "touch {output}"
"""


def told(folder: Path, *options: str) -> tuple[list[str], str]:
    """The lines on trainings, and all that Snakemake wrote."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *options]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [
        line for line in finished.stderr.splitlines() if line.startswith("Trainings")
    ], finished.stderr


@pytest.mark.parametrize("quiet", [[], ["--quiet", "rules"]])
def test_one_line_after_each_training_only(tmp_path: Path, quiet: list[str]) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    lines, everything = told(tmp_path, *quiet)
    assert lines == [
        "Trainings: 1 of 3 done, 2 left, about 1 min",
        "Trainings: 2 of 3 done, 1 left, about 1 min",
        "Trainings: 3 of 3 done",
    ]
    assert "5 of 5 steps" in everything
    (tmp_path / "3").unlink()
    assert told(tmp_path, *quiet)[0] == ["Trainings: 1 of 1 done"]


def test_the_time_left_is_at_the_pace_of_those_that_ended() -> None:
    handler = TrainingsLeft()
    handler.planned, handler.ended = 10, 4
    assert handler.line(seconds=800) == "Trainings: 4 of 10 done, 6 left, about 20 min"
    assert handler.line(seconds=8000) == "Trainings: 4 of 10 done, 6 left, about 3.3 h"
