"""Each file of the prepare stage, made from what stands before it; used by rules and by hand."""

from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from crossarch.config import Configuration, distilled_set
from crossarch.config.schema import File, Whitening
from crossarch.data.distilled import prepare_distilled
from crossarch.data.real import prepare_real
from crossarch.data.store import ImageSet, load_set, save_set
from crossarch.data.whitening import fit_whitener, load_whitener, save_whitener
from crossarch.errors import DataError
from crossarch.fetch.download import fetch_file
from crossarch.fetch.places import cache_directory, mirrors_from_environment
from crossarch.fetch.upstream import UpstreamFile
from crossarch.layout import Layout


def ensure_download(layout: Layout, file: File, *, progress: bool = True) -> Path:
    """The verified local copy of an upstream file: as it is, or from a mirror, cache or the network."""
    upstream = UpstreamFile(**file.model_dump())
    destination = layout.downloads / upstream.relative_path
    fetch_file(
        upstream,
        destination,
        mirrors=mirrors_from_environment(),
        cache=cache_directory(),
        progress=progress,
    )
    return destination


def ensure_images(configuration: Configuration, layout: Layout, dataset: str) -> tuple[Path, Path]:
    """Training and test images of a real data set."""
    train, test = layout.images(dataset, "train"), layout.images(dataset, "test")
    settings = configuration.dataset(dataset)
    if settings.origin is None:
        file = f"{configuration.directory}/datasets.yaml"
        raise DataError(f"{file}: {dataset}.origin: found nothing, so its images cannot be fetched")
    origin = settings.origin

    def make() -> None:
        prepare_real(dataset, settings, ensure_download(layout, origin.file), train, test)

    _once((train, test), make)
    return train, test


def ensure_whitener(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """A whitening, fitted on the training images."""
    path = layout.whitener(dataset, whitening)

    def make() -> None:
        train, _ = ensure_images(configuration, layout, dataset)
        images = load_set(train).images
        save_whitener(path, fit_whitener(whitening, configuration.dataset(dataset), images))

    _once((path,), make)
    return path


def ensure_test_set(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """The test set in the space of a whitening."""
    path = layout.test_set(dataset, whitening)

    def make() -> None:
        whitener = load_whitener(ensure_whitener(configuration, layout, dataset, whitening))
        _, test = ensure_images(configuration, layout, dataset)
        loaded = load_set(test)
        metadata = {"dataset": dataset, "split": "test", "whitening": whitening}
        save_set(path, ImageSet(whitener(loaded.images), loaded.labels), metadata)

    _once((path,), make)
    return path


def ensure_distilled(
    configuration: Configuration, layout: Layout, source: str, dataset: str, ipc: int
) -> Path:
    """A distilled set in canonical form."""
    original = configuration.distilled_from(dataset)
    path = layout.distilled(source, original, ipc)
    entry = distilled_set(configuration, source, dataset, ipc)

    def make() -> None:
        prepare_distilled(
            configuration.source(source),
            configuration.dataset(original),
            ipc,
            ensure_download(layout, entry.images),
            ensure_download(layout, entry.labels),
            path,
        )

    _once((path,), make)
    return path


def _once(paths: tuple[Path, ...], make: Callable[[], None]) -> None:
    """Run `make` unless all `paths` exist; of several processes one makes and the others wait."""
    if all(path.exists() for path in paths):
        return
    lock = paths[0].with_name(f".{paths[0].name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        if not all(path.exists() for path in paths):
            make()
