"""Draw docs/architecture.svg: the packages in their layers, and which imports which.

The layers are those of pyproject.toml, the arrows the imports of the code. An arrow that follows from
others is left out. `python docs/architecture.py` writes the picture; a test compares it with the code.
"""

import ast
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "workflow_src" / "crossarch"
PURPOSE = {
    "cli": "verbs that rules call",
    "overview": "plan, status, show",
    "report": "render",
    "analysis": "analyse",
    "printing": "numbers, colours, templates",
    "audit": "audit",
    "collect": "collect",
    "distil": "distil",
    "training": "train",
    "running": "checkpoints, evaluation, devices",
    "models": "networks, DropPath",
    "data": "prepare",
    "fetch": "fetch",
    "layout": "paths of results",
    "config": "YAML, checked and resolved",
    "digests": "the code of a stage",
    "files": "whole files, checksums",
    "locks": "one process at a time",
    "logs": "warnings of jobs",
    "progress": "bars",
    "errors": "mistakes in one line",
}
"""What is inside; of a stage its name."""
STAGES = {"fetch", "data", "audit", "distil", "training", "collect", "analysis", "report"}
WIDTH, HEIGHT, STEP, GAP = 190, 36, 56, 20


def layers() -> list[list[str]]:
    """The packages and modules of each layer, the highest first."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    rows = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [[name.strip() for name in row.split("|")] for row in rows if row != "__main__"]


def imports(name: str) -> set[str]:
    """The packages and modules of crossarch that one of them imports."""
    files = (PACKAGE / name).rglob("*.py") if (PACKAGE / name).is_dir() else [PACKAGE / f"{name}.py"]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crossarch"):
                parts = (node.module or "").split(".")
                found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {name}


def arrows(names: list[str]) -> list[tuple[str, str]]:
    """Who imports whom, without what follows from other arrows; `names` are from the highest down."""
    found = {name: imports(name) for name in names}
    direct = {name: [other for other in names if other in found[name]] for name in names}
    below: dict[str, set[str]] = {}
    for name in reversed(names):  # a layer imports lower ones only
        below[name] = set(direct[name]).union(*(below[other] for other in direct[name]))
    return [
        (name, other)
        for name in names
        for other in direct[name]
        if not any(other in below[between] for between in direct[name])
    ]


def picture() -> str:
    """The picture as SVG."""
    rows = layers()
    width = max(map(len, rows)) * (WIDTH + GAP) + GAP
    boxes: dict[str, tuple[float, float]] = {}  # the middle of the upper edge
    for number, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP) + GAP) / 2
        for place, name in enumerate(row):
            boxes[name] = left + place * (WIDTH + GAP) + WIDTH / 2, GAP + number * STEP
    height = GAP + len(rows) * STEP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13" text-anchor="middle">',
        "<title>Packages of crossarch: an arrow points to what is imported</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for name, other in arrows(list(boxes)):
        (x, y), (to_x, to_y) = boxes[name], boxes[other]
        down = round((to_y - y) / STEP)
        side = -1 if min(x, to_x) < width / 2 - 1 else 1
        bend = side * (0.8 * WIDTH + 13 * down) if down > 1 else 0
        curve = f"Q{(x + to_x) / 2 + bend:g} {(y + to_y + HEIGHT) / 2:g} {to_x:g} {to_y:g}"
        lines.append(
            f'<path d="M{x:g} {y + HEIGHT:g}{curve}" fill="none" stroke="#666" '
            f'marker-end="url(#tip)"><title>{name} imports {other}</title></path>'
        )
    for name, (x, y) in boxes.items():
        fill = "#cfe3f5" if name in STAGES else "#eeeeee"
        lines += [
            f'<rect x="{x - WIDTH / 2:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="5" '
            f'fill="{fill}" stroke="#444"/>',
            f'<text x="{x:g}" y="{y + 15:g}" font-weight="bold">{name}</text>',
            f'<text x="{x:g}" y="{y + 30:g}" font-size="11">{PURPOSE.get(name, "")}</text>',
        ]
    return "\n".join([*lines, "</svg>\n"])


if __name__ == "__main__":
    (PROJECT / "docs" / "architecture.svg").write_text(picture())
