"""GPU slots, with pretend lists of GPUs: no CUDA is needed to count them."""

import multiprocessing
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from crossarch.running import slots
from crossarch.running.slots import taking_device, taking_slot, visible_gpus


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "POLL", 0.01)


def test_trainings_spread_before_they_share(tmp_path: Path) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(taking_slot(("3", "5"), 2, tmp_path)) for _ in range(4)]
    assert taken == [0, 1, 0, 1]


def test_a_slot_is_free_again_however_its_holder_ends(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), taking_slot(("0",), 1, tmp_path):
        raise RuntimeError
    program = (
        "import sys, time; from pathlib import Path\n"
        "from crossarch.running.slots import taking_slot\n"
        "with taking_slot(('0',), 1, Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    with taking_slot(("0",), 1, tmp_path) as index:
        assert index == 0


def work(gpus: tuple[str, ...], slots_per_gpu: int, folder: Path, log: Path) -> None:
    with taking_slot(gpus, slots_per_gpu, folder) as index:
        with log.open("a") as stream:
            stream.write(f"{gpus[index]} +1\n")
        time.sleep(0.05)
        with log.open("a") as stream:
            stream.write(f"{gpus[index]} -1\n")


@pytest.mark.parametrize(("slots_per_gpu", "busiest"), [(1, 1), (2, 2)])
def test_never_more_trainings_on_a_gpu_than_slots(
    tmp_path: Path, slots_per_gpu: int, busiest: int
) -> None:
    """Nine processes, some of which see the GPUs in another order: names count, not indices."""
    fork = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    jobs = [
        fork.Process(target=work, args=(gpus, slots_per_gpu, tmp_path / "slots", log))
        for gpus in (("0", "1"), ("1", "0"), ("1",)) * 3
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=60)
        assert job.exitcode == 0
    running = {"0": 0, "1": 0}
    most = 0
    lines = log.read_text().splitlines()
    assert len(lines) == 18
    for line in lines:
        gpu, change = line.split()
        running[gpu] += int(change)
        most = max(most, *running.values())
    assert most <= busiest


def test_who_waits_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Enough(Exception):
        pass

    def sleep(seconds: float) -> None:
        raise Enough

    with (
        taking_slot(("0",), 2, tmp_path),
        taking_slot(("0",), 2, tmp_path),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(slots.time, "sleep", sleep)
        with pytest.raises(Enough), taking_slot(("0",), 2, tmp_path):
            pass
    assert capsys.readouterr().err == f"waiting for a GPU: all 2 slots are taken ({tmp_path})\n"


@pytest.mark.parametrize(
    ("environment", "gpus"),
    [
        ({}, ["0", "1", "2"]),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, ["2", "0"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-8f3e, MIG-GPU-8f3e/1/0"}, ["GPU-8f3e", "MIG-GPU-8f3e/1/0"]),
    ],
)
def test_names_are_those_of_cuda_visible_devices(environment: dict[str, str], gpus: list[str]) -> None:
    assert visible_gpus(environment, 3) == gpus


def test_a_gpus_name_may_hold_a_slash(tmp_path: Path) -> None:
    with taking_slot(("MIG-GPU-8f3e/1/0",), 1, tmp_path):
        assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def pretend_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """PyTorch says that there are two CUDA devices; returns the devices that were made current."""
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(slots, "slot_folder", lambda: tmp_path)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    return current


def test_each_training_gets_a_device_of_its_own(
    pretend_cuda: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,4")
    with taking_device("auto", 1) as first, taking_device("cuda", 1) as second:
        assert (str(first), str(second)) == ("cuda:0", "cuda:1")
    assert pretend_cuda == [0, 1]


def test_jobs_of_slurm_do_not_wait_for_each_other(
    pretend_cuda: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each sees its own GPU as number 0, since control groups renumber."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with taking_device("auto", 1) as first:
        monkeypatch.setenv("SLURM_JOB_ID", "8")
        with taking_device("auto", 1) as second:
            assert str(first) == str(second) == "cuda:0"
            held = {file.name for file in tmp_path.iterdir()}
            assert held == {"gpu0-job7-slot0.lock", "gpu0-job8-slot0.lock"}
    assert not list(tmp_path.iterdir())


def test_a_second_training_of_a_job_waits_for_its_gpu(
    pretend_cuda: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an allocation of one GPU in which Snakemake starts several."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("SLURM_JOB_ID", "7")

    class WaitsError(Exception):
        pass

    def give_up(seconds: float) -> None:
        raise WaitsError

    monkeypatch.setattr(slots.time, "sleep", give_up)
    with taking_device("auto", 1), pytest.raises(WaitsError), taking_device("auto", 1):
        pass


def test_several_gpus_of_one_allocation_are_dealt_out(
    pretend_cuda: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Snakemake itself runs within a job of Slurm."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with taking_device("auto", 1) as first, taking_device("auto", 1) as second:
        assert (str(first), str(second)) == ("cuda:0", "cuda:1")


def test_a_cpu_needs_no_slot(pretend_cuda: list[int], tmp_path: Path) -> None:
    with taking_device("cpu", 1) as first, taking_device("cpu", 1) as second:
        assert str(first) == str(second) == "cpu"
    assert not list(tmp_path.iterdir())
