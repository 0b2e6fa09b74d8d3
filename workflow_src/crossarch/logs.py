"""What the logs of a workflow's jobs say that nobody would read them for. Imports nothing heavy."""

from pathlib import Path

from crossarch.errors import WARNING


def warnings_since(logs: Path, start: float) -> list[str]:
    """The lines of `crossarch.errors.warn` in `*.log` below `logs`, each once, oldest log first.

    `start` is in seconds since the epoch: a log that was written before is of an earlier workflow. Where
    another process removes or replaces a log meanwhile, it is passed over.
    """
    written: list[tuple[float, list[str]]] = []
    for log in logs.rglob("*.log"):
        try:
            changed = log.stat().st_mtime
            if changed >= start:
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
                written.append((changed, [line for line in lines if line.startswith(WARNING)]))
        except OSError:
            continue
    return list(dict.fromkeys(line for _, lines in sorted(written) for line in lines))
