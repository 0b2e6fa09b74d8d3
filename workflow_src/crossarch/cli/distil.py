"""The verb of the stage distil."""

import json
from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import (
    CONFIG,
    ConfigDirectory,
    Device,
    Presets,
    Results,
    SlotsPerGpu,
    Threads,
    given_settings,
    read_configuration,
)
from crossarch.config import DistilSettings, SetId, resolve_distil
from crossarch.config.complain import validated
from crossarch.errors import ConfigError
from crossarch.layout import layout_of


def distil(
    source: Annotated[str | None, typer.Argument(help="Source with `distilled`.")] = None,
    dataset: Annotated[str | None, typer.Argument(help="Real data set to distil.")] = None,
    ipc: Annotated[int | None, typer.Argument(min=1, help="Images per class.")] = None,
    settings: Annotated[str | None, typer.Option(help="Resolved settings as JSON.")] = None,
    real: Annotated[Path | None, typer.Option(help="Training images (.safetensors).")] = None,
    test: Annotated[Path | None, typer.Option(help="Test set (.safetensors).")] = None,
    whitener: Annotated[Path | None, typer.Option(help="Whitening (.safetensors).")] = None,
    device: Device = "auto",
    slots_per_gpu: SlotsPerGpu = None,
    threads: Threads = 1,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Distil a real data set by FRePo; an interrupted distillation goes on where it was.

    SIGTERM, SIGUSR1 and SIGINT (Ctrl-C) end it after the step, with its state saved.
    What is not given is prepared.

    Example: `crossarch distil own-frepo digits 1`, then `crossarch render own-frepo/digits/ipc1`
    """
    from crossarch.data import ensure
    from crossarch.distil.run import distil_set
    from crossarch.running.progress import showing_progress

    configuration = read_configuration(config, preset)
    layout = layout_of(configuration, results)
    given = [part for part in (source, dataset, ipc) if part is not None]
    if len(given) != (0 if settings else 3):
        raise ConfigError("distil: give SOURCE, DATASET and IPC, or --settings")
    if settings:
        resolved = given_settings(DistilSettings, settings, configuration)
    else:
        named = {"source": source, "dataset": dataset, "ipc": ipc}
        resolved = resolve_distil(configuration, validated(SetId, named, "command line"))
    target = resolved.target
    whitening = resolved.whitening
    with showing_progress(target.path, resolved.method.steps, "step") as progress:
        record = distil_set(
            resolved,
            real=real or ensure.ensure_images(configuration, layout, target.dataset)[0],
            test=test or ensure.ensure_test_set(configuration, layout, target.dataset, whitening),
            whitener=whitener
            or ensure.ensure_whitener(configuration, layout, target.dataset, whitening),
            distilled=layout.distilled(target.source, target.dataset, target.ipc),
            record=layout.distillation(target),
            state_root=layout.states,
            device=device,
            slots_per_gpu=slots_per_gpu or configuration.selection.slots_per_gpu,
            threads=threads,
            progress=progress,
        )
    typer.echo(json.dumps({"set": target.path, "accuracy": record["evaluations"][-1]["accuracy"]}))
