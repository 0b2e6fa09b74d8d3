"""The commands that handle many files: listing them, fetching them, filling a mirror."""

import hashlib
import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from fetching import ROOT, Names, Run

GIT = (
    "raw.githubusercontent.com/CityU-MLO/mitigate_architecture_overfitting/"
    "b5b40d3a4627285b597c95262b418f6cc22c3b69"
)
MTT = "georgecazenavette.github.io/mtt-distillation/tensors"
COPY = (
    "raw.githubusercontent.com/YuntongJu/DC-Benchmark/b9d181cf267a3a7e93bfaf2bb9b3c41f21cb35b3/"
    "distilled_results/TM/CIFAR100/IPC1"
)
FREPO = "drive.google.com/drive/folders/1z_1s_nxBmFkbVvGqveLtefOsYmMw6Q25"
PAIR = ("images_best.pt", "labels_best.pt")

TABLE_2 = {
    *(
        f"{GIT}/distilled_data/cifar10_{n}_{s}/{f}"
        for n, s, f in product((1, 10, 50), ("frepo", "mtt"), PAIR)
    ),
    *(
        f"{GIT}/snapshots/cifar10_{n}_{s}_convnet/checkpoint_best.pth"
        for n, s in product((1, 10, 50), ("frepo", "mtt"))
    ),
    "www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
}
TABLE_5 = {
    *(f"{FREPO}/cifar100/ipc{n}_llTrue/checkpoint" for n in (1, 10, 50)),
    *(f"{MTT}/{folder}/{f}" for folder, f in product(("cifar100_10", "cifar100_50"), PAIR)),
    *(f"{COPY}/{f}" for f in PAIR),
    "www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
}
TABLE_6 = {
    *(f"{FREPO}/tiny_imagenet/ipc{n}_llTrue/checkpoint" for n in (1, 10)),
    *(f"{MTT}/{folder}/{f}" for folder, f in product(("tiny", "tiny_10"), PAIR)),
    "cs231n.stanford.edu/tiny-imagenet-200.zip",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's configuration."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


@pytest.fixture
def small(project: Path, server: Any) -> list[str]:
    """A configuration whose sets lie on the loopback server; the addresses of its five files."""
    urls = [server.serve(f"/{n}.pt", server.Reply(bytes([n]) * 100 * n)) for n in range(1, 6)]
    addresses = [{"url": url} for url in urls]
    sets = {1: addresses[0:2], 10: addresses[2:4]}
    source = {"title": "Own", "arch": "cnn", "widths": [8], "norm": "batch", "labels": "hard"}
    source |= {"whitening": "none"}
    source["sets"] = {"cifar10": {n: {"images": a, "labels": b} for n, (a, b) in sets.items()}}
    origin = {"layout": "cifar-10-batches-py", "archives": [addresses[4]]}
    cifar10 = yaml.safe_load((project / "config/datasets.yaml").read_text(encoding="utf-8"))["cifar10"]
    changes = {
        "sources": {"own": source},
        "datasets": {"cifar10": {**cifar10, "origin": origin, "content": None}},
        "config": {"datasets": ["cifar10"], "sources": ["own"], "ipc": [1, 10]},
    }
    for name, change in changes.items():
        file = project / f"config/{name}.yaml"
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text(encoding="utf-8")) | change))
    return urls


def listing(crossarch: Run, *arguments: str) -> list[dict[str, Any]]:
    finished = crossarch("fetch", "--dry-run", "--json", *arguments)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    return list(json.loads(finished.stdout))


def test_every_file_of_the_tables_is_listed(
    project: Path, crossarch: Run, monkeypatch: pytest.MonkeyPatch, left_in: Names
) -> None:
    monkeypatch.setattr("socket.socket.connect", None)  # no server is asked
    found = {one["url"].partition("://")[2]: one for one in listing(crossarch, "--all")}
    assert found.keys() >= TABLE_2 | TABLE_5 | TABLE_6
    assert {one["kind"] for one in found.values()} == {"network"}
    assert found["cs231n.stanford.edu/tiny-imagenet-200.zip"]["size"] == 248100043  # pinned
    assert found[f"{FREPO}/cifar100/ipc1_llTrue/checkpoint"]["size"] is None
    assert found[f"{FREPO}/cifar100/ipc1_llTrue/checkpoint"]["checks"] == []
    assert found[f"{GIT}/distilled_data/cifar10_1_mtt/images_best.pt"]["checks"] == [
        "sha256",
        "git_blob",
    ]
    assert {left for left in left_in(project) if not left.startswith("config/")} == set()


def test_listing_as_a_table(small: list[str], server: Any, crossarch: Run) -> None:
    assert crossarch("fetch", *(url for url in small if url != small[1])).returncode == 0
    finished = crossarch("fetch", "--dry-run")
    lines = finished.stdout.splitlines()
    assert [line.split()[-1] for line in lines[1:-1]] == [small[i] for i in (4, 0, 1, 2, 3)]
    assert [line.split()[1] for line in lines[1:-1]] == ["500", "100", "?", "300", "400"]
    assert lines[-1] == "5 files, 1.3 kB, and 1 of unknown size; 1 to come from the network"


def test_nearest_place_is_told_and_wrong_bytes_are_none(
    small: list[str], project: Path, server: Any, crossarch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crossarch("fetch", "--update-lock", small[0]).returncode == 0
    path = project / "results/downloads" / server.host / "1.pt"
    path.unlink()  # the cache has the same file
    path.write_bytes(b"other")
    monkeypatch.setenv("CROSSARCH_MIRROR", str(project / "mirror"))
    held = project / "mirror" / server.host / "2.pt"
    held.parent.mkdir(parents=True)
    held.write_bytes(b"22")
    found = {one["url"]: (one["kind"], one["size"], one["checks"]) for one in listing(crossarch)}
    assert found[small[0]] == ("cache", 100, ["lock"])
    assert found[small[1]] == ("mirror", 2, [])
    assert found[small[2]] == ("network", None, [])


@pytest.mark.parametrize("command", [("fetch",), ("mirror", "there")])
def test_one_failure_does_not_keep_the_others_from_coming(
    small: list[str],
    project: Path,
    server: Any,
    crossarch: Run,
    left_in: Names,
    command: tuple[str, ...],
) -> None:
    server.serve("/2.pt", server.Reply(status=404))
    server.serve("/3.pt", server.Reply(b"", status=403))
    finished = crossarch(*command)
    assert finished.returncode == 3
    told = [line for line in finished.stderr.splitlines() if "warning" not in line]
    assert [line.startswith("crossarch: ") for line in told] == [True] * 3
    assert ["HTTP 404" in told[0], "HTTP 403" in told[1]] == [True, True]
    assert told[2] == "crossarch: 2 of 5 files could not be had; see above"
    root = project / ("there" if command[0] == "mirror" else "results/downloads")
    assert left_in(root) == [f"{server.host}/{n}.pt" for n in (1, 4, 5)]


def test_mirror_serves_a_machine_without_network(
    small: list[str], project: Path, server: Any, crossarch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = crossarch("mirror", "carried")
    assert finished.returncode == 0, finished.stderr
    assert sorted(finished.stdout.splitlines()) == [
        f"carried/{server.host}/{n}.pt (network)" for n in range(1, 6)
    ]
    assert all(line.endswith("(present)") for line in crossarch("mirror", "carried").stdout.splitlines())
    assert len(server.requests) == 5
    server.close()
    shutil.rmtree(project / "cache")
    assert crossarch("fetch").returncode == 3
    monkeypatch.setenv("CROSSARCH_MIRROR", "carried")
    assert crossarch("fetch").returncode == 0
    for n in range(1, 6):
        path = project / "results/downloads" / server.host / f"{n}.pt"
        assert path.read_bytes() == bytes([n]) * 100 * n


def test_mirror_is_filled_from_what_was_downloaded(
    small: list[str], project: Path, server: Any, crossarch: Run
) -> None:
    assert crossarch("fetch").returncode == 0
    server.close()
    shutil.rmtree(project / "cache")
    finished = crossarch("mirror", "carried")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("(downloads)") == 5


def test_mirror_warns_of_what_nothing_is_known_of(
    small: list[str], project: Path, server: Any, crossarch: Run
) -> None:
    assert crossarch("fetch", "--update-lock", small[1]).returncode == 0
    held = project / "results/downloads" / server.host / "1.pt"
    held.parent.mkdir(parents=True, exist_ok=True)
    held.write_bytes(b"junk")
    finished = crossarch("mirror", "carried")
    assert finished.returncode == 0, finished.stderr
    assert f"carried/{server.host}/1.pt (downloads)" in finished.stdout.splitlines()
    warned = finished.stderr.splitlines()
    assert len(warned) == 4  # of five, one is locked
    digest = hashlib.sha256(b"junk").hexdigest()
    assert [line for line in warned if digest in line] == [
        f"crossarch: warning: No pinned checksum for {small[0]}; downloaded sha256={digest}; "
        f"to hold later downloads to it, run: crossarch fetch --update-lock {small[0]}"
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("URL", "--all", "--dry-run"), "addresses and --all"),
        (("URL", "--file", "{}"), "addresses and --file"),
        (("--all", "--file", "{}"), "--all and --file"),
        (("--dry-run", "--update-lock", "URL"), "--dry-run and --update-lock"),
    ],
)
def test_arguments_that_contradict_each_other_are_one_line(
    small: list[str], server: Any, crossarch: Run, arguments: tuple[str, ...], found: str
) -> None:
    finished = crossarch("fetch", *(part.replace("URL", small[0]) for part in arguments))
    assert finished.returncode == 2
    assert finished.stderr == f"crossarch: command line: found {found}, allowed: one of them\n"
    assert server.requests == []


def test_unknown_address_is_one_line(project: Path, crossarch: Run) -> None:
    finished = crossarch("fetch", "https://example.org/unknown.bin")
    assert finished.returncode == 2
    expected = "https://example.org/unknown.bin: is not in config/datasets.yaml or sources.yaml\n"
    assert finished.stderr == f"crossarch: {expected}"
