"""Real data on the user's disk: the workflow reads them there, and makes nothing anew for it."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from miniature import HOST, Workspace

from crossarch.data.store import load_metadata

pytestmark = pytest.mark.slow

IMAGES = "results/data/cifar10/train.safetensors"
TEST_SET = "results/data/cifar10/test/standardise.safetensors"


@dataclass(frozen=True)
class Rooted(Workspace):
    """A workspace with a data root in the environment."""

    root: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """As that of any workspace, with CROSSARCH_DATA."""
        return super().environment | ({"CROSSARCH_DATA": str(self.root)} if self.root else {})


def unpacked(workspace: Workspace, root: Path) -> Path:
    """A data root with the class folders of the workspace's archive."""
    with zipfile.ZipFile(workspace.mirror / HOST / "tiny.zip") as files:
        files.extractall(root)
    (root / "tiny-1").rename(root / "cifar10")
    return root


def of_root(workspace: Workspace, root: Path | None) -> Rooted:
    return Rooted(workspace.folder, workspace.mirror, workspace.project, root)


def test_images_come_from_a_root_and_stay_without_it(workspace: Workspace, tmp_path: Path) -> None:
    root = unpacked(workspace, tmp_path / "my data")
    rooted, bare = of_root(workspace, root), of_root(workspace, None)
    assert bare.planned(TEST_SET) == {"real_set": 1, "images": 1, "whitener": 1, "test_set": 1}
    assert rooted.planned(TEST_SET) == bare.planned(TEST_SET)
    made = rooted.snakemake(TEST_SET)
    assert made.returncode == 0, made.stdout + made.stderr
    assert load_metadata(workspace.folder / IMAGES)["origin"] == "cifar10"
    assert not (workspace.folder / f"results/downloads/{HOST}").exists()
    for path in (root, *root.rglob("*")):
        os.utime(path)  # what is newer than the images made of it
    for other in (rooted, bare):
        assert other.planned(TEST_SET) == {}
    (tmp_path / "empty").mkdir()
    assert bare.planned(TEST_SET, "--config", f"data_roots=[{tmp_path / 'empty'}]") == {}


@pytest.mark.weekly
def test_images_of_an_archive_stay_with_a_root(workspace: Workspace, tmp_path: Path) -> None:
    bare = of_root(workspace, None)
    made = bare.snakemake(TEST_SET)
    assert made.returncode == 0, made.stdout + made.stderr
    archive = workspace.folder / f"results/downloads/{HOST}/tiny.zip"
    assert load_metadata(workspace.folder / IMAGES)["origin"] == f"https://{HOST}/tiny.zip"
    rooted = of_root(workspace, unpacked(workspace, tmp_path / "root"))
    assert rooted.planned(TEST_SET) == {}
    archive.unlink()  # nor is it missed
    assert rooted.planned(TEST_SET) == bare.planned(TEST_SET) == {}
    by_hand = rooted.crossarch("fetch", "--dry-run")
    assert f"cifar10: {tmp_path / 'root/cifar10'}, in a data root" in by_hand.stdout.splitlines()


def test_a_root_that_is_not_there_or_not_whole_is_told(workspace: Workspace, tmp_path: Path) -> None:
    absent = workspace.snakemake("-n", IMAGES, "--config", f"data_roots=[{tmp_path / 'absent'}]")
    assert absent.returncode != 0
    told = f"data_roots: found '{tmp_path / 'absent'}', which does not exist, allowed: a folder"
    assert told in absent.stdout + absent.stderr
    root = unpacked(workspace, tmp_path / "root")
    for path in (root / "cifar10/test/boat").iterdir():
        path.unlink()
    failed = workspace.snakemake(IMAGES, "--config", f"data_roots=[{root}]")
    assert failed.returncode != 0
    last = (workspace.folder / "results/logs/images/cifar10.log").read_text().splitlines()[-1]
    assert last.startswith(f"crossarch: {root}/cifar10 (test): labels: found no image of class 1")
    assert last.endswith("; mend it, or take it out of data_roots and CROSSARCH_DATA")
    assert not (workspace.folder / f"results/downloads/{HOST}").exists()


def test_a_corrected_archive_is_taken_once_what_was_told_is_deleted(workspace: Workspace) -> None:
    def forget_checksums(data: dict[str, Any]) -> None:
        (archive,) = data["cifar10"]["origin"]["archives"]
        for name in ("sha256", "git_blob", "md5", "size"):
            archive.pop(name, None)

    workspace.edit("datasets.yaml", forget_checksums)
    archive = workspace.mirror / HOST / "tiny.zip"
    right = archive.read_bytes()
    archive.write_bytes(right[: len(right) // 2])
    assert workspace.snakemake(IMAGES).returncode != 0
    archive.write_bytes(right)
    assert workspace.snakemake(IMAGES).returncode != 0, "the copies are taken"
    last = (workspace.folder / "results/logs/images/cifar10.log").read_text().splitlines()[-1]
    _, _, told = last.partition("to fetch it again, delete ")
    for path in told.split(" and "):
        (workspace.folder / path).unlink(missing_ok=True)
    made = workspace.snakemake(IMAGES)
    assert made.returncode == 0, made.stdout + made.stderr
