"""Real data, where a mirror has them: the authors' set, their teacher, cifar10-jpeg."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMIT = "b5b40d3a4627285b597c95262b418f6cc22c3b69"
TEACHER = (
    f"raw.githubusercontent.com/CityU-MLO/mitigate_architecture_overfitting/{COMMIT}"
    "/snapshots/cifar10_10_mtt_convnet/checkpoint_best.pth"
)


def test_the_authors_teacher_reaches_its_known_accuracy(
    tmp_path: Path, project: Path, mirror: Path
) -> None:
    """MTT, IPC 10: 60.5% on the JPEG test images in the space of kornia's whitening.

    The number was measured with the authors' own evaluation; ours fetches, decodes, whitens, loads a
    foreign checkpoint and counts. A mistake in any of these shows.
    """
    command = [sys.executable, "-m", "crossarch", "evaluate", "--weights", str(mirror / TEACHER)]
    command += ["--arch", "cnn", "--source", "mtt", "--dataset", "cifar10-jpeg", "--ipc", "10"]
    command += ["--results", str(tmp_path)]
    finished = subprocess.run(
        command,
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(project / "workflow_src"),
            "CROSSARCH_MIRROR": str(mirror),
            "CROSSARCH_CACHE": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert answer["images"] == 10_000
    assert answer["accuracy"] == pytest.approx(60.5, abs=0.1)
