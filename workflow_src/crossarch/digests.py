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
# What every analysis of one run stands on.
_FINISHED = ("analysis/finished.py", "analysis/job.py", "analysis/record.py", "analysis/where.py")
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
    "curvature": (
        *("analysis/hessian.py", "analysis/landscape.py", "analysis/curvature.py", *_FINISHED),
        *("models/*.py", "training/losses.py"),
    ),
    "testing": (
        *("analysis/predictions.py", "analysis/testing.py", "analysis/taught.py", *_FINISHED),
        *("analysis/chosen.py", "analysis/stale.py"),
        *("models/*.py", "running/evaluation.py"),
        *("training/augmentation.py", "training/losses.py"),
    ),
    "retrace": (
        *("analysis/retrace.py", "analysis/predictions.py", "analysis/taught.py", *_FINISHED),
        *("models/*.py", "running/evaluation.py", "training/*.py"),
    ),
    "analysis": (
        *("analysis/summary.py", "analysis/cells.py", "analysis/drawing.py", "analysis/findings.py"),
        *("analysis/chosen.py", "analysis/selection.py", "analysis/protocols.py", "analysis/stale.py"),
        *("analysis/whitening.py", "analysis/agreement.py", "analysis/softness.py"),
        *("analysis/statistics.py", "analysis/teachers.py"),
        *("analysis/record.py", "config/plan.py", "collect/*.py", "printing/*.py"),
    ),
    "collect": ("collect/runs.py", "collect/tidy.py"),
    "render": (*_CELLS, "report/render.py", "report/latex.py"),
    "scorecard": (*_CELLS, "report/claims.py", "report/scorecard.py", "report/scorecard_page.py"),
    "figures": (
        *("report/figures/*.py", "analysis/record.py", "analysis/stale.py", "collect/*.py"),
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
        *("analysis/record.py", "analysis/stale.py"),
        *(f"report/figures/{name}.py" for name in ("caption", "curvature_table", "points")),
    ),
}


@cache
def stage_digest(stage: str) -> str:
    """16 hex digits over the modules of a stage."""
    digest = hashlib.sha256()
    for pattern in STAGES[stage]:
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
