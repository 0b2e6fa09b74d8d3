"""What all tests share: where the project is, and real data where a mirror has them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# A busy machine is no mistake: nothing here depends on how long an example takes.
settings.register_profile("crossarch", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("crossarch")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """The root of the checkout."""
    return PROJECT


@pytest.fixture(scope="session")
def mirror() -> Path:
    """A download mirror with the authors' sets; the test is skipped without one."""
    named = [Path(place) for place in os.environ.get("CROSSARCH_MIRROR", "").split(":") if place]
    for place in (*named, PROJECT.parent / "shared" / "data" / "mirror"):
        if (place / "raw.githubusercontent.com").is_dir():
            return place.resolve()
    pytest.skip("no mirror with real data: set CROSSARCH_MIRROR")


@pytest.fixture(scope="session")
def official_cifar10() -> Path:
    """CIFAR-10 as its authors packed it, unpacked; the test is skipped without it."""
    named = [Path(place) for place in os.environ.get("CROSSARCH_DATA", "").split(":") if place]
    for place in (*named, PROJECT.parent / "shared" / "data" / "torchvision"):
        if (place / "cifar-10-batches-py").is_dir():
            return (place / "cifar-10-batches-py").resolve()
    pytest.skip("no cifar-10-batches-py: set CROSSARCH_DATA to the folder that it lies in")


@pytest.fixture(scope="session")
def snakemake_on_mirror(project: Path, mirror: Path, official_cifar10: Path) -> Callable[..., Path]:
    """Run Snakemake on the mirror's data, in the folder given first; gives the folder of the results."""

    def run(folder: Path, *arguments: str) -> Path:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--snakefile", "Snakefile"]
        finished = subprocess.run(
            [*command, "--directory", str(folder), *arguments],
            cwd=project,
            env={
                **os.environ,
                "CROSSARCH_MIRROR": str(mirror),
                "CROSSARCH_DATA": str(official_cifar10.parent),
                "CROSSARCH_CACHE": str(folder / "cache"),
                "XDG_CACHE_HOME": str(folder / "cache"),
            },
            capture_output=True,
            text=True,
            timeout=1_800,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return folder / "results"

    return run


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, as trainings do, whatever the cores are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
