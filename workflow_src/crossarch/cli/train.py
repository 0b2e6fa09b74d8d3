"""Verbs of the stage train."""

import json
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import (
    ArchName,
    Dataset,
    Device,
    IpcNumber,
    OwnNetworks,
    RecipeName,
    Settings,
    SlotsPerGpu,
    SourceName,
    States,
    Threads,
    existing,
    given_settings,
    opened,
    run_of,
    whitening_of,
)
from crossarch.config import RunSettings, network_settings, run_recipe, test_whitening
from crossarch.progress import tracked

PART = 1000  # images between two steps of the bar of an evaluation


def train(
    settings: Settings,
    distilled: Annotated[Path, typer.Option(help="Training set (.safetensors).")],
    test: Annotated[Path, typer.Option(help="Test set (.safetensors).")],
    metrics: Annotated[Path, typer.Option(help="metrics.json to write, the weights beside it.")],
    states: States,
    teacher: Annotated[Path | None, typer.Option(help="Teacher's weights.")] = None,
    own_networks: OwnNetworks = "{}",
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = 1,
    threads: Threads = 1,
) -> None:
    """Train one network; an interrupted training goes on where it was.

    Rules call it; by hand name the run to Snakemake. SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) end it after
    the epoch, with its state saved.

    Example: `snakemake --cores 1 results/runs/cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0/metrics.json`
    """
    from crossarch.running.progress import showing_progress
    from crossarch.training.run import train_run

    resolved = given_settings(RunSettings, settings, own_networks)
    run = resolved.run.path
    with showing_progress(run, resolved.epochs, "epoch") as progress:
        told = train_run(
            resolved,
            distilled=distilled,
            test=test,
            teacher=teacher,
            folder=metrics.parent,
            state_root=states,
            device=device,
            slots_per_gpu=slots_per_gpu,
            threads=threads,
            progress=progress,
        )
    typer.echo(json.dumps({"run": run, "accuracy": told["accuracy"]}))


def evaluate(
    context: typer.Context,
    weights: Annotated[Path, typer.Option(help=".safetensors, or .pth as the authors publish it.")],
    arch: ArchName,
    source: SourceName,
    dataset: Dataset,
    ipc: IpcNumber,
    recipe: RecipeName = "baseline",
    whitening: Annotated[
        str | None,
        typer.Option(help="Space of the test set; default: the set's."),
    ] = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads; default: all.")] = None,
) -> None:
    """Print the test accuracy of stored weights as one JSON object.

    Example: `crossarch evaluate --weights checkpoint_best.pth --arch cnn --source mtt
    --dataset cifar10 --ipc 10`
    """
    import torch

    from crossarch.data import load_set
    from crossarch.running.evaluation import accuracy
    from crossarch.running.slots import choose_device
    from crossarch.training.run import load_network

    configuration, layout = opened(context)
    run = run_of(dataset, source, ipc, arch, recipe)
    built = network_settings(configuration, run.arch, source, dataset, run_recipe(configuration, run))
    network = load_network(built, weights)
    space = whitening_of(whitening, "--whitening") if whitening else test_whitening(configuration, run)
    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)
    test = load_set(existing(layout.test_set(dataset, space)))
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
