"""One Slurm for all tests of this folder, and a workspace on it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from miniature import make_workspace
from private_slurm import DAEMONS, PATH, PROJECT, Cluster, Site, running_slurm


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running Slurm; its tests are skipped where it cannot be had."""
    missing = [name for name in DAEMONS if not shutil.which(name, path=PATH)]
    if missing:
        pytest.skip(f"no Slurm here: {', '.join(missing)} not found (Debian: slurmctld slurmd munge)")
    if os.getuid() != 0:
        pytest.skip("a private Slurm needs root: it binds its own /etc/slurm for its node")
    with running_slurm() as running:
        yield running


@pytest.fixture(scope="session")
def first_site(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Site:
    """A workspace in which nothing has been done yet."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(make_workspace(folder, PROJECT), cluster)
    shutil.copytree(PROJECT / "slurm", folder / "slurm")
    site.watch.mkdir()
    site.pace(0)
    return site
