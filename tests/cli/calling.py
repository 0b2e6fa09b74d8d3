"""What a call of `crossarch` in a process of its own looks like to a test."""

import subprocess
from collections.abc import Callable

Call = Callable[..., subprocess.CompletedProcess[str]]
