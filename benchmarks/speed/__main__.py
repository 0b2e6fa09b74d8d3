"""How fast a training is, and what limits it: ratios within one run, medians over rounds in turns.

    python benchmarks/speed                           # all of it: about a quarter of an hour
    python benchmarks/speed --only step reference     # parts of it; the other parts stay as they were
    python benchmarks/speed --rounds 3 --to /tmp/x    # rougher and faster, written elsewhere

Images are random numbers: the time of a step does not depend on them. Writes speed.json, speed.md and
speed.{pdf,svg,png} into benchmarks/results, or into --to.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import timing
import torch
from choices import choices
from draw import draw
from sections import against_reference, arithmetic, evaluation, packing, step
from tabulate import tabulate

from crossarch.running.memory import keep_freed_memory

SECTIONS = {
    "step": step,
    "reference": against_reference,
    "arithmetic": arithmetic,
    "packing": packing,
    "evaluation": evaluation,
    "choices": choices,
}


def main() -> None:
    """Measure the chosen sections, print their tables, write the files."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    parser.add_argument("--rounds", type=int, default=5, help="that count, after two that do not")
    parser.add_argument("--to", type=Path, default=Path(__file__).parents[1] / "results")
    arguments = parser.parse_args()
    keep_freed_memory()
    written = arguments.to / "speed.json"
    measured: dict[str, Any] = json.loads(written.read_text()) if written.exists() else {}
    for name in arguments.only:
        torch.set_num_threads(1)
        rows = SECTIONS[name](arguments.rounds)
        measured[name] = {"machine": timing.machine(), "rounds": arguments.rounds, "rows": rows}
        print(section(name, rows), flush=True)
    known = {name: measured[name] for name in SECTIONS if name in measured}
    arguments.to.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    texts = [section(name, part["rows"]) for name, part in known.items()]
    (arguments.to / "speed.md").write_text("\n".join(texts), encoding="utf-8")
    if {"arithmetic", "reference"} <= set(known):
        draw(known["arithmetic"]["rows"], known["reference"]["rows"], arguments.to / "speed")


def section(name: str, rows: list[dict[str, Any]]) -> str:
    """A section's title and table in Markdown."""
    title = (SECTIONS[name].__doc__ or "").splitlines()[0]
    return f"**{name}**: {title}\n\n{tabulate(rows, headers='keys', tablefmt='github')}\n"


if __name__ == "__main__":
    main()
