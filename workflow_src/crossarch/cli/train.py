"""Verbs of the stage train."""

import json
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.complete import complete_planned, complete_whitening
from crossarch.cli.options import (
    CONFIG,
    ArchName,
    ConfigDirectory,
    Dataset,
    Device,
    IpcNumber,
    Presets,
    RecipeName,
    Results,
    SlotsPerGpu,
    SourceName,
    Threads,
    given_settings,
    read_configuration,
    run_of,
    whitening_of,
)
from crossarch.config import (
    Configuration,
    RunSettings,
    network_settings,
    parse_run,
    resolve,
    run_recipe,
    teacher_file,
    test_whitening,
)
from crossarch.current import outdated
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout, layout_of
from crossarch.progress import tracked

PART = 1000  # images between two steps of the bar of an evaluation


def train(
    run: Annotated[
        str | None,
        typer.Argument(
            help="DATASET/SOURCE/ipcN/ARCH/RECIPE/seedS, as under results/runs.",
            autocompletion=complete_planned,
        ),
    ] = None,
    settings: Annotated[str | None, typer.Option(help="Resolved settings as JSON.")] = None,
    distilled: Annotated[Path | None, typer.Option(help="Training set (.safetensors).")] = None,
    test: Annotated[Path | None, typer.Option(help="Test set (.safetensors).")] = None,
    teacher: Annotated[Path | None, typer.Option(help="Teacher's weights.")] = None,
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = None,
    threads: Threads = 1,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Train one network; an interrupted training goes on where it was.

    SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) end it after the epoch, with its state saved.
    What is not given is prepared, the teacher excepted: train it first.

    Example: `crossarch train cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0`
    """
    from crossarch.data import ensure
    from crossarch.running.progress import showing_progress
    from crossarch.training.run import train_run

    configuration = read_configuration(config, preset)
    layout = layout_of(configuration, results)
    if (run is None) == (settings is None):
        raise ConfigError("train: give either a RUN or --settings")
    resolved = (
        resolve(configuration, parse_run(run))
        if run is not None
        else given_settings(RunSettings, settings or "", configuration)
    )
    one = resolved.run
    teacher = teacher or _weights_of_teacher(configuration, layout, resolved)
    distilled = distilled or ensure.ensure_training_set(
        configuration, layout, one.training_set, one.seed
    )
    test = test or ensure.ensure_test_set(configuration, layout, one.dataset, resolved.whitening)
    with showing_progress(one.path, resolved.epochs, "epoch") as progress:
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


def _weights_of_teacher(
    configuration: Configuration, layout: Layout, student: RunSettings
) -> Path | None:
    """The weights that teach a run; DataError where they are not those of the current teacher."""
    from crossarch.data.ensure import ensure_file

    if file := teacher_file(configuration, student.run):
        return ensure_file(configuration, layout, file)
    if student.teacher is None or student.distillation is None:
        return None
    record = layout.run_metrics(student.teacher)
    weights = layout.run(student.teacher) / f"{student.distillation.checkpoint}.safetensors"
    command = f"with the same presets: crossarch train {student.teacher.path}"
    for made in (weights, record):
        if not made.exists():
            raise DataError(f"{made}: no such file; train the teacher first, {command}")
    if reason := outdated(configuration, record):
        raise DataError(f"{record}: {reason}; train the teacher again, {command}")
    return weights


def evaluate(
    weights: Annotated[Path, typer.Option(help=".safetensors, or .pth as the authors publish it.")],
    arch: ArchName,
    source: SourceName,
    dataset: Dataset,
    ipc: IpcNumber,
    recipe: RecipeName = "baseline",
    whitening: Annotated[
        str | None,
        typer.Option(
            help="Space of the test set; default: the set's.", autocompletion=complete_whitening
        ),
    ] = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: all.")] = None,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Print the test accuracy of stored weights as one JSON object.

    Example: `crossarch evaluate --weights checkpoint_best.pth --arch cnn --source mtt
    --dataset cifar10 --ipc 10`
    """
    import torch

    from crossarch.data import load_set
    from crossarch.data.ensure import ensure_test_set
    from crossarch.running.evaluation import accuracy
    from crossarch.running.slots import choose_device
    from crossarch.training.run import load_network

    configuration = read_configuration(config, preset)
    run = run_of(dataset, source, ipc, arch, recipe)
    built = network_settings(configuration, run.arch, source, dataset, run_recipe(configuration, run))
    network = load_network(built, weights)
    space = whitening_of(whitening, "--whitening") if whitening else test_whitening(configuration, run)
    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    layout = layout_of(configuration, results)
    test = load_set(ensure_test_set(configuration, layout, dataset, space))
    network, images, labels = network.to(chosen), test.images.to(chosen), test.labels.to(chosen)
    parts = list(zip(images.split(PART), labels.split(PART), strict=True))
    tests = tracked(parts, "Evaluating")
    right = sum(accuracy(network, *part, of=str(weights)) * len(part[1]) for part in tests)
    answer = {
        "accuracy": round(right / len(labels), 4),
        "images": len(test.images),
        "dataset": dataset,
        "whitening": space,
        "arch": arch,
        "weights": str(weights),
    }
    typer.echo(json.dumps(answer))
