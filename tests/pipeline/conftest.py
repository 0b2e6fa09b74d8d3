"""What each real run of the pipeline starts from."""

from pathlib import Path

import pytest
from miniature import Workspace, make_workspace


@pytest.fixture
def workspace(tmp_path: Path, project: Path) -> Workspace:
    """A fresh workspace; nothing has been fetched or trained."""
    return make_workspace(tmp_path, project)
