"""The command line as users and their shells call it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from calling import Call


@pytest.fixture(scope="session")
def call(project: Path) -> Call:
    """Run `crossarch` in the project's folder; keyword arguments are environment variables."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSARCH")}
        return subprocess.run(
            [sys.executable, "-m", "crossarch", *arguments],
            cwd=project,
            env={**kept, "PYTHONPATH": str(project / "workflow_src"), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run
