"""Which code a stage's outputs depend on, as one short hash, so that an edit rebuilds just those.

The code of a stage is its entry modules and what they import of this package, however far; comments,
docstrings and layout of Python do not count: the hash is that of the syntax tree without them. Imports
nothing heavy; the Snakefile asks for it in every cluster job.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
ENTRIES: dict[str, tuple[str, ...]] = {
    "prepare": ("data/stage.py", "data/drawn.py", "data/readers/__init__.py"),  # readers register there
    "audit": ("audit/examine.py", "audit/summary.py"),
    "distil": ("distil/run.py",),
    "curve": ("report/figures/distillation.py",),
    "train": ("training/run.py", "config/schema/schedules.py"),
    "analyse": ("analysis/measure.py",),  # and the module of the analysis
    "summarise": ("analysis/summary/__init__.py",),  # likewise
    "collect": ("collect/runs.py", "collect/tidy.py"),
    "render": ("report/printed_tables.py",),
    "scorecard": ("report/scorecard_page.py",),
    "figures": ("report/figures/__init__.py", "config/schema/schedules.py"),
    "page": ("report/page.py",),
    "reproduction": ("report/reproduction.py",),
}
"""The modules that the command of each stage calls."""

# What decides no result. Settings are given to a job resolved, as a param: of `config/` counts only what
# chooses the cells of a table and the points of a figure. The others say how work is shown, stopped and
# written, and on which device it is done.
_CHOOSING = ("config/choice", "config/factors", "config/figures", "config/plan")
_PASSED_OVER = (
    *("cli", "config", "digests", "errors", "fetch", "files", "layout", "locks", "logs", "progress"),
    *("running/last_batch", "running/progress", "running/slots", "running/stop"),
)


_BESIDE = (".csv", ".md", ".html", ".j2", ".tex", ".txt", ".css", ".js")


@cache
def stage_digest(stage: str, *more: str) -> str:
    """16 hex digits over the modules of a stage, and the templates and scripts beside them.

    `more` are modules that its command loads by name.
    """
    digest = hashlib.sha256()
    for path in stage_files(stage, *more):
        digest.update(path.name.encode())
        is_code = path.suffix == ".py"
        digest.update((_code(path) if is_code else path.read_text(encoding="utf-8")).encode())
    return digest.hexdigest()[:16]


@cache
def stage_files(stage: str, *more: str) -> tuple[Path, ...]:
    """The files that a stage depends on, in order."""
    found, new = set[Path](), {PACKAGE / entry for entry in (*ENTRIES[stage], *more)}
    while new:
        found |= new
        new = {path for module in new for path in imported(module)} - found
        new = {path for path in new if not _is_passed_over(path)}
    folders = {folder for path in found for folder in (path.parent, path.parent / "templates")}
    beside = {file for folder in folders for file in folder.glob("*") if file.suffix in _BESIDE}
    return tuple(
        sorted(found | {file for file in beside if not _mentioned(file) or found & _mentioned(file)})
    )


@cache
def _mentioned(template: Path) -> frozenset[Path]:
    """The modules that name a file, also through a template; none where names are built."""
    named = {template.name}
    templates = [file for file in template.parent.iterdir() if file.suffix in _BESIDE]
    named |= {file.name for file in templates if template.name in file.read_text(encoding="utf-8")}
    return frozenset(module for module, text in _sources() if any(f'"{name}"' in text for name in named))


@cache
def _sources() -> tuple[tuple[Path, str], ...]:
    return tuple((path, path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def imported(module: Path) -> frozenset[Path]:
    """The modules of this package that a module imports, each where what is imported is defined."""
    found = set[Path]()
    for node in _statements(_tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE.name):
            for alias in node.names:
                found |= set(_defined_in(str(node.module), alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(f"{PACKAGE.name}."):
                    found |= set(_files(alias.name))
    return frozenset(found - {module})


def _defined_in(module: str, name: str) -> Iterator[Path]:
    """The file that `from module import name` brings in."""
    if submodule := list(_files(f"{module}.{name}")):
        yield from submodule
        return
    for file in _files(module):
        origins = _origins(file)
        if name in origins:
            yield from _defined_in(*origins[name])
        else:
            yield file


@cache
def _origins(file: Path) -> dict[str, tuple[str, str]]:
    """The module and the name there of all that the `__init__.py` of a package imports."""
    if file.name != "__init__.py":
        return {}
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in _tree(file).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _files(module: str) -> Iterator[Path]:
    """The file of a module of this package, by its dotted name; nothing where there is none."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if base != PACKAGE and file.is_file():
            yield file


def _is_passed_over(path: Path) -> bool:
    name = path.relative_to(PACKAGE).with_suffix("").as_posix()
    return name not in _CHOOSING and any(
        name == one or name.startswith(f"{one}/") for one in _PASSED_OVER
    )


@cache
def _tree(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


@cache
def _code(module: Path) -> str:
    return _without_words(_tree(module))


def code_of(source: str) -> str:
    """`source` written anew from its syntax tree, docstrings left out: the same for every Python."""
    return _without_words(ast.parse(source))


def _without_words(tree: ast.Module) -> str:
    for node in (tree, *_statements(tree)):
        for part in _BLOCKS:
            if statements := getattr(node, part, None):
                setattr(node, part, [each for each in statements if not _is_words(each)])
    return ast.unparse(tree)


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where statements stand in one another; what else a syntax tree has are expressions."""


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement in a statement or module, however deep."""
    for part in _BLOCKS:
        for each in getattr(node, part, ()):
            yield each
            yield from _statements(each)


def _is_words(node: ast.AST) -> bool:
    """Whether a statement is a string and nothing else: a docstring, of whatever stands before it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
