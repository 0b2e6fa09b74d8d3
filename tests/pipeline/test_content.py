"""What trains a run again is what its inputs hold: not their times, nor that they were made anew."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from miniature import Workspace, make_workspace

pytestmark = pytest.mark.slow

RUNS = "results/runs/cifar10/frepo/ipc1"
STUDENT, TEACHER = (f"{RUNS}/{run}/seed0/metrics.json" for run in ("alexnet/full", "cnn/wo_dp_kd"))
TEST_SET = "results/data/cifar10/test/zca-kornia.safetensors"
DISTILLED = "results/distilled/frepo/cifar10/ipc1.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Workspace:
    """A workspace with a student and its teacher; every test takes a copy."""
    workspace = make_workspace(tmp_path_factory.mktemp("trained"), project)
    made = workspace.snakemake(STUDENT)
    assert made.returncode == 0, made.stdout + made.stderr
    assert workspace.planned(STUDENT) == {}
    return workspace


@pytest.fixture
def copied(trained: Workspace, tmp_path: Path) -> Workspace:
    """The workspace as `cp -r` or `scp` copies it: every file has the time of its copy."""
    folder = tmp_path / "copy"
    shutil.copytree(trained.folder, folder, copy_function=shutil.copyfile)
    return replace(trained, folder=folder)


def test_a_copy_and_touched_inputs_train_nothing(copied: Workspace) -> None:
    assert copied.planned(STUDENT) == {}
    for path in (TEST_SET, DISTILLED, *map(str, (copied.folder / RUNS).rglob("best.safetensors"))):
        os.utime(copied.folder / path)
        assert copied.planned(STUDENT) == {}, path
    table = copied.crossarch("status", "--table", "table2", "--json")
    assert '"outdated": 0' in table.stdout


def test_sets_that_are_made_again_train_nothing(copied: Workspace) -> None:
    before = {path: (copied.folder / path).read_bytes() for path in (STUDENT, TEACHER)}
    shutil.rmtree(copied.folder / "results/data")  # a scratch that was purged
    (copied.folder / DISTILLED).unlink()
    assert copied.planned(STUDENT) == {}
    made = copied.snakemake(TEST_SET, DISTILLED)
    assert made.returncode == 0, made.stdout + made.stderr
    made = copied.snakemake(STUDENT)
    assert made.returncode == 0, made.stdout + made.stderr
    assert {path: (copied.folder / path).read_bytes() for path in before} == before
    assert copied.planned(STUDENT) == {}


def test_sets_that_are_made_again_for_another_run_train_that_alone(trained: Workspace) -> None:
    """Snakemake plans all that depends on them; what has the same inputs ends as it had ended."""
    before = {path: (trained.folder / path).read_bytes() for path in (STUDENT, TEACHER)}
    (trained.folder / TEST_SET).unlink()
    other = f"{RUNS}/cnn/baseline/seed0/metrics.json"
    made = trained.snakemake(other, STUDENT)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (trained.folder / other).exists()
    assert {path: (trained.folder / path).read_bytes() for path in before} == before
    assert trained.planned(STUDENT, other) == {}


def test_one_changed_byte_trains_what_it_touches(copied: Workspace) -> None:
    content = bytearray((copied.folder / DISTILLED).read_bytes())
    content[-1] ^= 1
    (copied.folder / DISTILLED).write_bytes(content)
    assert copied.planned(STUDENT) == {"train": 2}
    weights = (copied.folder / TEACHER).with_name("best.safetensors")
    (copied.folder / DISTILLED).write_bytes(bytes([*content[:-1], content[-1] ^ 1]))
    assert copied.planned(STUDENT) == {}
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()  # not through the link to what is remembered
    weights.write_bytes(content)
    assert copied.planned(STUDENT) == {"train": 1}
