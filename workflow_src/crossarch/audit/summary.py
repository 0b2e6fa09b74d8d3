"""The audits of several sets on one page: audit.csv, and audit.md with the contact sheets."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossarch.audit.record import CERTAIN, LIKELY, RESAMPLES, Audit
from crossarch.files import write_text
from crossarch.printing.templates import rendered


def write_summary(audits: Sequence[Audit], folder: Path) -> list[Path]:
    """Write `audit.csv` (all numbers but the spectra) and `audit.md` to `folder`; return their paths.

    The contact sheets are expected where the audits lie, `<source>/<dataset>/ipc<N>.png` under `folder`.
    """
    table, page = folder / "audit.csv", folder / "audit.md"
    rows = pd.DataFrame(map(_row, audits))
    write_text(table, rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    text = rendered(
        "crossarch.audit",
        "audit.md",
        audits=audits,
        references=dict.fromkeys(audit.reference.sentence for audit in audits),
        resamples=RESAMPLES,
        certain=f"{CERTAIN:.0%}",
        likely=f"{LIKELY:.0%}",
    )
    write_text(page, text)
    return [table, page]


def _row(audit: Audit) -> dict[str, object]:
    row: dict[str, object] = {
        **audit.audited.model_dump(),
        "shape": "x".join(map(str, audit.shape)),
        "labels": audit.labels.kind,
        "balance": audit.labels.balance,
        **audit.pixels.model_dump(exclude={"spectrum"}),
        "best": audit.best,
        "confidence": audit.confidence,
        "share": audit.share,
        "configured": audit.configured,
        "warning": audit.warning,
        "reference": audit.reference.dataset,
    }
    for name, space in audit.spaces.items():
        row |= {f"{name}/{key}": value for key, value in space.model_dump(exclude={"pixels"}).items()}
    return row
