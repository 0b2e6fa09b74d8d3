"""The verb of the stage prepare."""

from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.complete import complete_dataset, complete_source, complete_whitening
from crossarch.cli.options import (
    CONFIG,
    AsJson,
    ConfigDirectory,
    Presets,
    Results,
    Threads,
    read_configuration,
    tell_files,
    whitening_of,
)
from crossarch.config import SetId
from crossarch.config.complain import validated
from crossarch.errors import ConfigError
from crossarch.layout import layout_of


def prepare(
    dataset: Annotated[
        str,
        typer.Argument(help="Real data set, as in datasets.yaml.", autocompletion=complete_dataset),
    ],
    whitener: Annotated[
        str | None,
        typer.Option(help="Fit this whitening only.", autocompletion=complete_whitening),
    ] = None,
    test_set: Annotated[
        str | None,
        typer.Option(help="Whiten the test set this way.", autocompletion=complete_whitening),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="A training set's source (with --ipc).", autocompletion=complete_source),
    ] = None,
    ipc: Annotated[int | None, typer.Option(min=1, help="Images per class.")] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of a subset drawn from the real images.")
    ] = 0,
    place: Annotated[
        Path | None,
        typer.Option("--from", help="The folder or archive that holds the real data set."),
    ] = None,
    threads: Threads = 1,
    as_json: AsJson = False,
    config: ConfigDirectory = CONFIG,
    preset: Presets = None,
    results: Results = None,
) -> None:
    """Turn downloads into canonical tensors; without options the images of a real data set.

    Images are read from --from, else from a data root (`data_roots`, CROSSARCH_DATA) that holds them,
    else from the archive that is fetched.

    Examples: `crossarch prepare cifar10 --from ~/data/cifar-10-batches-py` -
    `crossarch prepare cifar10 --test-set zca-kornia`
    """
    import torch

    from crossarch.data import ensure

    torch.set_num_threads(threads)
    configuration = read_configuration(config, preset)
    layout = layout_of(configuration, results)
    if (source is None) != (ipc is None):
        raise ConfigError("prepare: --source and --ipc belong together")
    made: list[Path] = []
    if source is not None and ipc is not None:
        named = {"source": source, "dataset": dataset, "ipc": ipc}
        target = validated(SetId, named, "command line")
        made.append(ensure.ensure_training_set(configuration, layout, target, seed))
    if whitener is not None:
        chosen = whitening_of(whitener, "--whitener")
        made.append(ensure.ensure_whitener(configuration, layout, dataset, chosen))
    if test_set is not None:
        chosen = whitening_of(test_set, "--test-set")
        made.append(ensure.ensure_test_set(configuration, layout, dataset, chosen))
    if source is whitener is test_set is None:
        made += ensure.ensure_images(configuration, layout, dataset, place)
    tell_files(made, as_json)
