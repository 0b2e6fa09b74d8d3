"""The audits of several sets on one page: audit.csv, and audit.md with the contact sheets."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from crossarch.audit.confidence import CERTAIN, LIKELY, RESAMPLES
from crossarch.audit.record import Audit
from crossarch.files import write_text

HEADINGS = (
    "set",
    "shape",
    "labels",
    "balance",
    "std",
    "neighbour correlation",
    "best space",
    "confidence",
    "configured space",
    "warning",
)

HOW_TO_READ = f"""\
## How to read this

Each set is compared with the real test set in every space (`none`, `standardise`, `zca-kornia`,
`zca-frepo`) by the shape of its spectrum: the power of the grey images (the mean of the channels) in
half octaves of frequency. A whitening changes that shape in its own way, and a set keeps it, even where
its making changed the contrast or added noise; so the distance of two spectra is taken after the best
overall scale, or after the best scale and a floor of white noise no stronger than the images. The
confidence is the share of {RESAMPLES} resamples in which the space fits best; each draws anew what is
not known: which images the set holds, which frequencies count, and whether noise was added. *Certain*
is {CERTAIN:.0%} or more, *likely* {LIKELY:.0%}, the rest is *undecided*. It says how firmly the pixels
point to one of these four spaces, not how much accuracy another one costs, nor whether a fifth would fit
better: the larger the distance in the best space (`audit.csv`), the less any of the four describes the
set. `none` and `standardise` differ in the mean level alone, so a set whose mean was moved can be taken
for the other. Contact sheets show the images with the configured space undone.
"""


def write_summary(audits: Sequence[Audit], folder: Path) -> list[Path]:
    """Write `audit.csv` (all numbers but the spectra) and `audit.md` to `folder`; return their paths.

    The contact sheets are expected where the audits lie, `<source>/<dataset>/ipc<N>.png` under `folder`.
    """
    table, page = folder / "audit.csv", folder / "audit.md"
    write_text(table, _csv(audits))
    write_text(page, _markdown(audits))
    return [table, page]


def _csv(audits: Sequence[Audit]) -> str:
    rows = [_row(audit) for audit in audits]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(audit: Audit) -> dict[str, object]:
    row: dict[str, object] = {
        **audit.audited.model_dump(),
        "shape": "x".join(map(str, audit.shape)),
        "labels": audit.labels.kind,
        "balance": audit.labels.balance,
        "mean": audit.pixels.mean,
        "std": audit.pixels.std,
        "neighbour_correlation": audit.pixels.neighbour_correlation,
        "best": audit.best,
        "confidence": audit.confidence,
        "share": audit.share,
        "configured": audit.configured,
        "warning": audit.warning or "",
        "reference": audit.reference.dataset,
    }
    for name, space in audit.spaces.items():
        row |= {f"{name}/{key}": value for key, value in space.model_dump(exclude={"pixels"}).items()}
    return {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()}


def _markdown(audits: Sequence[Audit]) -> str:
    table = tabulate(
        [_cells(audit) for audit in audits], headers=HEADINGS, tablefmt="pipe", disable_numparse=True
    )
    references = dict.fromkeys(audit.reference.sentence for audit in audits)
    sheets = [f"![{audit.audited.path}]({audit.audited.path}.png)" for audit in audits]
    return "\n\n".join(
        ["# Audit of the distilled sets", " ".join(references), table, *sheets, HOW_TO_READ]
    )


def _cells(audit: Audit) -> tuple[str, ...]:
    return (
        audit.audited.path,
        " x ".join(map(str, audit.shape)),
        audit.labels.kind,
        audit.labels.balance,
        f"{audit.pixels.std:.3f}",
        f"{audit.pixels.neighbour_correlation:.3f}",
        audit.best,
        f"{audit.confidence} ({audit.share:.0%})",
        audit.configured,
        audit.warning or "none",
    )
