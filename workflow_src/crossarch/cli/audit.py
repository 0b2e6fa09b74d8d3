"""The verb of the stage audit."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossarch.cli.options import Given, Threads, existing, opened
from crossarch.config import Configuration, SetId, chosen_sets, set_whitening
from crossarch.config.sets import AUDITED
from crossarch.config.validation import validated
from crossarch.errors import ConfigError
from crossarch.layout import Layout
from crossarch.progress import tracked, working

if TYPE_CHECKING:
    from crossarch.audit.record import Audit


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
    of_dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="Audit FILE, or files IMAGES and LABELS, that no source names, against this data set.",
        ),
    ] = None,
    repetition: Annotated[
        int | None, typer.Option(min=0, help="Of several repetitions in a file, the one to audit.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="Of several sets in a file, the place of the one to audit.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only gather the audits that there are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audits as one JSON list.")] = False,
    threads: Threads = 1,
) -> None:
    """Say what a distilled set is like and in which pixel space it lives, from its pixels alone.

    Without a set: all that the configuration chooses, and a page about them (audit.csv, audit.md).

    With --dataset: of files that no source names; prints the lines to paste into a preset.

    Examples: `crossarch audit frepo cifar10 10` - `crossarch audit set.pt --dataset cifar10`
    """
    from crossarch.audit.record import read_audit

    configuration, layout = opened(context)
    if of_dataset is not None:
        files = [Path(part) for part in (source, dataset) if part is not None]
        if not files or ipc is not None or summary or as_json:
            raise ConfigError("audit: give FILE, or IMAGES and LABELS, with --dataset")
        given_before = context.find_object(Given)
        presets = list(given_before.presets) if given_before else []
        _describe(configuration, layout, files, of_dataset, (repetition, key), threads, presets)
        return
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
        _write_page(audits, layout)
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in audits]))
    for one in audits:
        if not as_json:
            typer.echo(f"{one.audited.path}: {one.verdict}, configured as {one.configured}")
        if one.warning:
            typer.echo(f"warning: {one.warning}", err=True)


def _write_page(audits: "list[Audit]", layout: Layout) -> None:
    """Write audit.csv and audit.md, and print where they are."""
    from crossarch.audit.summary import write_summary

    for path in write_summary(audits, layout.audits):
        typer.echo(path, err=True)


def _describe(
    configuration: Configuration,
    layout: Layout,
    files: list[Path],
    dataset: str,
    choices: tuple[int | None, str | None],
    threads: int,
    presets: list[Path],
) -> None:
    """Print what files are that no source names, and the entry of sources.yaml that they need."""
    import torch

    from crossarch.audit.unlisted import describe_files, yaml_of
    from crossarch.data.readers import Choices, read_set

    torch.set_num_threads(threads)
    settings = configuration.dataset(dataset)
    read_set(files, Choices(*choices))  # a mistake is reported before the real set is prepared
    tests = {name: layout.test_set(dataset, name) for name in AUDITED}
    whiteners = {name: layout.whitener(dataset, name) for name in AUDITED}
    train, stem = layout.images(dataset, "train"), files[0].resolve().stem
    needed = [train, *tests.values(), *whiteners.values()]
    _make([path for path in needed if not path.exists()], layout, presets, threads)
    sheet = layout.audits / "files" / f"{stem}.png"
    found = describe_files(files, Choices(*choices), dataset, settings, train, tests, whiteners, sheet)
    for line in found.lines:
        typer.echo(line)
    typer.echo(f"\n{yaml_of(found, files, dataset)}", nl=False)


def _make(missing: list[Path], layout: Layout, presets: list[Path], threads: int) -> None:
    """Have Snakemake prepare what is missing of a real set; ConfigError with its command if it fails."""
    if not missing:
        return
    command = ["snakemake", "--cores", str(threads), "--quiet", "all"]
    command += ["--config", f"results={layout.results}"]
    command += ["--configfile", *map(str, presets)] if presets else []
    command += ["--", *map(str, missing)]
    typer.echo("Preparing the real set in the spaces that are told apart: once, for minutes", err=True)
    with working("Preparing the real set"):
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True)
    if done.returncode:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise ConfigError(f"{missing[0]}: cannot be made: {reason.strip()}; run: {' '.join(command)}")


def _examine_all(
    configuration: Configuration, layout: Layout, chosen: list[SetId], threads: int
) -> None:
    """Audit the chosen sets, each with its contact sheet; progress on stderr where it is a terminal."""
    import torch

    from crossarch.audit.examine import examine_file, measure_test_sets

    torch.set_num_threads(threads)
    for one in chosen:
        whitening = set_whitening(configuration, one.source, one.dataset, one.ipc)
        existing(layout.distilled(one.source, one.dataset, one.ipc))
        existing(layout.whitener(one.dataset, whitening))
        for space in AUDITED:
            existing(layout.test_set(one.dataset, space))
    test_sets = functools.cache(lambda dataset: measure_test_sets(configuration, layout, dataset))
    for one in tracked(chosen, "Auditing"):
        examine_file(configuration, layout, one, test_sets(one.dataset))
