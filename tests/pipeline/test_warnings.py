"""What jobs warn of is told when the workflow ends: nobody opens the log of a job that went well."""

import os
from pathlib import Path

import numpy as np
import pytest
from miniature import CLASSES, SIDE, Workspace

from crossarch.logs import warnings_since


def written(log: Path, text: str, at: float) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text)
    os.utime(log, (at, at))


def test_each_warning_of_this_workflow_is_told_once_oldest_log_first(tmp_path: Path) -> None:
    first, second = "crossarch: warning: of a set", "crossarch: warning: of a download"
    written(tmp_path / "distilled/mine/ipc1.log", f"reading\n{first}\n", at=200)
    written(tmp_path / "fetch/a.log", f"{second}\ncrossarch: an error\n", at=150)
    written(tmp_path / "train/b.log", f"{first}\nsays crossarch: warning: within\n", at=300)
    written(tmp_path / "train/earlier.log", "crossarch: warning: of yesterday\n", at=99)
    written(tmp_path / "train/kept.txt", "crossarch: warning: of no log\n", at=300)

    assert warnings_since(tmp_path, start=100) == [second, first]
    assert warnings_since(tmp_path, start=301) == []
    assert warnings_since(tmp_path / "none", start=0) == []


@pytest.mark.weekly
@pytest.mark.slow
def test_a_set_on_another_scale_is_doubted_after_success_and_failure(workspace: Workspace) -> None:
    images = 100 * np.random.default_rng(0).normal(size=(len(CLASSES), 3, SIDE, SIDE))
    np.savez(
        workspace.folder / "mine.npz", images=images.astype(np.float32), labels=np.arange(len(CLASSES))
    )
    workspace.edit(
        "sources.yaml",
        lambda data: data.update(
            mine={
                **{"title": "Mine", "arch": "cnn", "widths": [4, 8, 8], "norm": "instance"},
                **{"labels": "hard", "whitening": "zca-kornia"},
                "sets": {"cifar10": {1: {"file": "mine.npz"}}},
            }
        ),
    )
    target = "results/distilled/mine/cifar10/ipc1.safetensors"
    doubt = "crossarch: warning: mine.npz: images: found -"

    made = workspace.snakemake(target)
    assert made.returncode == 0, made.stderr
    assert made.stderr.count(doubt) == 1

    (workspace.folder / target).unlink()
    (workspace.folder / "mirror/data.example.org/tiny.zip").write_bytes(b"cut short")
    failed = workspace.snakemake("--keep-going", target, "results/data/cifar10/test.safetensors")
    assert failed.returncode != 0
    assert failed.stderr.count(doubt) == 1

    # Nothing was made: what earlier workflows told is not told again.
    assert doubt not in workspace.snakemake(target).stderr
