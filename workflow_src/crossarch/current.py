"""Whether a finished run stands on what is there today: the configuration, its teacher, its set."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from crossarch.config import Configuration, outdated, parse_run, resolve
from crossarch.files import read_mapping, sha256_of
from crossarch.layout import Layout


def outdated_runs(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those `files`, each a `metrics.json`, that were made otherwise than they would be today, and how.

    As `outdated`; and below `results/runs` those whose training set, or their teacher's, has other bytes
    than the set that lies in `results/distilled` now. Raises DataError for a file that is not JSON.
    """
    files = list(map(Path, files))
    reasons = outdated(configuration, files)
    digest = cache(sha256_of)  # several runs are trained on one set
    for file in files:
        if file in reasons:
            continue
        run = parse_run(file.as_posix())
        results = file.absolute().parents[len(Path(run.path).parts) + 1]
        layout = Layout(results)
        path = layout.training_set(configuration, run)
        if layout.run_metrics(run) != file.absolute() or not path.exists():
            continue
        teacher = resolve(configuration, run).teacher
        for one in (run, teacher) if teacher else (run,):
            record = layout.run_metrics(one)
            trained_on = _trained_on(record) if record.exists() else None
            if trained_on is not None and trained_on != digest(path):
                whose = "" if one == run else f"teacher {one.path}: "
                today = path.relative_to(results)
                reasons[file] = f"{whose}trained on another set than lies in {today} now"
                break
    return {file: reasons[file] for file in files if file in reasons}


def _trained_on(record: Path) -> str | None:
    """The SHA-256 of the set that a run was trained on, as far as its metrics tell."""
    inputs = read_mapping(record).get("inputs")
    found = inputs.get("distilled") if isinstance(inputs, dict) else None
    return found if isinstance(found, str) else None
