"""The jobs of the stage prepare one after another, as the rules call them."""

from pathlib import Path

from crossarch.config import Configuration, SetId, distilled_set, set_whitening
from crossarch.config.files import LocalFile
from crossarch.config.schema import Whitening
from crossarch.data.stage import make_distilled, make_images, make_test_set, make_whitener
from crossarch.fetch.archives import Located, locate
from crossarch.fetch.ensure import ensure_download
from crossarch.layout import Layout


def images(
    configuration: Configuration, layout: Layout, dataset: str, place: Path | None = None
) -> tuple[Path, Path]:
    """Training and test images, from `place` or from where the set is found."""
    made = layout.images(dataset, "train"), layout.images(dataset, "test")
    if configuration.origin(dataset).embedded:
        located = None
    else:
        located = Located(place) if place else locate(configuration, layout, dataset)
    make_images(configuration, layout, dataset, located, *made)
    return made


def whitener(configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening) -> Path:
    """A whitening, with the images it is fitted to."""
    train, _ = images(configuration, layout, dataset)
    path = layout.whitener(dataset, whitening)
    make_whitener(configuration, dataset, whitening, train, path)
    return path


def whitened_test_set(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """The test set in a space."""
    fitted = whitener(configuration, layout, dataset, whitening)
    path = layout.test_set(dataset, whitening)
    make_test_set(dataset, layout.images(dataset, "test"), fitted, path)
    return path


def distilled(configuration: Configuration, layout: Layout, target: SetId) -> Path:
    """A distilled set, with all that it is made of."""
    entry = distilled_set(configuration, target.source, target.dataset, target.ipc)
    path = layout.distilled(target.source, target.dataset, target.ipc)
    files = [
        file.location if isinstance(file, LocalFile) else ensure_download(configuration, layout, file)
        for file in entry.files
    ]
    fitted = real = None
    if configuration.source(target.source).pixels == "raw":
        space = set_whitening(configuration, target.source, target.dataset, target.ipc)
        fitted = whitener(configuration, layout, target.dataset, space)
    if entry.needs_real_classes:
        real, _ = images(configuration, layout, target.dataset)
    make_distilled(configuration, layout, target, files, path, fitted, real)
    return path
