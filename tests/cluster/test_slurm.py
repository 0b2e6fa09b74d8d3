"""The pipeline on a real Slurm, through the profile that users take: as planned, and disturbed."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from miniature import Workspace
from private_slurm import PROJECT, Site, wait_for

pytestmark = pytest.mark.slow

EPOCHS = 120
UNDER_WAY = 24
TEACHER = "cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0"
LOG = "results/logs/train/{}.log"


def lengthen(data: Any) -> None:
    recipe = data["recipes"]["wo_dp_kd"]
    recipe["epochs"] = recipe["schedule"]["period"] = EPOCHS


# --- As planned -----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def first_run(first_site: Site) -> Site:
    """Table 2 in miniature, from nothing; the first training that starts fails."""
    first_site.workspace.edit("recipes.yaml", lengthen)
    first_site.workspace.edit("config.yaml", lambda data: data.update(recipes=["wo_dp_kd", "full"]))
    (first_site.watch / "fail").touch()
    first_site.finish(first_site.start("table2"), 900)
    return first_site


def test_downloads_and_tables_stay_local(first_run: Site) -> None:
    rules = [job["comment"].split("_wildcards_")[0] for job in first_run.jobs()]
    assert sorted(set(rules)) == [
        "rule_distilled",
        "rule_images",
        "rule_test_set",
        "rule_train",
        "rule_whitener",
    ]
    assert (first_run.folder / "results" / "tables" / "table2.md").exists()


def test_trainings_alone_get_a_gpu(first_run: Site) -> None:
    for job in first_run.jobs():
        trains = job["comment"].startswith("rule_train")
        assert (job["partition"], "gpu" in job["gpus"]) == (("gpu", True) if trains else ("main", False))


def test_teachers_before_students(first_run: Site) -> None:
    ended = {note["run"]: note["time"] for note in first_run.seen("end")}
    student = [note for note in first_run.seen() if note["run"] == "alexnet/full/seed0"]
    assert len(student) == 1
    assert ended["cnn/wo_dp_kd/seed0"] < student[0]["time"]


def test_a_job_that_fails_once_is_retried(first_run: Site) -> None:
    states = sorted(job["state"] for job in first_run.trainings())
    assert states == ["COMPLETED"] * 3 + ["FAILED"]
    names = [note["run"] for note in first_run.seen()]
    assert len(names) == 4
    assert len(set(names)) == 3
    assert not (first_run.watch / "fail").exists()


def test_each_training_sees_the_gpu_that_it_was_granted(first_run: Site) -> None:
    notes = first_run.seen()
    assert {note["gpus"] for note in notes} <= {"0", "1"}
    assert all(note["gpus"] == note["granted"] for note in notes)


def test_never_two_trainings_on_one_gpu(first_run: Site) -> None:
    ended = {note["process"]: note["time"] for note in first_run.seen("end")}
    spans = [(n["gpus"], n["time"], ended[n["process"]]) for n in first_run.seen()]
    for gpu, start, end in spans:
        others = [(s, e) for g, s, e in spans if g == gpu and (s, e) != (start, end)]
        assert all(e <= start or end <= s for s, e in others)


def test_the_log_lies_where_people_look(first_run: Site) -> None:
    log = first_run.folder / LOG.format(TEACHER)
    assert f"epoch {EPOCHS} of {EPOCHS}" in log.read_text()
    failed = list((first_run.folder / "results" / "logs" / "slurm").rglob("*.log"))
    assert len(failed) == 1, "Slurm's own log is kept of the job that failed"


# --- Disturbed ------------------------------------------------------------------------------------


@pytest.fixture
def site(first_run: Site, tmp_path: Path) -> Iterator[Site]:
    """A workspace with prepared data and no trainings; its jobs and Snakemake end with the test."""
    for name in ("config", "mirror", "cache", "slurm", *(f"results/{n}" for n in PREPARED)):
        shutil.copytree(first_run.folder / name, tmp_path / name)
    workspace = Workspace(tmp_path, tmp_path / "mirror", PROJECT)
    site = Site(workspace, first_run.cluster)
    site.watch.mkdir()
    site.pace(0.1)
    yield site
    for job in site.jobs():
        subprocess.run(["scancel", job["id"]], env=site.environment, capture_output=True)


PREPARED = ("data", "distilled", "downloads")


def run_disturbed(site: Site, disturb: Callable[[str], None], **environment: str) -> dict[str, str]:
    """Train the teacher and disturb its job when it is under way; return the job as it was."""
    snakemake = site.start(f"results/runs/{TEACHER}/metrics.json", **environment)
    try:
        wait_for(lambda: site.epoch(TEACHER) >= UNDER_WAY, "a training under way")
        [job] = site.trainings()
        disturb(job["id"])
        wait_for(lambda: len(site.seen()) == 2, "the training's second start")
        site.pace(0)
        site.finish(snakemake)
    finally:
        if snakemake.poll() is None:
            os.killpg(snakemake.pid, signal.SIGKILL)
    return job


def assert_undisturbed(site: Site, first_run: Site) -> None:
    """The training went on where it was, and ended as the one that nobody disturbed."""
    first = (site.folder / LOG.format(TEACHER)).read_text().split("epoch ")[1]
    assert int(first.split()[0]) > UNDER_WAY
    assert site.metrics(TEACHER) == first_run.metrics(TEACHER)
    assert site.weights(TEACHER) == first_run.weights(TEACHER)


def test_scancel_of_a_running_training(site: Site, first_run: Site) -> None:
    run_disturbed(site, lambda job: site.cluster.run("scancel", job) and None)
    assert [job["state"] for job in site.trainings()] == ["CANCELLED", "COMPLETED"]
    assert_undisturbed(site, first_run)


@pytest.mark.weekly
def test_a_preempted_training(site: Site, first_run: Site) -> None:
    """A partition of higher priority takes both GPUs; Slurm puts the training back into its queue."""

    def preempt(job: str) -> None:
        urgent = ("sbatch", "--partition=urgent", "--gpus=2", "--output=/dev/null", "--wrap=sleep 2")
        site.cluster.run(*urgent)

    before = run_disturbed(site, preempt)
    [job] = site.trainings()
    assert (job["id"], job["state"]) == (before["id"], "COMPLETED")
    assert int(job["restarts"]) >= 1
    assert_undisturbed(site, first_run)


@pytest.mark.weekly
def test_a_node_that_goes_down(site: Site, first_run: Site) -> None:
    """What dies with its node may not hear of it: so the state of each epoch is kept."""
    (site.watch / "save_every").write_text("0")
    node = f"NodeName={socket.gethostname().split('.')[0]}"

    def fail(job: str) -> None:
        site.cluster.run("scontrol", "update", node, "State=DOWN", "Reason=test")
        wait_for(lambda: all(job["state"] != "RUNNING" for job in site.trainings()), "the job's end")
        site.cluster.run("scontrol", "update", node, "State=RESUME")

    run_disturbed(site, fail)
    assert site.trainings()[-1]["state"] == "COMPLETED"
    assert_undisturbed(site, first_run)


def test_a_job_past_its_time_limit_gets_more_time(site: Site, first_run: Site) -> None:
    """One minute, then two, by the expression that the profile has for hours."""
    site.pace(1.0)
    run_disturbed(site, lambda job: None, CROSSARCH_SLURM_MINUTES="1")
    jobs = site.trainings()
    assert [job["limit"] for job in jobs] == ["1:00", "2:00"]
    assert jobs[0]["state"] in ("TIMEOUT", "FAILED")
    assert jobs[1]["state"] == "COMPLETED"
    assert_undisturbed(site, first_run)


def test_snakemake_killed_and_started_again(site: Site) -> None:
    """Of three trainings one has ended, one is running and one has not begun."""
    site.workspace.edit(
        "config.yaml", lambda data: data.update(archs=["cnn"], recipes=["wo_dp_kd"], seeds=[0, 1, 2])
    )
    site.pace(0)
    table = "results/metrics/table2.csv"
    runs = site.folder / "results" / "runs"
    snakemake = site.start(table, "--jobs", "1")
    try:
        wait_for(lambda: len(site.seen("end")) == 1, "the first training's end")
        site.pace(0.15)
        wait_for(lambda: len(site.seen()) == 2, "the second training's start")
    finally:
        os.killpg(snakemake.pid, signal.SIGKILL)
        snakemake.wait()
    [ended] = runs.rglob("metrics.json")
    before = ended.read_bytes()
    assert [job["state"] for job in site.trainings()] == ["COMPLETED", "RUNNING"]

    assert site.start(table).wait(timeout=120) != 0, "the lock of the first is told of"
    assert "--unlock" in (site.folder / "snakemake.log").read_text()
    assert site.start("--unlock").wait(timeout=120) == 0
    snakemake = site.start(table)
    wait_for(lambda: len(site.seen()) >= 4, "the second and the third training")
    site.pace(0)
    site.finish(snakemake)

    assert ended.read_bytes() == before, "what had ended was left alone"
    names = [note["run"] for note in site.seen()]
    assert sorted(names.count(name) for name in set(names)) == [1, 1, 2]
    twice = max(names, key=names.count).rpartition("/")[2]
    log = site.folder / LOG.format(TEACHER.replace("seed0", twice))
    assert "had ended already" in log.read_text(), "the second job took the result of the first"
    cells = [line.split(",")[:7] for line in (site.folder / table).read_text().splitlines()[1:]]
    assert len(cells) == len({tuple(cell) for cell in cells}) == 3


def test_short_trainings_share_an_allocation_one_after_another(site: Site) -> None:
    site.pace(0)
    site.workspace.edit(
        "config.yaml", lambda data: data.update(archs=["cnn"], recipes=["wo_dp_kd"], seeds=[0, 1])
    )
    site.finish(site.start("results/metrics/table2.csv", CROSSARCH_SLURM_PACK="2"))
    [job] = site.jobs()
    assert (job["state"], "gpu:1" in job["gpus"], job["partition"]) == ("COMPLETED", True, "gpu")
    first, second = site.seen()
    assert {first["job"], second["job"]} == {job["id"]}
    assert first["gpus"] == second["gpus"]
    assert site.seen("end")[0]["time"] < second["time"]
