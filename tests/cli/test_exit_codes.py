"""Exit codes tell what kind of thing went wrong; docs/commands.md lists them."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from calling import Call

RUN = "cifar10/frepo/ipc1/cnn/baseline/seed0"
TRAINED = ("--distilled", "a", "--test", "b", "--metrics", "c", "--states", "d")
PREPARED = ("--images", "a", "--output", "b")
CASES: dict[int, list[list[str]]] = {
    0: [["--version"], ["plan", "--table", "table2"], ["schedule", "--recipe", "full"]],
    2: [
        ["--wrong"],
        ["wrong"],
        ["train", "--settings", "{}", *TRAINED],
        ["train", "--settings", "[]", *TRAINED],
        ["describe", "--arch", "vgg", "--source", "frepo"],
        ["render", "table9"],
        ["render", "table2"],
        ["render", "own-frepo/digits/ipc1"],
        ["--preset", "nowhere.yaml", "plan"],
        ["prepare", "whitener", "cifar10", "zca", *PREPARED],
        ["--selection", '{"sources": ["real"], "figures": []}', "audit"],
        ["train", "--settings", "{}", *TRAINED, "--device", "gpu"],
        ["analyse", "curvature", RUN, "--device", "tpu"],
        ["--selection", '{"seeds": [0, 1], "seeds": [0]}', "plan"],
        ["--results", "README.md", "status"],
        ["--config-dir", "nowhere", "status"],
    ],
    3: [["fetch", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"]],
    4: [["show", RUN], ["render", "table2", "--runs", "nowhere.csv"]],
}


@pytest.mark.parametrize(
    ("code", "arguments"), [(code, arguments) for code in CASES for arguments in CASES[code]]
)
def test_a_mistake_is_one_line_and_a_code(
    call: Call, tmp_path: Path, code: int, arguments: list[str]
) -> None:
    # No network: a proxy that refuses.
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    cache = {"CROSSARCH_CACHE": str(tmp_path / "cache")}
    finished = call("--results", str(tmp_path), *arguments, **proxies, **cache)
    assert finished.returncode == code, finished.stderr
    if code:
        last = finished.stderr.strip().splitlines()[-1]
        assert last.startswith("crossarch: ")
        assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["full", "--protocol", "released", "--arch", "resnet05"], "unknown network 'resnet05'"),
        (["full@"], "command line: protocol: found '', allowed: "),
        (
            ["full@released", "--protocol", "paper"],
            "command line: found --recipe full@released and --protocol paper, allowed: one protocol",
        ),
    ],
)
def test_a_schedule_is_of_what_was_asked_for(call: Call, arguments: list[str], told: str) -> None:
    finished = call("schedule", "--recipe", *arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    (line,) = finished.stderr.splitlines()
    assert told in line


def test_a_protocol_may_be_told_in_the_recipe_as_an_option_or_both(call: Call) -> None:
    spellings = (
        ["full@released"],
        ["full", "--protocol", "released"],
        ["full@released", "--protocol", "released"],
    )
    one, *others = (call("schedule", "--recipe", *spelling).stdout for spelling in spellings)
    assert one.startswith("epoch,keep_rate,lr\n")
    assert others == [one, one]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA on this machine")
def test_a_device_that_is_not_there_is_told_before_anything_is_done(call: Call, tmp_path: Path) -> None:
    evaluated = (
        "--weights",
        "a",
        "--arch",
        "cnn",
        "--source",
        "frepo",
        "--dataset",
        "cifar10",
        "--ipc",
        "1",
    )
    finished = call("--results", str(tmp_path / "results"), "evaluate", *evaluated, "--device", "cuda")
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith("crossarch: device: found 'cuda', allowed on this machine: auto, ")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("verb", ["mirror", "show", "evaluate", "train"])
def test_help_says_all_that_is_written(call: Call, verb: str) -> None:
    printed = " ".join(call(verb, "--help", COLUMNS="300").stdout.split())
    if verb == "mirror":
        assert "laid out as HOST/PATH." in printed
    assert "Show this message and exit." in printed


def test_anything_else_is_1(call: Call, tmp_path: Path) -> None:
    (tmp_path / "partial").write_text("a file where a folder is needed")
    finished = call("--results", str(tmp_path), "collect", "--every")
    assert finished.returncode == 1
    assert finished.stderr.startswith("crossarch: ")
    assert len(finished.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_128_and_its_number(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    preset = tmp_path / "preset.yaml"
    os.mkfifo(preset)
    command = [sys.executable, "-m", "crossarch", "--preset", str(preset), "plan"]
    running = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    with preset.open("w"):  # it has come to reading the preset, and waits for its text
        running.send_signal(number)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert told.strip() == "crossarch: interrupted"


def test_help_and_page_name_every_code(call: Call, project: Path) -> None:
    page = (project / "docs" / "commands.md").read_text()
    rows = set(map(int, re.findall(r"^\| (\d) \|", page, re.MULTILINE)))
    printed = " ".join(call("--help", COLUMNS="200").stdout.split())
    of_help = printed.split("Exit codes: ")[1]
    assert rows == {0, 1, 2, 3, 4, 5}
    assert all(f"{code} " in of_help for code in rows)
