"""The command line: one verb a stage. Heavy imports wait until a verb needs them."""

import csv
import functools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from rich import filesize
from tabulate import tabulate

from crossarch import __version__
from crossarch.config import (
    Configuration,
    RunId,
    RunSettings,
    SetId,
    chosen_sets,
    collection_runs,
    distilled_set,
    load_configuration,
    network_settings,
    parse_run,
    read_overrides,
    resolve,
    run_recipe,
    selected_files,
    split_recipe,
    test_whitening,
)
from crossarch.config.complain import unknown, validated
from crossarch.config.files import UpstreamFile
from crossarch.config.schema import PROTOCOLS, WHITENINGS, Whitening
from crossarch.errors import ConfigError, CrossarchError, DataError, FetchError, Interrupted
from crossarch.files import write_text
from crossarch.layout import Layout

if TYPE_CHECKING:
    from rich.console import RenderableType

    from crossarch.fetch.listing import Listed

app = typer.Typer(
    name="crossarch",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""How much accuracy is lost on distilled data when the test network is another one?

    The stages, each a verb: **fetch** - **prepare** - **audit** - **train** - **collect** - **render**.
    What there is to do: **plan**. How far it is: **status**.
    Snakemake calls them in order (`snakemake --cores 2 table2`); by hand they do one thing each.
    """,
)

ConfigDirectory = Annotated[Path, typer.Option("--config", help="Folder of the YAML files.")]
Presets = Annotated[
    list[Path] | None,
    typer.Option("--preset", help="A preset laid over config.yaml; may be given several times."),
]
SelectionJson = Annotated[str | None, typer.Option("--selection", help="JSON laid over config.yaml.")]
ChosenTables = Annotated[
    list[str] | None,
    typer.Option(
        "--table", help="This table or figure; may be given several times. Default: all chosen."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Results = Annotated[
    Path | None,
    typer.Option(envvar="CROSSARCH_RESULTS", help="Folder to write to; default: that of the config."),
]
Dataset = Annotated[str, typer.Option(help="Real data set, as in datasets.yaml.")]
SourceName = Annotated[str, typer.Option(help="Source of distilled sets, as in sources.yaml.")]
IpcNumber = Annotated[int, typer.Option(min=1, help="Images per class.")]
ArchName = Annotated[str, typer.Option(help="cnn, resnet18, resnet50, alexnet or vgg11.")]
RecipeName = Annotated[str, typer.Option(help="Recipe, or recipe@protocol.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
CONFIG = Path("config")
REPRODUCTION = Path("results/reproduction")
REPORT = "report"


def main() -> NoReturn:
    """Entry point: a user's mistake is one line on stderr and an exit code that tells its kind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # so that half-written files are removed
    try:
        app(standalone_mode=False)
    except CrossarchError as error:
        _fail(str(error), error.exit_code)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except Interrupted as stop:
        _fail(str(stop), stop.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail("interrupted", 130)
    except BrokenPipeError:  # `crossarch schedule ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", 1)
    except Exception as error:
        if hasattr(error, "format_message"):  # a wrong option
            _fail(error.format_message(), 2)
        raise
    sys.exit(0)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print it.")] = False) -> None:
    if version:
        typer.echo(f"crossarch {__version__}")
        raise typer.Exit


@app.command()
def fetch(
    urls: Annotated[list[str] | None, typer.Argument(help="Addresses that the config names.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All files of the config, teachers of the authors included.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files, their places and sizes; fetch nothing.")
    ] = False,
    update_lock: Annotated[
        bool,
        typer.Option(help="Record the checksums of files that have none in config/checksums.lock.yaml."),
    ] = False,
    as_json: AsJson = False,
    file: Annotated[str | None, typer.Option(help="A file as JSON: url, sha256 ...")] = None,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Get upstream files: from a mirror (CROSSARCH_MIRROR), the cache or the network, verified.

    Without addresses and --all: what the selected data sets, sources and IPC need.

    Examples: `crossarch fetch --all --dry-run` - `crossarch fetch --preset config/presets/cpu.yaml` -
    `crossarch fetch --update-lock https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz`
    """
    from crossarch.fetch.ensure import ensure_download
    from crossarch.fetch.listing import list_files
    from crossarch.fetch.places import cache_directory, mirrors_from_environment

    configuration = _configuration(config, preset)
    layout = _layout(configuration, results)
    if file:
        given = validated(UpstreamFile, _json(file, "--file"), "--file")
        wanted = {given.url: given}
    else:
        wanted = _wanted_files(configuration, urls or [], every)
    if dry_run:
        pinned = {name: configuration.pinned(one) for name, one in wanted.items()}
        listed = list_files(
            pinned,
            downloads=layout.downloads,
            mirrors=mirrors_from_environment(),
            cache=cache_directory(),
            locked=configuration.lock,
        )
        _print_listing(listed, as_json)
    elif update_lock:
        _update_lock(configuration, layout, wanted)
    else:
        _each(wanted, lambda one: typer.echo(ensure_download(configuration, layout, one)))


@app.command()
def mirror(
    directory: Annotated[Path, typer.Argument(help="Folder to fill, laid out as <host>/<path>.")],
    every: Annotated[
        bool, typer.Option("--all", help="All files of the config, teachers of the authors included.")
    ] = False,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Fill a mirror for machines without network: set CROSSARCH_MIRROR to it there.

    Without --all: what the selected data sets, sources and IPC need. What is already there and right
    stays; every file is verified.

    Example: `crossarch mirror /scratch/mirror --preset config/presets/paper.yaml`
    """
    from crossarch.fetch.download import fetch_file
    from crossarch.fetch.places import cache_directory, mirrors_from_environment

    configuration = _configuration(config, preset)
    nearest = (_layout(configuration, results).downloads, *mirrors_from_environment())

    def put(one: UpstreamFile) -> None:
        destination = directory / one.relative_path
        pinned = configuration.pinned(one)
        origin = fetch_file(pinned, destination, mirrors=nearest, cache=cache_directory())
        typer.echo(f"{destination} ({origin.kind})")

    _each(_wanted_files(configuration, [], every), put)


@app.command()
def prepare(
    dataset: Annotated[str, typer.Argument(help="Real data set, as in datasets.yaml.")],
    whitener: Annotated[str | None, typer.Option(help="Fit this whitening only.")] = None,
    test_set: Annotated[str | None, typer.Option(help="Whiten the test set this way.")] = None,
    source: Annotated[str | None, typer.Option(help="A training set's source (with --ipc).")] = None,
    ipc: Annotated[int | None, typer.Option(min=1, help="Images per class.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of a subset drawn from the real images.")] = 0,
    threads: Threads = 1,
    config: ConfigDirectory = CONFIG,
    results: Results = None,
) -> None:
    """Turn downloads into canonical tensors; without options the images of a real data set.

    Example: `crossarch prepare cifar10-jpeg --test-set zca-kornia`
    """
    import torch

    from crossarch.data import ensure

    torch.set_num_threads(threads)
    configuration = load_configuration(config)
    layout = _layout(configuration, results)
    if (source is None) != (ipc is None):
        raise ConfigError("prepare: --source and --ipc belong together")
    if source is not None and ipc is not None:
        run = RunId(dataset=dataset, source=source, ipc=ipc, arch="cnn", recipe="baseline", seed=seed)
        typer.echo(ensure.ensure_training_set(configuration, layout, run))
    if whitener is not None:
        chosen = _whitening(whitener, "--whitener")
        typer.echo(ensure.ensure_whitener(configuration, layout, dataset, chosen))
    if test_set is not None:
        chosen = _whitening(test_set, "--test-set")
        typer.echo(ensure.ensure_test_set(configuration, layout, dataset, chosen))
    if source is whitener is test_set is None:
        for path in ensure.ensure_images(configuration, layout, dataset):
            typer.echo(path)


@app.command()
def audit(
    source: Annotated[str | None, typer.Argument(help="Source, as in sources.yaml.")] = None,
    dataset: Annotated[str | None, typer.Argument(help="Real data set to compare with.")] = None,
    ipc: Annotated[int | None, typer.Argument(min=1, help="Images per class.")] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Only gather the audits that there are.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the audits as one JSON list.")] = False,
    selection: Annotated[str | None, typer.Option(help="JSON laid over config.yaml.")] = None,
    threads: Threads = 1,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Say what a distilled set is like and in which pixel space it lives, from its pixels alone.

    Without a set: all that the configuration chooses, and a page about them (audit.csv, audit.md).

    Example: `crossarch audit frepo cifar10-jpeg 10`
    """
    from crossarch.audit.record import read_audit

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    given = [part for part in (source, dataset, ipc) if part is not None]
    everything = not given
    if given and (len(given) < 3 or summary):
        raise ConfigError("audit: give SOURCE, DATASET and IPC, or none of them; --summary takes none")
    named = {"source": source, "dataset": dataset, "ipc": ipc}
    chosen = chosen_sets(configuration) if everything else [validated(SetId, named, "command line")]
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


@app.command()
def train(
    run: Annotated[
        str | None,
        typer.Argument(help="DATASET/SOURCE/ipcN/ARCH/RECIPE/seedS, as under results/runs."),
    ] = None,
    settings: Annotated[str | None, typer.Option(help="Resolved settings as JSON.")] = None,
    distilled: Annotated[Path | None, typer.Option(help="Training set (.safetensors).")] = None,
    test: Annotated[Path | None, typer.Option(help="Test set (.safetensors).")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Teacher's weights.")] = None,
    device: Device = "auto",
    slots_per_gpu: Annotated[
        int | None, typer.Option(min=1, help="Trainings at a time on one GPU; default: the config's.")
    ] = None,
    threads: Threads = 1,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Train one network; an interrupted training goes on where it was.

    SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) end it after the epoch, with its state saved.
    What is not given is prepared, the teacher excepted: train it first.

    Example: `crossarch train cifar10-jpeg/frepo/ipc1/cnn/wo_dp_kd/seed0`
    """
    from crossarch.data import ensure
    from crossarch.training.progress import showing_progress
    from crossarch.training.run import train_run

    configuration = _configuration(config, preset)
    layout = _layout(configuration, results)
    if (run is None) == (settings is None):
        raise ConfigError("train: give either a RUN or --settings")
    resolved = (
        resolve(configuration, parse_run(run))
        if run is not None
        else validated(RunSettings, _json(settings, "--settings"), "--settings")
    )
    one = resolved.run
    distilled = distilled or ensure.ensure_training_set(configuration, layout, one)
    test = test or ensure.ensure_test_set(configuration, layout, one.dataset, resolved.whitening)
    if resolved.teacher and resolved.distillation and teacher is None:
        teacher = layout.run(resolved.teacher) / f"{resolved.distillation.checkpoint}.safetensors"
        if not teacher.exists():
            raise CrossarchError(
                f"{teacher}: no such file; train the teacher first: "
                f"crossarch train {resolved.teacher.path}"
            )
    with showing_progress(one.path, resolved.epochs) as progress:
        metrics = train_run(
            resolved,
            distilled=distilled,
            test=test,
            teacher=teacher,
            folder=layout.run(one),
            state_root=layout.states,
            device=device,
            slots_per_gpu=slots_per_gpu or configuration.selection.slots_per_gpu,
            threads=threads,
            progress=progress,
        )
    typer.echo(json.dumps({"run": one.path, "accuracy": metrics["accuracy"]}))


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Option(help=".safetensors, or .pth as the authors publish it.")],
    arch: ArchName,
    source: SourceName,
    dataset: Dataset,
    ipc: IpcNumber,
    recipe: RecipeName = "baseline",
    whitening: Annotated[
        str | None, typer.Option(help="Space of the test set; default: the set's.")
    ] = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: all.")] = None,
    config: ConfigDirectory = CONFIG,
    results: Results = None,
) -> None:
    """Print the test accuracy of stored weights as one JSON object.

    Example: `crossarch evaluate --weights checkpoint_best.pth --arch cnn --source mtt
    --dataset cifar10-jpeg --ipc 10`
    """
    import torch

    from crossarch.data import load_set
    from crossarch.data.ensure import ensure_test_set
    from crossarch.training.evaluation import accuracy
    from crossarch.training.run import load_network
    from crossarch.training.slots import choose_device

    configuration = load_configuration(config)
    run = _run(dataset, source, ipc, arch, recipe)
    built = network_settings(configuration, run.arch, source, dataset, run_recipe(configuration, run))
    network = load_network(built, weights)
    space = _whitening(whitening, "--whitening") if whitening else test_whitening(configuration, run)
    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    layout = _layout(configuration, results)
    test = load_set(ensure_test_set(configuration, layout, dataset, space))
    result = accuracy(network.to(chosen), test.images.to(chosen), test.labels.to(chosen))
    answer = {
        "accuracy": round(result, 4),
        "images": len(test.images),
        "dataset": dataset,
        "whitening": space,
        "arch": arch,
        "weights": str(weights),
    }
    typer.echo(json.dumps(answer))


@app.command()
def describe(
    arch: ArchName,
    source: SourceName,
    dataset: Dataset = "cifar10",
    config: ConfigDirectory = CONFIG,
) -> None:
    """Print what a network costs, as recipe `full` builds it, as one JSON object.

    Example: `crossarch describe --arch resnet18 --source frepo`
    """
    from crossarch import models

    configuration = load_configuration(config)
    run = _run(dataset, source, 1, arch, "full")
    configuration.source(source)
    recipe = run_recipe(configuration, run)
    settings = network_settings(configuration, run.arch, source, dataset, recipe)
    typer.echo(json.dumps(asdict(models.describe(settings))))


@app.command()
def schedule(
    recipe: RecipeName,
    protocol: Annotated[str | None, typer.Option(help="paper, released or released_as_is.")] = None,
    arch: ArchName = "resnet18",
    source: SourceName = "frepo",
    ipc: IpcNumber = 1,
    config: ConfigDirectory = CONFIG,
) -> None:
    """Print keep rate and learning rate of each epoch as CSV.

    Example: `crossarch schedule --recipe full --protocol released --arch resnet50`
    """
    from crossarch.training.schedules import keep_rate, learning_rate

    configuration = load_configuration(config)
    if protocol is not None and protocol not in PROTOCOLS:
        raise ConfigError(f"--protocol: found {protocol!r}, allowed: {', '.join(PROTOCOLS)}")
    name, of_recipe = split_recipe(recipe)
    run = _run("cifar10", source, ipc, arch, f"{name}@{protocol or of_recipe}")
    configuration.source(source)
    settings = run_recipe(configuration, run)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("epoch", "keep_rate", "lr"))
    for epoch in range(settings.epochs):
        rate = learning_rate(settings.schedule, settings.optimizer.lr, epoch)
        writer.writerow((epoch, f"{keep_rate(settings.keep_rate, epoch):.10g}", f"{rate:.10g}"))


@app.command()
def plan(
    table: ChosenTables = None,
    as_json: AsJson = False,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    selection: SelectionJson = None,
    results: Results = None,
) -> None:
    """Count the distinct runs behind each table and figure and behind all, and how many are left to do.

    Example: `crossarch plan --preset config/presets/paper.yaml --table table2 --table table7`
    """
    from rich.console import Console

    from crossarch import overview

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    made = overview.planned(configuration, layout, table or _chosen_targets(configuration))
    if as_json:
        typer.echo(json.dumps(made.to_json()))
    else:
        Console().print(overview.plan_view(made))


@app.command()
def status(
    table: ChosenTables = None,
    as_json: AsJson = False,
    watch: Annotated[
        float | None, typer.Option(min=0.5, help="Look again every so many seconds, until Ctrl-C.")
    ] = None,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    selection: SelectionJson = None,
    results: Results = None,
) -> None:
    """Show which cells of the tables are done, running, failed or missing.

    Read off the files: *done* has metrics, *failed* a log that ends in an error, *running* a log that
    ends in none (also a training that was killed outright: see how old its last line is).

    Example: `crossarch status --preset config/presets/cpu.yaml --watch 10`
    """
    from rich.console import Console
    from rich.live import Live

    from crossarch import overview

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    names = table or _chosen_targets(configuration)
    runs = overview.planned(configuration, layout, names).runs

    def view() -> "RenderableType":
        return overview.status_view(configuration, names, overview.run_statuses(layout, runs))

    if as_json:
        found = overview.run_statuses(layout, runs).values()
        answer = {"counts": overview.counted(found), "runs": [one.to_json() for one in found]}
        typer.echo(json.dumps(answer))
    elif watch is None:
        Console().print(view())
    else:
        with Live(view(), auto_refresh=False) as live:
            while True:
                time.sleep(watch)
                live.update(view(), refresh=True)


@app.command()
def collect(
    collection: Annotated[
        str, typer.Argument(help="A table, a figure, all chosen `tables`, or also the figures: `runs`.")
    ] = "runs",
    selection: SelectionJson = None,
    every: Annotated[
        bool, typer.Option("--every", help="All finished runs, whatever is chosen.")
    ] = False,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Gather the metrics of finished runs into one tidy CSV.

    A run whose settings are not those that the configuration asks for today is left out, and named.

    Example: `crossarch collect --every --results results/reproduction`
    """
    from crossarch.report import collect_runs, outdated, write_runs

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    if every:
        files = layout.finished_runs()
    else:
        runs = collection_runs(configuration, collection)
        files = [layout.run_metrics(one) for one in runs]
    old = outdated(configuration, files)
    for file, reason in old.items():
        typer.echo(f"left out: {file}: {reason}", err=True)
    path = layout.metrics(collection)
    write_runs(collect_runs(file for file in files if file not in old), path)
    typer.echo(path)


@app.command()
def render(
    name: Annotated[
        str, typer.Argument(help="A table (tables.yaml), a figure (figures.yaml), or `report`.")
    ],
    selection: SelectionJson = None,
    runs: Annotated[
        Path | None, typer.Option(help="Tidy CSV of runs; default: what was collected for it.")
    ] = None,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Write a table (CSV, Markdown, LaTeX), a figure (CSV, PDF, SVG, PNG, caption) or the HTML report.

    A figure or the report for which nothing was collected is made of all finished runs.

    Examples: `crossarch render table2 --preset config/presets/cpu.yaml`, `crossarch render figure1`,
    `crossarch render report`
    """
    from crossarch.report import collect_runs, read_runs, render_table
    from crossarch.report.figures import render_figure
    from crossarch.report.page import render_page

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    if name in configuration.tables:
        without_runs = configuration.table(name).layout == "settings"
        metrics = collect_runs([]) if without_runs else read_runs(runs or layout.metrics(name))
        files = render_table(configuration, name, metrics, layout.tables)
    elif name in configuration.figures or name == REPORT:
        collected = runs or layout.metrics("runs" if name == REPORT else name)
        unmade = runs is None and not collected.exists()
        metrics = collect_runs(layout.finished_runs()) if unmade else read_runs(collected)
        if name == REPORT:
            files = [render_page(configuration, metrics, layout)]
        else:
            files = render_figure(configuration, name, metrics, layout.figures)
    else:
        raise ConfigError(_unknown_name(configuration, name, REPORT))
    for path in files:
        typer.echo(path)


@app.command()
def scorecard(
    selection: SelectionJson = None,
    runs: Annotated[
        Path | None, typer.Option(help="Tidy CSV of runs; default: that of all chosen tables.")
    ] = None,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Put every number of the paper beside ours, and tell which of its claims hold.

    Example: `crossarch scorecard --preset config/presets/cpu.yaml`
    """
    from crossarch.report import read_runs, render_scorecard

    configuration = _configuration(config, preset, selection)
    layout = _layout(configuration, results)
    metrics = read_runs(runs or layout.metrics("runs"))
    for path in render_scorecard(configuration, metrics, layout):
        typer.echo(path)


@app.command()
def publish(
    runs: Annotated[list[str] | None, typer.Argument(help="Runs; default: all finished ones.")] = None,
    destination: Annotated[
        Path, typer.Option(help="Folder whose metrics are kept in git.")
    ] = REPRODUCTION,
    config: ConfigDirectory = CONFIG,
    results: Results = None,
) -> None:
    """Copy the metrics of finished runs to where measured results are kept.

    Example: `crossarch publish cifar10-jpeg/frepo/ipc1/cnn/baseline/seed0`
    """
    from crossarch.report import collect_runs
    from crossarch.report.synthetic import SYNTHETIC, any_synthetic

    layout = _layout(load_configuration(config), results)
    files = [layout.run_metrics(parse_run(run)) for run in runs] if runs else layout.finished_runs()
    collected = collect_runs(files)  # refuses what is broken before anything is copied
    if any_synthetic(collected["device"]):
        raise DataError(f"publish: found runs on the device {SYNTHETIC!r}, allowed: measured runs")
    for file in files:
        copied = destination / file.relative_to(layout.results)
        write_text(copied, file.read_text(encoding="utf-8"))
        typer.echo(copied)


def _wanted_files(configuration: Configuration, urls: list[str], every: bool) -> dict[str, UpstreamFile]:
    """The upstream files that the command line names, by what they are."""
    known = configuration.upstream()
    if not urls:
        return known if every else selected_files(configuration)
    by_url = {file.url: name for name, file in known.items()}
    for url in urls:
        if url not in by_url:
            directory = configuration.directory
            raise ConfigError(f"{url}: is not in {directory}/datasets.yaml or sources.yaml")
    return {by_url[url]: known[by_url[url]] for url in urls}


def _each(files: Mapping[str, UpstreamFile], act: Callable[[UpstreamFile], None]) -> None:
    """Do all that can be done; what could not is told file by file, and then ends the command."""
    failed: list[FetchError] = []
    for file in files.values():
        try:
            act(file)
        except FetchError as error:
            if len(files) == 1:
                raise
            typer.echo(f"crossarch: {error}", err=True)
            failed.append(error)
    if failed:
        raise FetchError(f"{len(failed)} of {len(files)} files could not be had; see above")


def _update_lock(
    configuration: Configuration, layout: Layout, files: Mapping[str, UpstreamFile]
) -> None:
    """Record what each file without a checksum of its own is now; what changed is told."""
    from crossarch.config.locked import Locked, write_lock
    from crossarch.fetch.locking import observe

    lock: dict[str, Locked] = dict(configuration.lock)

    def record(file: UpstreamFile) -> None:
        before, now = lock.get(file.url), observe(configuration, layout, file)
        lock[file.url] = now
        write_lock(configuration.lock_file, lock)
        if before is None:
            told = "new"
        else:
            told = "unchanged" if before == now else f"was {before.sha256}, {before.size} bytes"
        typer.echo(f"{file.url} sha256 {now.sha256}, {now.size} bytes ({told})")

    unpinned = {name: file for name, file in files.items() if not file.digests}
    for file in files.values():
        if file.digests:
            kinds = ", ".join(file.digests)
            typer.echo(f"{file.url} has its own {kinds} in the configuration; not locked", err=True)
    _each(unpinned, record)


def _print_listing(listed: "list[Listed]", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in listed], indent=2))
        return
    rows = [
        (one.kind, _bytes(one.size), "+".join(one.checks) or "none", one.name, one.url) for one in listed
    ]
    header = ("place", "size", "checksum", "what", "address")
    typer.echo(tabulate(rows, header, tablefmt="plain", colalign=("left", "right")))
    known = sum(one.size or 0 for one in listed)
    unknown = sum(one.size is None for one in listed)
    open_end = f", and {unknown} of unknown size" if unknown else ""
    missing = sum(one.kind == "network" for one in listed)
    typer.echo(f"{len(listed)} files, {_bytes(known)}{open_end}; {missing} to come from the network")


def _bytes(count: int | None) -> str:
    return "?" if count is None else str(filesize.decimal(count))


def _examine_all(
    configuration: Configuration, layout: Layout, chosen: list[SetId], threads: int
) -> None:
    """Audit the chosen sets, each with its contact sheet; progress on stderr where it is a terminal."""
    import torch
    from rich.console import Console
    from rich.progress import track

    from crossarch.audit.examine import examine_file, measure_test_sets

    torch.set_num_threads(threads)
    for one in chosen:
        distilled_set(configuration, one.source, one.dataset, one.ipc)
    test_sets = functools.cache(lambda dataset: measure_test_sets(configuration, layout, dataset))
    console = Console(stderr=True)
    for one in track(chosen, "Auditing", console=console, disable=not console.is_terminal):
        examine_file(configuration, layout, one, test_sets(one.dataset))


def _configuration(
    directory: Path, presets: list[Path] | None = None, selection: str | None = None
) -> Configuration:
    overrides = read_overrides(presets or [])
    if selection:
        overrides.append(("--selection", _json(selection, "--selection")))
    return load_configuration(directory, overrides=overrides)


def _json(text: str | None, option: str) -> dict[str, Any]:
    try:
        loaded = json.loads(text or "")
    except json.JSONDecodeError as error:
        raise ConfigError(f"{option}: is not JSON: {error}") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{option}: found {loaded!r}, allowed: an object")
    return loaded


def _chosen_targets(configuration: Configuration) -> list[str]:
    return [*configuration.selection.tables, *configuration.selection.figures]


def _unknown_name(configuration: Configuration, name: str, also: str) -> str:
    allowed = (*configuration.tables, *configuration.figures, also)
    return unknown("command line", "name", name, allowed, what="table or figure")


def _layout(configuration: Configuration, results: Path | None) -> Layout:
    return Layout(results or Path(configuration.selection.results))


def _run(dataset: str, source: str, ipc: int, arch: str, recipe: str) -> RunId:
    name, protocol = split_recipe(recipe)
    fields: dict[str, Any] = {"dataset": dataset, "source": source, "ipc": ipc, "arch": arch}
    fields |= {"recipe": name, "protocol": protocol, "seed": 0}
    return validated(RunId, fields, "command line")


def _whitening(name: str, option: str) -> Whitening:
    if name not in WHITENINGS:
        raise ConfigError(f"{option}: found {name!r}, allowed: {', '.join(WHITENINGS)}")
    return cast(Whitening, name)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise Interrupted(number)


def _fail(message: str, code: int) -> NoReturn:
    print(f"crossarch: {message}", file=sys.stderr)
    sys.exit(code)
