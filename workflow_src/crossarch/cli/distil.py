"""The verb of the stage distil."""

import json
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import Device, Settings, SlotsPerGpu, States, Threads, json_object
from crossarch.config import DistilSettings
from crossarch.config.validation import validated


def distil(
    settings: Settings,
    real: Annotated[Path, typer.Option(help="Training images (.safetensors).")],
    test: Annotated[Path, typer.Option(help="Test set (.safetensors).")],
    whitener: Annotated[Path, typer.Option(help="Whitening (.safetensors).")],
    distilled: Annotated[Path, typer.Option(help="The set to write (.safetensors).")],
    record: Annotated[Path, typer.Option(help="What was done and measured, to write (.json).")],
    states: States,
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = 1,
    threads: Threads = 1,
) -> None:
    """Distil a real data set by FRePo; an interrupted distillation goes on where it was.

    Rules call it; by hand name the set to Snakemake. SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) end it after
    the step, with its state saved.

    Example: `snakemake --cores 1 results/distilled/own-frepo/digits/ipc1.safetensors`
    """
    from crossarch.distil.run import distil_set
    from crossarch.running.progress import showing_progress

    resolved = validated(DistilSettings, json_object(settings, "--settings"), "--settings")
    target = resolved.target
    with showing_progress(target.path, resolved.method.steps, "step") as progress:
        told = distil_set(
            resolved,
            real=real,
            test=test,
            whitener=whitener,
            distilled=distilled,
            record=record,
            state_root=states,
            device=device,
            slots_per_gpu=slots_per_gpu,
            threads=threads,
            progress=progress,
        )
    typer.echo(json.dumps({"set": target.path, "accuracy": told["evaluations"][-1]["accuracy"]}))
