"""Another executor than Slurm's: the same rules through a command that submits, as LSF or SGE have."""

import importlib.util
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from miniature import make_workspace

pytestmark = pytest.mark.slow

RUN = "cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0"


def test_the_rules_run_through_a_submit_command(tmp_path: Path, project: Path) -> None:
    if not importlib.util.find_spec("snakemake_executor_plugin_cluster_generic"):
        pytest.skip("snakemake-executor-plugin-cluster-generic is not installed")
    workspace = make_workspace(tmp_path, project)
    queue = tmp_path / "submit"
    queue.write_text(
        "#!/bin/sh\n# What qsub or bsub do: take a script, print a number, run it some time.\n"
        'echo "$1 $2 $3" >> submitted\nnohup sh "$4" > /dev/null 2>&1 &\necho $!\n'
    )
    queue.chmod(0o755)
    prepared = workspace.snakemake("results/data/cifar10/test/zca-kornia.safetensors")
    assert prepared.returncode == 0, prepared.stderr
    submit = f"{shlex.quote(str(queue))} {{rule}} {{threads}} {{resources.mem_mb}}"
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--jobs", "2", "--latency-wait", "10"]
    command += ["--snakefile", str(project / "Snakefile"), "--directory", str(tmp_path)]
    command += ["--default-resources", "mem_mb=1000"]
    command += ["--executor", "cluster-generic", "--cluster-generic-submit-cmd", submit]
    finished = subprocess.run(
        [*command, f"results/runs/{RUN}/metrics.json"],
        cwd=tmp_path,
        env=workspace.environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "submitted").read_text().splitlines() == ["distilled 1 1000", "train 1 4000"]
    assert (tmp_path / "results" / "runs" / RUN / "last.safetensors").exists()
