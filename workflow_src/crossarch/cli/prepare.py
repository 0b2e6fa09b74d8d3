"""The verb of the stage prepare: what its rules call, each with the files that it reads and writes."""

from pathlib import Path
from typing import Annotated

import typer

from crossarch.cli.options import Threads, opened, whitening_of
from crossarch.config import SetId

prepare = typer.Typer(no_args_is_help=True)
DatasetName = Annotated[str, typer.Argument(help="Real data set, as in datasets.yaml.")]
WhiteningName = Annotated[str, typer.Argument(help="Space of the pixels.")]
WhitenerFile = Annotated[Path, typer.Option("--whitener", help="Whitening (.safetensors).")]
Images = Annotated[Path, typer.Option("--images", help="Images of the real set (.safetensors).")]
Output = Annotated[Path, typer.Option("--output", help="File to write (.safetensors).")]


@prepare.callback()
def _told() -> None:
    """Turn what was fetched into canonical tensors. Rules call it; by hand name the file to Snakemake.

    Example: `snakemake --cores 2 results/data/cifar10/test/zca-kornia.safetensors`
    """


@prepare.command()
def images(
    context: typer.Context,
    dataset: DatasetName,
    train: Annotated[Path, typer.Option(help="Training images to write.")],
    test: Annotated[Path, typer.Option(help="Test images to write.")],
    located: Annotated[
        Path | None, typer.Option(help="What `fetch --real` wrote; none of what a package holds.")
    ] = None,
) -> None:
    """Training and test images of a real data set, uint8, held to their content."""
    from crossarch.data.stage import make_images
    from crossarch.fetch.archives import Located

    place = Located.load(located) if located else None
    make_images(*opened(context), dataset, place, train, test)


@prepare.command()
def whitener(
    context: typer.Context,
    dataset: DatasetName,
    whitening: WhiteningName,
    images: Images,
    output: Output,
    threads: Threads = 1,
) -> None:
    """A whitening, fitted to the training images of a data set."""
    import torch

    from crossarch.data.stage import make_whitener

    torch.set_num_threads(threads)
    chosen = whitening_of(whitening, "WHITENING")
    make_whitener(opened(context)[0], dataset, chosen, images, output)


@prepare.command()
def test_set(dataset: DatasetName, images: Images, whitener: WhitenerFile, output: Output) -> None:
    """The test set of a data set in the space of a whitening."""
    from crossarch.data.stage import make_test_set

    make_test_set(dataset, images, whitener, output)


@prepare.command()
def distilled(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="Source of the set, as in sources.yaml.")],
    dataset: DatasetName,
    ipc: Annotated[int, typer.Argument(min=1, help="Images per class.")],
    files: Annotated[list[Path], typer.Argument(help="The files of the set, as the source has them.")],
    output: Output,
    whitener: Annotated[Path | None, typer.Option(help="What whitens raw pixels.")] = None,
    real: Annotated[
        Path | None, typer.Option(help="Training images, which tell the order of the classes.")
    ] = None,
) -> None:
    """A distilled set in canonical form."""
    from crossarch.data.stage import make_distilled

    target = SetId(source=source, dataset=dataset, ipc=ipc)
    make_distilled(*opened(context), target, files, output, whitener, real)


@prepare.command()
def drawn(
    ipc: Annotated[int, typer.Argument(min=1, help="Images per class.")],
    seed: Annotated[int, typer.Argument(min=0, max=2**32 - 1)],
    images: Images,
    whitener: WhitenerFile,
    output: Output,
) -> None:
    """A random subset of the real training images."""
    from crossarch.data import load_set, load_whitener
    from crossarch.data.drawn import prepare_drawn

    prepare_drawn(load_set(images), load_whitener(whitener), ipc, seed, output)
