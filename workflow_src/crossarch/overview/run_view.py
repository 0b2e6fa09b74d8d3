"""One run, or two beside each other, in a terminal and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from crossarch.config import Configuration, RunId
from crossarch.overview.compare import Comparison
from crossarch.overview.plot import Points, curve
from crossarch.overview.shown import Difference, Judgement, ShownRun
from crossarch.printing.words import plural

NONE = "—"
# Settings that stand together in a line, by what the line is called; the others have their own.
_TOGETHER = {
    "training": ("epochs", "batch_size", "evaluate_every"),
    "data": ("labels", "whitening"),
}
_LEFT_OUT = ("teacher", "teacher_network")  # the teacher's run is told instead


def run_view(configuration: Configuration, shown: ShownRun, judged: Judgement) -> RenderableType:
    """Accuracies, curves, settings, what they cost and where they come from."""
    metrics = shown.metrics
    head = Text(metrics.run.path, style="bold")
    sections = (
        ("accuracy", _accuracy(shown, judged)),
        ("settings", _settings(shown)),
        (f"changes from {judged.base}", _changes(judged)),
        ("cost", _cost(shown)),
        ("from", _origin(shown, judged)),
    )
    return Group(
        head,
        Text(_title(configuration, metrics.run)),
        *(part for title, lines in sections for part in _section(title, lines)),
        *_curve("test accuracy (%) by epoch", shown.accuracies),
        *_curve("training loss by epoch", shown.losses),
    )


def run_json(shown: ShownRun, judged: Judgement) -> dict[str, Any]:
    """The same for programs: the metrics file, the judgement and the file's place."""
    return {
        "file": str(shown.file),
        "run": shown.metrics.run.path,
        **shown.metrics.model_dump(mode="json", exclude={"run", "settings"}),
        "settings": dict(shown.settings),
        "base": judged.base,
        "changes": _as_json(judged.changes, ("base", "run")),
        "outdated": judged.outdated,
        "paper": judged.paper,
    }


def comparison_view(first: ShownRun, second: ShownRun, compared: Comparison) -> RenderableType:
    """What differs, accuracies with their difference, the curves on the same axes, and warnings."""
    runs = (first, second)
    grid = Grid()
    grid.add_column("", no_wrap=True)
    grid.add_column("A", overflow="fold")
    grid.add_column("B", overflow="fold")
    grid.add_column("B - A", justify="right")
    for key, *values in (*compared.run, *compared.settings):
        grid.add_row(*(Text(text) for text in (key, *map(_value, values))), "")
    grid.add_section()
    for name, values in _accuracies(runs).items():
        grid.add_row(name, *(f"{number:.2f}" for number in values), f"{values[1] - values[0]:+.2f}")
    epochs = [str(shown.metrics.best_epoch) for shown in runs]
    grid.add_row("best epoch", *epochs, "")
    warnings = [Text(f"warning: {told}", style="yellow") for told in compared.warnings]
    paths = (f"{letter} {one.metrics.run.path}" for letter, one in zip("AB", runs, strict=True))
    return Group(
        *(Text(path, style="bold") for path in paths),
        grid,
        *warnings,
        *_curves("test accuracy (%) by epoch", [shown.accuracies for shown in runs]),
        *_curves("training loss by epoch", [shown.losses for shown in runs]),
    )


def comparison_json(first: ShownRun, second: ShownRun, compared: Comparison) -> dict[str, Any]:
    """The same for programs."""
    accuracies = _accuracies((first, second))
    return {
        "runs": [shown.metrics.run.path for shown in (first, second)],
        "files": [str(shown.file) for shown in (first, second)],
        "differences": _as_json((*compared.run, *compared.settings), ("a", "b")),
        "accuracy": {
            name: {"a": one, "b": other, "difference": round(other - one, 4)}
            for name, (one, other) in accuracies.items()
        },
        "evaluations": [
            [one.model_dump() for one in shown.metrics.evaluations] for shown in (first, second)
        ],
        "warnings": list(compared.warnings),
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


def _accuracies(runs: Sequence[ShownRun]) -> dict[str, list[float]]:
    return {name: [getattr(shown.metrics.accuracy, name) for shown in runs] for name in ("best", "last")}


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


def _curve(title: str, points: Points) -> Iterable[RenderableType]:
    if lines := curve(points):
        yield Text(f"\n{title}", style="bold")
        yield Text("\n".join(lines))


def _curves(title: str, curves: Sequence[Points]) -> Iterable[RenderableType]:
    """One curve below the other, on the same axes."""
    every = [point for points in curves for point in points]
    if not every:
        return
    x = min(a for a, _ in every), max(a for a, _ in every)
    y = min(b for _, b in every), max(b for _, b in every)
    yield Text(f"\n{title}", style="bold")
    for letter, points in zip("AB", curves, strict=True):
        if lines := curve(points, x=x, y=y, height=6):
            yield Text(letter, style="cyan")
            yield Text("\n".join(lines))


def _as_json(found: Sequence[Difference], names: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, names[0]: one, names[1]: other} for key, one, other in found]


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
