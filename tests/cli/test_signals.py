"""Signals at any moment, also while PyTorch is imported: one line, and 128 + the signal's number."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MOMENTS = [0.25 * moment for moment in range(1, 21)]  # seconds; the first five


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_is_one_line(number: signal.Signals) -> None:
    with ThreadPoolExecutor(5) as pool:
        endings = list(pool.map(lambda moment: ending_after(moment, number), MOMENTS))
    for code, said in endings:
        assert (code, said) == (128 + number, "crossarch: interrupted\n")


def ending_after(seconds: float, number: signal.Signals) -> tuple[int, str]:
    """Exit code and stderr of a verb that imports PyTorch and waits, signalled after so long."""
    command = [sys.executable, "-c", WAIT_FOREVER]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "begun\n"
        time.sleep(seconds)
        process.send_signal(number)
        said = process.stderr.read()
    return process.returncode, said


# The command's own entry point, with a verb that imports PyTorch and then waits.
WAIT_FOREVER = """
import sys, time
import crossarch.__main__ as entry
import signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, entry.interrupt)
print("begun", file=sys.stderr, flush=True)
from crossarch.cli import app, run
@app.command()
def forever():
    import torch, torchvision, crossarch.training.run
    time.sleep(60)
sys.argv = ["crossarch", "forever"]
run()
"""
