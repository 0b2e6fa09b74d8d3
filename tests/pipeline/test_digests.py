"""The digest of a stage stands for all code that its outputs hang on, and for no other."""

import ast
from pathlib import Path

import pytest

from crossarch.digests import PACKAGE, STAGES, code_of, stage_digest


def modules(stage: str) -> set[Path]:
    found = {path for pattern in STAGES[stage] for path in PACKAGE.glob(pattern)}
    return {path for path in found if path.suffix == ".py"}


def imported(path: Path) -> set[Path]:
    """The modules of the package that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    files = (PACKAGE.parent / f"{name.replace('.', '/')}.py" for name in names)
    return {file for file in files if file.is_file() and PACKAGE in file.parents}


@pytest.mark.parametrize("stage", STAGES)
def test_every_pattern_names_a_file(stage: str) -> None:
    for pattern in STAGES[stage]:
        assert list(PACKAGE.glob(pattern)), pattern


REPRODUCTION = ("collect", "render", "scorecard", "figures", "page", "analysis", "reproduction")


@pytest.mark.parametrize(
    "stages", [*((stage,) for stage in STAGES if stage != "reproduction"), REPRODUCTION]
)
def test_what_is_imported_of_stages_behind_training_is_in_the_digest(
    stages: tuple[str, ...],
) -> None:
    """Rules take one digest; that of the measured results takes those of all that it renders."""
    known = {path for stage in stages for path in modules(stage)}
    used = {found for path in known for found in imported(path)}
    behind = {"collect", "printing", "analysis", "report"}
    here = {path for path in used if path.relative_to(PACKAGE).parts[0] in behind}
    assert {str(path.relative_to(PACKAGE)) for path in here - known} == set()


@pytest.mark.parametrize("stage", ["distil", "train"])
def test_what_long_work_computes_with_is_in_its_digest(stage: str) -> None:
    """But not how it is shown or stopped, or which of several GPUs it takes."""
    entry = {"distil": "distil/frepo.py", "train": "training/trainer.py"}[stage]
    used, new = set[Path](), {PACKAGE / entry, PACKAGE / entry.split("/")[0] / "run.py"}
    while new:
        used |= new
        new = {found for path in new for found in imported(path)} - used
        new = {path for path in new if path.relative_to(PACKAGE).parts[0] in COMPUTING}
    besides = {
        PACKAGE / "running" / f"{name}.py" for name in ("last_batch", "progress", "slots", "stop")
    }
    assert used - besides <= modules(stage)
    assert not besides & modules(stage)


COMPUTING = ("models", "running", "training", "distil")


def test_tables_and_scorecard_are_made_again_apart() -> None:
    names = {stage: {path.name for path in modules(stage)} for stage in ("render", "scorecard")}
    assert "latex.py" in names["render"] - names["scorecard"]
    assert "scorecard.py" in names["scorecard"] - names["render"]
    assert stage_digest("render") != stage_digest("scorecard")


def test_comments_and_docstrings_are_no_code() -> None:
    plain = "def f(x: int) -> int:\n    return x + 1\n"
    told = '"""What."""\n\ndef f(x: int) -> int:\n    """Why."""\n    return x + 1  # one more\n'
    assert code_of(plain) == code_of(told)
    assert code_of("N = 3\n" + plain) == code_of('N = 3\n"""How many."""\n' + plain)
    assert code_of("N = 3\n" + plain) != code_of('N = "three"\n' + plain)
    assert code_of(plain) != code_of(plain.replace("1", "2"))
