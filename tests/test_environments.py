"""The environments of the jobs, conda and container: versions as in pyproject.toml and the lock file."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from functools import cache
from importlib.metadata import metadata, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[1]
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))
CONDA_NAMES = {"matplotlib": "matplotlib-base", "msgpack": "msgpack-python", "torch": "pytorch"}
ONLY_CONDA = {"python", "pytorch-gpu"}  # no packages of PyPI
SNAKEMAKE = {"snakemake-minimal": "snakemake"}  # without what its reports and storages need


def pypi_name(conda: str) -> str:
    names = {v: k for k, v in CONDA_NAMES.items()} | SNAKEMAKE
    return names.get(conda, conda)


def read(file: Path) -> dict[str, SpecifierSet]:
    """The dependencies of an environment by their names on PyPI."""
    lines = yaml.safe_load(file.read_text())["dependencies"]
    found = {}
    for line in lines:
        name, bounds = re.fullmatch(r"(?:[a-z]+::)?([a-z0-9._-]+)\s*(.*)", line).groups()  # type: ignore[union-attr]
        bounds = re.sub(r"^=(?!=)(.*)", r"==\1.*", bounds)  # conda's `=3.11` is any 3.11
        found[pypi_name(name)] = SpecifierSet(bounds)
    return found


@cache
def required() -> dict[str, SpecifierSet]:
    """The dependencies of pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(text) for text in project["dependencies"]]
    return {requirement.name: requirement.specifier for requirement in requirements}


@cache
def locked() -> dict[str, str]:
    """The versions of requirements.lock."""
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    pins = (line.split(";")[0].strip().partition("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, _, version in pins}


def test_what_is_locked_takes_the_oldest_python_that_is_promised() -> None:
    """Debian 12 has 3.11.2; a package may want a later bugfix of it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    here = {canonicalize_name(name) for names in packages_distributions().values() for name in names}
    bounds = {name: metadata(name)["Requires-Python"] or "" for name in locked() if name in here}
    assert len(bounds) > 50
    assert {name: bound for name, bound in bounds.items() if oldest not in SpecifierSet(bound)} == {}


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_versions_agree_with_pyproject_and_the_lock_file(file: Path) -> None:
    for name, bounds in read(file).items():
        if name in ONLY_CONDA:
            continue
        assert bounds == required()[name], name
        version = locked().get(canonicalize_name(name))
        assert version is None or version in bounds, name


def test_python_is_one_that_the_project_runs_on() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])
    of_conda = {str(read(file)["python"]).removeprefix("==").removesuffix(".*") for file in ENVIRONMENTS}
    [version] = of_conda
    assert f"{version}.0" in allowed
    for file in ("Dockerfile", "apptainer.def"):
        image = re.search(r"python:([\d.]+)-", (PROJECT / file).read_text())
        assert image, file
        assert image.group(1).startswith(f"{version}."), file


@pytest.mark.parametrize("file", ENVIRONMENTS, ids=lambda file: file.stem)
def test_every_line_is_one_that_conda_understands(file: Path) -> None:
    rattler = pytest.importorskip("rattler", reason="py-rattler reads conda's match specifications")
    content = yaml.safe_load(file.read_text())
    assert content["channels"][0] == "conda-forge"
    for line in content["dependencies"]:
        rattler.MatchSpec(line, strict=False)


Call = tuple[str, bool]  # a verb of crossarch or a task of `prepare`, and whether with --summary
CALL = re.compile(
    r"crossarch(?: \{[\w.]+\}| --\w+ (?:'[^']*'|\S+))* (\w+)"  # options of all verbs come first
    r"(?: ([a-z]+(?:-[a-z]+)*))?([^>&]*)"
)

# What rules leave out: files that no source names are for people, and a summary audits nothing.
LEFT_OUT = {
    ("audit", True): ("_examine_all", "_describe"),
    ("audit", False): ("_write_page", "_describe"),
}
# Tasks of verbs that have several, by the functions that do them.
TASKS = {"measure": "measure_run", "summarise": "summarise_runs"}


def rules() -> dict[str, tuple[str, set[Call]]]:
    """The environment of each rule that runs a command, and how it calls crossarch."""
    found = {}
    for file in sorted((PROJECT / "rules").glob("*.smk")):
        for block in re.split(r"\n(?=rule )", file.read_text()):
            if "shell:" not in block:
                continue
            name = re.search(r"^rule (\w+):", block, re.MULTILINE)
            environment = re.search(r"conda:\s+(\S+)", block)
            assert name, block
            assert environment, f"{file.name}: {name.group(1)} names no environment"
            calls = CALL.findall(block)
            verbs = {
                (
                    TASKS.get(task, task.replace("-", "_")) if verb in ("prepare", "analyse") else verb,
                    "--summary" in options,
                )
                for verb, task, options in calls
            }
            found[name.group(1)] = (environment.group(1), verbs)
    return found


def test_every_rule_names_an_environment_that_exists() -> None:
    assert rules()
    for name, (environment, verbs) in rules().items():
        assert verbs, name
        if environment != "TRAINING_ENVIRONMENT":
            assert (PROJECT / "rules" / environment.strip('"')).resolve() in ENVIRONMENTS, name


@pytest.mark.parametrize(("name", "used"), rules().items(), ids=list(rules()))
def test_an_environment_has_what_its_commands_import(name: str, used: tuple[str, set[Call]]) -> None:
    environment, calls = used
    files = (
        [PROJECT / "envs" / "train.yaml", PROJECT / "envs" / "train-cuda.yaml"]
        if environment == "TRAINING_ENVIRONMENT"
        else [PROJECT / "envs" / Path(environment.strip('"')).name]
    )
    for file in files:
        there = {canonicalize_name(package) for package in read(file)}
        if "pytorch-gpu" in there:
            there |= {"torch"}
        for call in calls:
            missing = imported_by(*call) - there
            assert not missing, f"{file.name} lacks what `crossarch {call[0]}` imports: {missing}"


@cache
def imported_by(verb: str, summary: bool) -> set[str]:
    """The packages that the modules behind a verb of the command line import themselves."""
    names = {top for file in loaded()[verb, summary] for top in top_level_imports(Path(file))}
    third_party = names - set(sys.stdlib_module_names) - {"crossarch"}
    owners = packages_distributions()
    return {canonicalize_name(owners[top][0]) for top in third_party if top in owners}


# What is loaded once, since it is large; then each set of modules in a process of its own.
PROGRAM = """
import json, os, sys
import matplotlib, pandas, torch, torchvision
import crossarch.cli
for line in sys.stdin:
    call, modules = json.loads(line)
    sys.stdout.flush()
    if os.fork():
        os.wait()
        continue
    for module in modules:
        __import__(module)
    ours = [module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "crossarch"]
    print(json.dumps([call, sorted(ours)]), flush=True)
    os._exit(0)
"""


@cache
def loaded() -> dict[Call, list[str]]:
    """The files of this package that are loaded for each call that a rule makes."""
    calls = {call for _, calls in rules().values() for call in calls}
    asked = "\n".join(json.dumps([call, sorted(modules_behind(*call))]) for call in sorted(calls))
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=asked, capture_output=True, text=True, check=True
    ).stdout
    found = {tuple(call): files for call, files in map(json.loads, told.splitlines())}
    assert set(found) == calls
    return found


def modules_behind(verb: str, summary: bool) -> set[str]:
    """What the functions of a verb import when it is called."""
    modules = (PROJECT / "workflow_src" / "crossarch" / "cli").glob("*.py")
    trees = [ast.parse(file.read_text()) for file in modules]
    [functions] = [found for tree in trees if verb in (found := functions_of(tree))]
    for name in LEFT_OUT.get((verb, summary), ()):
        del functions[name]
    return {
        node.module
        for name in reached_from(verb, functions)
        for node in ast.walk(functions[name])
        if isinstance(node, ast.ImportFrom) and node.module
    }


def functions_of(module: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def reached_from(name: str, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """A function and those of its module that it calls, directly or not."""
    reached, ahead = set[str](), {name}
    while ahead:
        reached |= ahead
        nodes = (node for one in ahead for node in ast.walk(functions[one]))
        named = {node.id for node in nodes if isinstance(node, ast.Name)}
        ahead = (named & set(functions)) - reached
    return reached


def top_level_imports(file: Path) -> set[str]:
    """The first parts of the names of all modules that a file imports when it is loaded."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_container_holds_the_lock_file_and_nothing_else() -> None:
    for file in ("Dockerfile", "apptainer.def"):
        text = (PROJECT / file).read_text()
        installs = re.findall(r"pip install (.*)", text)
        assert installs
        assert all("--no-deps" in line and " -r " in line for line in installs), file
        assert "pip check" in text, file


def test_a_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        PROJECT / "workflow_src", source / "workflow_src", ignore=shutil.ignore_patterns("*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(tmp_path),
    ]
    subprocess.run([sys.executable, *build, str(source)], check=True, capture_output=True)
    [wheel] = tmp_path.glob("crossarch-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = PROJECT / "workflow_src"
    files = {file.relative_to(package) for file in (package / "crossarch").rglob("*") if file.is_file()}
    assert held == {str(file) for file in files if "__pycache__" not in file.parts}
    assert {"crossarch/py.typed", "crossarch/__main__.py"} <= held


def test_without_the_package_snakemake_says_so_in_one_line() -> None:
    """As in a Python that has all packages but this one."""
    packages = sysconfig.get_paths()["purelib"]
    program = f"import sys; sys.path.append({packages!r}); from snakemake.cli import main; main()"
    finished = subprocess.run(
        [sys.executable, "-IS", "-c", program, "-n", "table1"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert finished.returncode != 0
    told = f"crossarch is not installed in {sys.executable}: `make setup`, then `. .venv/bin/activate`"
    assert told in finished.stdout
    assert "Traceback" not in finished.stdout + finished.stderr


def test_the_code_of_another_checkout_is_refused(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "workflow_src" / "crossarch", tmp_path / "workflow_src" / "crossarch")
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "table1"], cwd=PROJECT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "workflow_src")},
    )  # fmt: skip
    assert finished.returncode != 0
    assert f"found the crossarch of another checkout, {tmp_path / 'workflow_src'}" in finished.stdout


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder that has the Makefile and the lock file, as in a fresh checkout."""
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(PROJECT / name, folder)
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True)


def test_a_dry_run_of_make_tells_and_does_nothing(tmp_path: Path) -> None:
    finished = make(tmp_path, "-n", "run")
    assert finished.returncode == 0
    assert finished.stderr == ""
    assert "pip install" in finished.stdout
    assert "snakemake --cores all" in finished.stdout
    assert not (tmp_path / ".venv").exists()


def test_an_older_python_is_one_line(tmp_path: Path) -> None:
    python = tmp_path / "python3.9"  # a stand-in that says it is 3.9
    python.write_text(
        f"#!/bin/sh\nshift\nexec {sys.executable} -c "
        "\"import sys; sys.version_info = (3, 9); sys.version = '3.9.18'; $1\"\n"
    )
    python.chmod(0o755)
    finished = make(tmp_path, "setup", f"PYTHON={python}")
    assert finished.returncode != 0
    assert "Python 3.9.18" in finished.stdout
    assert "3.11 or newer is needed: make setup PYTHON=python3.12" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.slow
def test_conda_solves_the_environments(tmp_path: Path) -> None:
    if not shutil.which("conda"):
        pytest.skip("no conda on PATH: whether the environments can be solved stays unverified")
    finished = subprocess.run(
        [sys.executable, "-m", "snakemake", "--use-conda", "--conda-create-envs-only", "--cores", "1",
         "--conda-prefix", str(tmp_path), "all"],
        cwd=PROJECT, capture_output=True, text=True, timeout=3600,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
