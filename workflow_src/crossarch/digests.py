"""Which code a stage's outputs depend on, as one short hash, so that an edit remakes just those.

Comments, docstrings and layout of Python do not count: the hash is that of the syntax tree without them.
Imports nothing heavy; the Snakefile asks for it in every cluster job.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent

# What tables, the scorecard and the page stand on.
_CELLS = (
    *("config/factors.py", "config/plan.py"),
    *("collect/*.py", "printing/numbers.py", "printing/words.py"),
    *(f"report/{name}.py" for name in ("measured", "seeds", "note", "tables", "blocks", "markdown")),
)
# What decides the result of long work: not how it is shown, stopped or given a device.
_RUNNING = tuple(
    f"running/{name}.py"
    for name in ("curve", "ended", "evaluation", "memory", "provenance", "state", "work")
)
STAGES: dict[str, tuple[str, ...]] = {
    "prepare": ("data/*.py",),
    "audit": ("audit/*.py",),
    "distil": (
        *("data/content.py", "data/drawn.py", "data/whitening.py"),
        *("distil/*.py", "models/*.py", *_RUNNING, "training/losses.py"),
    ),
    "curve": ("report/figures/distillation.py", "printing/style.py", "collect/tidy.py"),
    "train": ("models/*.py", *_RUNNING, "training/*.py", "config/schema/schedules.py"),
    # Of one run; with the module of the analysis itself (`analysis_digest`).
    "analyse": (
        *("analysis/base.py", "analysis/measure.py", "analysis/hessian.py", "analysis/predictions.py"),
        *("models/*.py", "running/evaluation.py", "training/*.py"),
    ),
    "summarise": ("analysis/*.py", "analysis/templates/*", "collect/*.py", "printing/*.py"),
    "collect": ("collect/runs.py", "collect/tidy.py"),
    "render": (*_CELLS, "report/render.py", "report/latex.py"),
    "scorecard": (*_CELLS, "report/claims.py", "report/scorecard.py", "report/scorecard_page.py"),
    "figures": (
        *("report/figures/*.py", "analysis/base.py", "analysis/curvature.py", "collect/*.py"),
        *("printing/*.py", "report/measured.py", "report/seeds.py", "config/figures.py"),
        "config/schema/schedules.py",
    ),
    "reproduction": (
        *("report/reproduction/*.py", "report/nearness.py"),
        *("report/marked.py", "report/figures/headline.py"),
        "analysis/cells.py",
    ),
    "page": (
        *("report/page/*", "printing/synthetic.py", *_CELLS),
        *("analysis/base.py", "analysis/curvature.py"),
        *(f"report/figures/{name}.py" for name in ("caption", "curvature_table", "points")),
    ),
}


def analysis_digest(analysis: str) -> str:
    """16 hex digits over the modules that an analysis measures a run with."""
    return stage_digest("analyse", f"analysis/{analysis}.py")


@cache
def stage_digest(stage: str, *more: str) -> str:
    """16 hex digits over the modules of a stage, and `more`."""
    digest = hashlib.sha256()
    for pattern in (*STAGES[stage], *more):
        for path in sorted(PACKAGE.glob(pattern)):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                digest.update(path.name.encode())
                digest.update((code_of(text) if path.suffix == ".py" else text).encode())
    return digest.hexdigest()[:16]


@cache
def code_of(source: str) -> str:
    """`source` written anew from its syntax tree, docstrings left out: the same for every Python."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                setattr(node, part, [each for each in statements if not _is_words(each)])
    return ast.unparse(tree)


def _is_words(node: ast.AST) -> bool:
    """Whether a statement is a string and nothing else: a docstring, of whatever stands before it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
