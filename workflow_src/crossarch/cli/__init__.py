"""The command line: one verb a stage. Heavy imports wait until a verb needs them."""

from crossarch.cli.analyse import analyse
from crossarch.cli.app import app, run
from crossarch.cli.audit import audit
from crossarch.cli.collect import collect, publish
from crossarch.cli.describe import describe, schedule
from crossarch.cli.distil import distil
from crossarch.cli.fetch import fetch, mirror
from crossarch.cli.overview import plan, status
from crossarch.cli.prepare import prepare
from crossarch.cli.render import render
from crossarch.cli.runs import show
from crossarch.cli.train import evaluate, train

# In the order of `crossarch --help`, which is that of the stages.
VERBS = {
    "Stages": (fetch, audit, distil, train, collect, render),
    "Before": (plan, describe, schedule, mirror),
    "Meanwhile and after": (status, show, evaluate, publish),
}
for panel, verbs in VERBS.items():
    for verb in verbs:
        app.command(rich_help_panel=panel)(verb)
for name, stage in {"prepare": prepare, "analyse": analyse}.items():
    app.add_typer(stage, name=name, rich_help_panel="Stages")

__all__ = ["app", "run"]
