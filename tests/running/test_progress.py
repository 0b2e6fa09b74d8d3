"""What is said of long work while it goes on: a number that is not known yet is no number."""

import io
import sys

import pytest

from crossarch.running.progress import showing_progress


def test_a_log_leaves_out_a_loss_that_is_not_known_yet(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_progress("a run", 3, "epoch") as progress:
        progress(1, None, None)
        progress(2, 0.5, None)
        progress(3, 0.25, 61.234)
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition(",")[0] for line in lines] == [
        "a run: epoch 1 of 3",
        "a run: epoch 2 of 3, loss 0.5000",
        "a run: epoch 3 of 3, loss 0.2500, test accuracy 61.23%",
    ]


class Terminal(io.StringIO):
    """What a stream to a terminal looks like."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_a_dash_until_there_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    with showing_progress("a run", 3, "step") as progress:
        progress(1, None, None)
    assert "steps, loss —, test —" in shown.getvalue()
    assert "nan" not in shown.getvalue()
    with showing_progress("a run", 3, "step") as progress:
        progress(3, 0.25, 61.234)
    assert "steps, loss 0.250, test 61.2%" in shown.getvalue()
