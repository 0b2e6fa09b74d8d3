"""A real Slurm of one node with two pretend GPUs, and a workspace whose jobs it runs."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miniature import Workspace
from safetensors.torch import load_file

PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch", "unshare")
PROJECT = Path(__file__).parents[2]
GPUS = 2

# The plugin doubles its patience while nothing ends; a test cannot wait that long.
IMPATIENT = """
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 0.5, lambda self, value: None)
from snakemake.cli import main
main()
"""


@dataclass(frozen=True)
class Cluster:
    """A running Slurm; `environment` makes its commands talk to it."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        finished = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert finished.returncode == 0, (command, finished.stderr)
        return finished.stdout

    def jobs(self, folder: Path) -> list[dict[str, str]]:
        """The jobs that were submitted from a folder, in order."""
        fields = ("id", "state", "comment", "restarts", "partition", "gpus", "limit", "folder")
        text = self.run(
            "squeue", "--noheader", "--states=all", "--sort=i", "--Format",
            "JobID:|,State:|,Comment:|,RestartCnt:|,Partition:|,tres-per-job:|,TimeLimit:|,WorkDir:|",
        )  # fmt: skip
        rows = (line.rstrip("|").split("|") for line in text.splitlines())
        jobs = [dict(zip(fields, map(str.strip, row), strict=False)) for row in rows]
        return [job for job in jobs if job["folder"] == str(folder)]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    """Poll until `condition` gives something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@contextmanager
def running_slurm() -> Iterator[Cluster]:
    """A Slurm of this process's own; root alone can have one, for it binds its own /etc/slurm."""
    folder = Path("/tmp") / f"crossarch-slurm-{os.getpid()}"  # sockets have short names
    shutil.rmtree(folder, ignore_errors=True)
    daemons: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "PATH": PATH, "SLURM_CONF": str(folder / "etc" / "slurm.conf")}
    try:
        _configure(folder)
        for command in _daemons(folder):
            with (folder / "daemons.log").open("ab") as log:
                daemons.append(
                    subprocess.Popen(
                        command, env=environment, stdout=log, stderr=log, start_new_session=True
                    )
                )
            wait_for(lambda: (folder / "munge" / "sock").exists(), "munged", 20)
        made = Cluster(folder, environment)
        wait_for(lambda: _is_up(made), f"Slurm ({folder}/daemons.log)", 60)
        yield made
        made.run("scancel", "--user", "root")
    finally:
        for daemon in reversed(daemons):
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _is_up(cluster: Cluster) -> bool:
    finished = subprocess.run(
        ["sinfo", "--noheader", "--format", "%t %G"],
        env=cluster.environment, capture_output=True, text=True,
    )  # fmt: skip
    return finished.stdout.startswith("idle gpu:2")


def _daemons(folder: Path) -> Iterator[list[str]]:
    munge = folder / "munge"
    yield [
        "munged", "--foreground", "--force", f"--socket={munge}/sock", f"--key-file={munge}/key",
        f"--log-file={munge}/log", f"--pid-file={munge}/pid", f"--seed-file={munge}/seed",
    ]  # fmt: skip
    yield ["slurmctld", "-D"]
    # The job step asks for /etc/slurm, whatever SLURM_CONF says.
    bind = f"mkdir -p /etc/slurm && mount --bind {folder}/etc /etc/slurm && exec slurmd -D"
    private = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    yield ["unshare", *private, "sh", "-c", bind]


def _configure(folder: Path) -> None:
    for name in ("etc", "munge", "state", "spool", "dev"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    for number in range(GPUS):
        os.mknod(folder / "dev" / f"nvidia{number}", 0o666 | 0o020000, os.makedev(1, 3))
    host = socket.gethostname().split(".")[0]
    ports = _free_ports(2)
    (folder / "etc" / "slurm.conf").write_text(
        f"""ClusterName=miniature
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=1
MinJobAge=3600
KillWait=5
InactiveLimit=0
SlurmdTimeout=300
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:{GPUS}
PartitionName=main Nodes={host} Default=YES PriorityTier=1
PartitionName=gpu Nodes={host} PriorityTier=1
PartitionName=urgent Nodes={host} PriorityTier=10 PreemptMode=OFF
"""
    )
    (folder / "etc" / "gres.conf").write_text(
        f"NodeName={host} Name=gpu File={folder}/dev/nvidia[0-{GPUS - 1}]\n"
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass(frozen=True)
class Site:
    """A miniature workspace beside the profile, as a user of the cluster has it."""

    workspace: Workspace
    cluster: Cluster

    @property
    def folder(self) -> Path:
        """Where Snakemake runs."""
        return self.workspace.folder

    @property
    def watch(self) -> Path:
        """Where trainings leave their traces and find their orders; see spy/sitecustomize.py."""
        return self.folder / "watch"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `snakemake --profile slurm` with what shortens the waiting of tests."""
        command = [sys.executable, "-c", IMPATIENT, "--profile", "slurm", "--nocolor"]
        command += ["--snakefile", str(PROJECT / "Snakefile"), "--directory", str(self.folder)]
        command += ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
        command += ["--max-status-checks-per-second", "10", "--latency-wait", "5", *arguments]
        with (self.folder / "snakemake.log").open("a") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def finish(self, snakemake: subprocess.Popen[str], seconds: float = 600) -> str:
        """Wait for Snakemake's success and return what it has said."""
        code = snakemake.wait(timeout=seconds)
        said = (self.folder / "snakemake.log").read_text()
        assert code == 0, said
        return said

    @property
    def environment(self) -> dict[str, str]:
        """That of the workspace, with Slurm's commands, partitions and the spy."""
        here = self.workspace.environment
        spy = Path(__file__).parent / "spy"
        return here | {
            "PATH": os.pathsep.join([here["PATH"], "/usr/sbin", "/sbin"]),
            "PYTHONPATH": os.pathsep.join([here["PYTHONPATH"], str(spy)]),
            "SLURM_CONF": self.cluster.environment["SLURM_CONF"],
            "CROSSARCH_SLURM_PARTITION": "main",
            "CROSSARCH_SLURM_GPU_PARTITION": "gpu",
            "WATCH": str(self.watch),
        }

    def jobs(self) -> list[dict[str, str]]:
        """Slurm's jobs of this workspace."""
        return self.cluster.jobs(self.folder)

    def trainings(self) -> list[dict[str, str]]:
        """Those that train."""
        return [job for job in self.jobs() if job["comment"].startswith("rule_train")]

    def pace(self, seconds: float) -> None:
        """How much longer an epoch takes from now on."""
        (self.watch / "pace").write_text(str(seconds))

    def seen(self, event: str = "start") -> list[dict[str, Any]]:
        """What the spy has noted, in order."""
        file = self.watch / "trainings"
        lines = file.read_text().splitlines() if file.exists() else []
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if note["event"] == event]

    def epoch(self, run: str) -> int:
        """The last epoch that the log of a run names."""
        log = self.folder / "results" / "logs" / "train" / f"{run}.log"
        found = re.findall(r"epoch (\d+) of", log.read_text() if log.exists() else "")
        return int(found[-1]) if found else 0

    def weights(self, run: str) -> bytes:
        """The tensors of a run after its last epoch."""
        path = self.folder / "results" / "runs" / run / "last.safetensors"
        tensors = sorted(load_file(path).items())
        return b"".join(tensor.numpy().tobytes() for _, tensor in tensors)

    def metrics(self, run: str) -> dict[str, Any]:
        """What metrics.json of a run says apart from time and place."""
        text = (self.folder / "results" / "runs" / run / "metrics.json").read_text()
        volatile = (
            "seconds",
            "images_per_second",
            "gflop_per_second",
            "peak_memory_mib",
            "finished",
            "commit",
        )
        return {key: value for key, value in json.loads(text).items() if key not in volatile}
