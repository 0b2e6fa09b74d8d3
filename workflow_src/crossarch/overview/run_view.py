"""One run in a terminal and as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from crossarch.config import Configuration, RunId
from crossarch.overview.shown import Judgement, ShownRun
from crossarch.printing.words import plural

NONE = "—"
# Settings that stand together in a line, by what the line is called; the others have their own.
_TOGETHER = {
    "training": ("epochs", "batch_size", "evaluate_every"),
    "data": ("labels", "whitening"),
}
_LEFT_OUT = ("teacher", "teacher_network")  # the teacher's run is told instead


def run_view(configuration: Configuration, shown: ShownRun, judged: Judgement) -> RenderableType:
    """Accuracies, settings, what they cost and where they come from."""
    metrics = shown.metrics
    head = Text(metrics.run.path, style="bold")
    sections = (
        ("accuracy", _accuracy(shown, judged)),
        ("settings", _settings(shown)),
        (f"changes from {judged.base}", _changes(judged)),
        ("findings", dict.fromkeys(judged.findings, "results/reproduction/README.md")),
        ("cost", _cost(shown)),
        ("from", _origin(shown, judged)),
    )
    return Group(
        head,
        Text(_title(configuration, metrics.run)),
        *(part for title, lines in sections for part in _section(title, lines)),
    )


def run_json(shown: ShownRun, judged: Judgement) -> dict[str, Any]:
    """The same for programs: the metrics file, the judgement and the file's place."""
    return {
        "file": str(shown.file),
        "run": shown.metrics.run.path,
        **shown.metrics.model_dump(mode="json", exclude={"run", "settings"}),
        "settings": dict(shown.settings),
        "base": judged.base,
        "changes": [{"key": key, "base": base, "run": here} for key, base, here in judged.changes],
        "outdated": judged.outdated,
        "paper": judged.paper,
        "findings": list(judged.findings),
    }


def _title(configuration: Configuration, run: RunId) -> str:
    """The run in words, by the titles that the configuration still has for it."""
    source, dataset = configuration.sources.get(run.source), configuration.datasets.get(run.dataset)
    images = f"{plural(run.ipc, 'image')} per class"
    return (
        f"{configuration.arch_title(run.arch)} trained by {configuration.recipe_book.title(run.recipe)} "
        f"on {source.title if source else run.source}, {images}; "
        f"tested on {dataset.title if dataset else run.dataset}"
    )


def _accuracy(shown: ShownRun, judged: Judgement) -> dict[str, str]:
    accuracy = shown.metrics.accuracy
    lines = {
        "best": f"{accuracy.best:.2f}% (epoch {shown.metrics.best_epoch}, selected on the test set)",
        "last": f"{accuracy.last:.2f}%",
    }
    if judged.paper is not None:
        lines["paper"] = (
            f"{judged.paper:.1f}%; best is {accuracy.best - judged.paper:+.1f} points from it"
        )
    return lines


def _settings(shown: ShownRun) -> dict[str, str]:
    settings = {name: value for name, value in shown.settings.items() if name not in _LEFT_OUT}
    lines = {}
    for title, names in _TOGETHER.items():
        lines[title] = _value({name: settings.pop(name) for name in names if name in settings})
    lines |= {name.replace("_", " "): _value(value) for name, value in settings.items()}
    if teacher := shown.settings.get("teacher"):
        lines["teacher"] = RunId.model_validate(teacher).path
    return lines


def _changes(judged: Judgement) -> dict[str, str]:
    return {key: f"{_value(base)} → {_value(here)}" for key, base, here in judged.changes}


def _cost(shown: ShownRun) -> dict[str, str]:
    metrics = shown.metrics
    speed = metrics.images_per_second
    memory = metrics.peak_memory_mib
    threads = plural(metrics.threads, "thread")
    return {
        "training": f"{metrics.seconds.training:.0f} s"
        + (f", {speed:.1f} images a second" if speed is not None else ""),
        "evaluation": f"{metrics.seconds.evaluation:.0f} s",
        "memory": NONE if memory is None else f"{memory:.0f} MiB at most",
        "device": f"{metrics.device}, {threads}, {metrics.machine or 'machine not known'}",
    }


def _origin(shown: ShownRun, judged: Judgement) -> dict[str, str]:
    metrics = shown.metrics
    return {
        "finished": metrics.finished,
        "commit": metrics.commit or NONE,
        "versions": _value(metrics.versions),
        **{f"{name} SHA-256": digest for name, digest in metrics.inputs.items()},
        "settings": f"{metrics.digest}, "
        + (f"outdated: {judged.outdated}" if judged.outdated else "as the configuration asks today")
        + " (how often it is tested is not compared)",
        "file": str(shown.file),
    }


def _section(title: str, lines: Mapping[str, str]) -> Iterable[RenderableType]:
    if not lines:
        return
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in lines.items():
        grid.add_row(Text(name), Text(text))
    yield Text(f"\n{title}", style="bold")
    yield grid


def _value(of: Any) -> str:
    """A setting as text: a dash for none, a list without brackets."""
    if of is None:
        return NONE
    if isinstance(of, Mapping):
        named = ((str(key), _value(inner)) for key, inner in of.items())
        return ", ".join(f"{key} {text}" if key != "name" else text for key, text in named)
    if isinstance(of, list | tuple):
        return " ".join(map(_value, of))
    if isinstance(of, bool):
        return "yes" if of else "no"
    return f"{of:g}" if isinstance(of, float) else str(of)
