"""The profile as Snakemake reads it, without a cluster."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yte

PROFILE = Path(__file__).parents[2] / "slurm" / "config.yaml"


def read(monkeypatch: pytest.MonkeyPatch, text: str | None = None, **environment: str) -> dict[str, Any]:
    for name in list(os.environ):
        if name.startswith("CROSSARCH_SLURM"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(f"CROSSARCH_SLURM_{name}", value)
    return dict(yte.process_yaml(text or PROFILE.read_text(), require_use_yte=True))


def test_by_itself_it_names_no_partition_and_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = read(monkeypatch)
    assert profile["executor"] == "slurm"
    assert profile["default-resources"] == {"mem_mb": 4000, "runtime": "30 * attempt"}
    on_a_gpu = {"gpu": 1, "mem_mb": 8000, "runtime": "120 * attempt"}
    assert profile["set-resources"]["train"] == profile["set-resources"]["distil"] == on_a_gpu
    assert not {"groups", "resources"} & profile.keys()


def test_every_rule_that_is_told_a_device_gets_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "\n".join(file.read_text() for file in sorted((PROFILE.parents[1] / "rules").glob("*.smk")))
    names_and_bodies = re.split(r"^rule (\w+):$", rules, flags=re.MULTILINE)[1:]
    told = {
        name
        for name, body in zip(names_and_bodies[::2], names_and_bodies[1::2], strict=True)
        if "--device" in body
    }
    assert {"train", "analyse_run"} < told
    assert read(monkeypatch)["set-resources"].keys() == told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "least", "most"), [("cifar10", 4_000, 5_000), ("tiny-imagenet", 13_000, 16_000)]
)
def test_a_whitening_asks_for_the_memory_of_its_matrices(dataset: str, least: int, most: int) -> None:
    """Eight of 3,072 x 3,072 numbers in float64 are 0.6 GiB, eight of 12,288 x 12,288 are 9."""
    target = f"results/data/{dataset}/whitening/zca-frepo.safetensors"
    planned = subprocess.run(
        [sys.executable, "-m", "snakemake", target, "-n", "--cores", "1", "--forceall"],
        cwd=PROFILE.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    [job] = [part for part in planned.stdout.split("rule ") if part.startswith("whitener:")]
    [asked] = re.findall(r"mem_mb=(\d+)", job)
    assert least <= int(asked) <= most


def test_account_and_partitions_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = read(monkeypatch, ACCOUNT="mine", PARTITION="cpu", GPU_PARTITION="a100", MINUTES="45")
    assert profile["default-resources"]["slurm_account"] == "mine"
    assert profile["default-resources"]["slurm_partition"] == "cpu"
    assert profile["set-resources"]["train"]["slurm_partition"] == "a100"
    assert profile["set-resources"]["train"]["runtime"] == "45 * attempt"
    one = read(monkeypatch, PARTITION="all")
    assert one["set-resources"]["train"]["slurm_partition"] == "all"


def test_or_from_an_edit_of_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PROFILE.read_text()
    for name in ("account", "partition", "gpu_partition"):
        [line] = [line for line in text.splitlines() if line.startswith(f"  - {name} = ")]
        text = text.replace(line, f'  - {name} = "my-{name}"')
    profile = read(monkeypatch, text)
    assert profile["default-resources"]["slurm_account"] == "my-account"
    assert profile["set-resources"]["train"]["slurm_partition"] == "my-gpu_partition"


def test_the_alternative_in_comments_asks_for_gres_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PROFILE.read_text().replace("      gpu: 1\n", "", 1).replace("# gres:", "gres:")
    assert read(monkeypatch, text)["set-resources"]["train"]["gres"] == "gpu:a100:1"
    assert "gpu" not in read(monkeypatch, text)["set-resources"]["train"]


def test_packing_is_switched_on_by_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = read(monkeypatch, PACK="8")
    assert profile["groups"] == {"train": "trainings"}
    assert profile["group-components"] == {"trainings": 8}
    assert (profile["set-resource-scopes"], profile["resources"]) == ({"gpu": "local"}, {"gpu": 1})


def test_no_file_beside_the_profile_takes_its_place_or_that_of_a_value() -> None:
    """A higher `config.vN+.yaml` would win; a value that names a file here would become its path."""
    assert [path.name for path in PROFILE.parent.iterdir()] == ["config.yaml"]
    default = PROFILE.parents[1] / "profiles" / "default"
    assert [path.name for path in default.iterdir()] == ["config.yaml"]
    assert set(yte.process_yaml((default / "config.yaml").read_text())) == {"max-checksum-file-size"}
