"""The verb of the stage audit."""

import functools
import json
from typing import Annotated

import typer

from crossarch.cli.options import (
    Threads,
    opened,
)
from crossarch.config import Configuration, SetId, chosen_sets, set_whitening
from crossarch.config.complain import validated
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.progress import tracked


def audit(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(help="Source, as in sources.yaml."),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Argument(help="Real data set to compare with."),
    ] = None,
    ipc: Annotated[int | None, typer.Argument(min=1, help="Images per class.")] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only gather the audits that there are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audits as one JSON list.")] = False,
    threads: Threads = 1,
) -> None:
    """Say what a distilled set is like and in which pixel space it lives, from its pixels alone.

    Without a set: all that the configuration chooses, and a page about them (audit.csv, audit.md).

    Example: `crossarch audit frepo cifar10 10`
    """
    from crossarch.audit.record import read_audit

    configuration, layout = opened(context)
    given = [part for part in (source, dataset, ipc) if part is not None]
    everything = not given
    if given and (len(given) < 3 or summary):
        raise ConfigError("audit: give SOURCE, DATASET and IPC, or none of them; --summary takes none")
    named = {"source": source, "dataset": dataset, "ipc": ipc}
    chosen = chosen_sets(configuration) if everything else [validated(SetId, named, "command line")]
    if not chosen:
        raise ConfigError("audit: found no distilled set among those chosen, allowed: at least one")
    if not summary:
        _examine_all(configuration, layout, chosen, threads)
    audits = [read_audit(layout.audit(one)) for one in chosen]
    if everything:
        from crossarch.audit.summary import write_summary

        for path in write_summary(audits, layout.audits):
            typer.echo(path, err=True)
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in audits]))
    for one in audits:
        if not as_json:
            typer.echo(f"{one.audited.path}: {one.verdict}, configured as {one.configured}")
        if one.warning:
            typer.echo(f"warning: {one.warning}", err=True)


def _examine_all(
    configuration: Configuration, layout: Layout, chosen: list[SetId], threads: int
) -> None:
    """Audit the chosen sets, each with its contact sheet; progress on stderr where it is a terminal."""
    import torch

    from crossarch.audit.examine import examine_file, measure_test_sets

    torch.set_num_threads(threads)
    for one in chosen:
        set_whitening(configuration, one.source, one.dataset, one.ipc)
    test_sets = functools.cache(lambda dataset: measure_test_sets(configuration, layout, dataset))
    for one in tracked(chosen, "Auditing"):
        examine_file(configuration, layout, one, test_sets(one.dataset))
