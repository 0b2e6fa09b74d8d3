"""The digest of a stage stands for all code that its outputs hang on, and for no other."""

import subprocess
import sys
from pathlib import Path

import pytest

from crossarch.digests import ENTRIES, PACKAGE, code_of, imported, stage_digest, stage_files


def modules(stage: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in stage_files(stage)}


def loaded_by(entry: str) -> set[str]:
    """The modules of the package that Python has loaded when a module is imported."""
    name = f"{PACKAGE.name}.{entry.removesuffix('.py').replace('/', '.')}"
    code = f"import sys, {name}; print(*(n for n in sys.modules if n.startswith('{PACKAGE.name}.')))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    files = (name.partition(".")[2].replace(".", "/") + ".py" for name in printed.stdout.split())
    return {file for file in files if (PACKAGE / file).is_file()}


@pytest.mark.parametrize("stage", ["distil", "train"])
def test_what_long_work_computes_with_is_in_its_digest(stage: str) -> None:
    """But not how it is shown or stopped, or which of several GPUs it takes."""
    shown = {f"running/{name}.py" for name in ("last_batch", "progress", "slots", "stop")}
    computing = {
        file
        for entry in ENTRIES[stage]
        for file in loaded_by(entry)
        if file.split("/")[0] in ("models", "running", "distil", "training")
    }
    if stage == "distil":  # of training only its losses, without the package's own imports
        computing = {file for file in computing if not file.startswith("training/")}
        computing -= {"models/describe.py"}
        assert "training/losses.py" in modules(stage)
    assert computing - shown <= modules(stage)
    assert not shown & modules(stage)


def test_a_module_imported_through_its_package_is_that_which_defines_it(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from crossarch.data import ImageSet\nimport crossarch.models.droppath\n")
    names = {path.relative_to(PACKAGE).as_posix() for path in imported(module)}
    assert names == {"data/store.py", "models/droppath.py"}


def test_every_reader_of_files_is_code_of_the_prepared_sets() -> None:
    readers = {f"data/readers/{path.name}" for path in (PACKAGE / "data/readers").glob("*.py")}
    assert "data/readers/pytorch.py" in readers
    assert readers <= modules("prepare")


def test_settings_are_no_code_but_schedules_are() -> None:
    assert "config/schema/schedules.py" in modules("train")
    assert not {name for name in modules("train") if name.startswith("config/resolve")}
    assert "config/plan.py" in modules("render")


def test_tables_and_scorecard_are_made_again_apart() -> None:
    names = {stage: {Path(name).name for name in modules(stage)} for stage in ("render", "scorecard")}
    assert "printed_tables.py" in names["render"] - names["scorecard"]
    assert "scorecard.py" in names["scorecard"] - names["render"]
    assert stage_digest("render") != stage_digest("scorecard")


def test_comments_and_docstrings_are_no_code() -> None:
    plain = "def f(x: int) -> int:\n    return x + 1\n"
    told = '"""What."""\n\ndef f(x: int) -> int:\n    """Why."""\n    return x + 1  # one more\n'
    assert code_of(plain) == code_of(told)
    assert code_of("N = 3\n" + plain) == code_of('N = 3\n"""How many."""\n' + plain)
    assert code_of("N = 3\n" + plain) != code_of('N = "three"\n' + plain)
    assert code_of(plain) != code_of(plain.replace("1", "2"))
