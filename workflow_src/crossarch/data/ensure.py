"""Each file of the prepare stage, made from what stands before it; used by rules and by hand.

A file is made where it is missing, and anew where what it was made from has changed: a file of the
user's own that is newer or has other bytes, one of this stage that is newer, the constants of a
whitening, what the configuration says of the files that are read, or what their bytes must be. A set
that is distilled here is never made anew by the way, since that takes long: an outdated one is an error.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crossarch.config import (
    Configuration,
    SetId,
    distilled_set,
    label_settings,
    set_reading,
    set_whitening,
)
from crossarch.config.files import File, LocalFile, UpstreamFile
from crossarch.config.resolve import check_training_set
from crossarch.config.schema import Whitening
from crossarch.current import images_fetched_from, outdated_set
from crossarch.data.distilled import prepare_distilled
from crossarch.data.drawn import prepare_drawn
from crossarch.data.made_from import CHECKSUMS, agrees, checksums
from crossarch.data.real import prepare_real
from crossarch.data.store import ImageSet, load_set, save_set
from crossarch.data.whitening import fit_whitener, load_whitener, save_whitener, scales_with
from crossarch.errors import DataError
from crossarch.fetch.archives import archive_at, ensure_archive
from crossarch.fetch.ensure import ensure_download
from crossarch.fetch.places import cache_directory
from crossarch.fetch.roots import find_real
from crossarch.files import files_of
from crossarch.layout import Layout
from crossarch.locks import locked
from crossarch.progress import working


def ensure_file(configuration: Configuration, layout: Layout, file: File) -> Path:
    """A file of the configuration: the user's own where it lies, else the verified local copy."""
    if isinstance(file, UpstreamFile):
        return ensure_download(configuration, layout, file)
    if not file.location.exists():
        raise DataError(f"{file.path}: no such file; {configuration.directory}/sources.yaml names it")
    return file.location


def ensure_images(
    configuration: Configuration, layout: Layout, dataset: str, place: Path | None = None
) -> tuple[Path, Path]:
    """Training and test images of a real data set.

    They are read from `place`, a folder or an archive; without it from a data root that holds the set,
    else from its archive.
    """
    train, test = layout.images(dataset, "train"), layout.images(dataset, "test")
    settings, origin = configuration.dataset(dataset), configuration.origin(dataset)

    def make() -> None:
        if origin.embedded:
            prepare_real(dataset, settings, origin, None, train, test)
            return
        found = place or find_real(configuration, dataset)
        read_from = found or ensure_archive(configuration, layout, dataset)
        archive = archive_at(configuration, layout, dataset, read_from)
        try:
            url = archive.url if archive else None
            prepare_real(dataset, settings, origin, read_from, train, test, url)
        except DataError as error:
            if not archive:
                told = f"{error}; mend it, or take it out of data_roots and CROSSARCH_DATA"
                raise DataError(told) from None
            with _telling_what_is_unchecked(configuration, layout, [archive], layout.archive(dataset)):
                raise

    def fits() -> bool:
        return images_fetched_from(configuration, layout, dataset) is not None

    _once((train, test), make, fits=fits)
    return train, test


def ensure_whitener(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """A whitening, fitted on the training images."""
    path = layout.whitener(dataset, whitening)
    settings = configuration.dataset(dataset)
    _renew_images(configuration, layout, dataset)

    def make() -> None:
        train, _ = ensure_images(configuration, layout, dataset)
        images = load_set(train).images
        with working(f"Fitting {whitening} to {dataset}"):
            save_whitener(path, fit_whitener(whitening, settings, images))

    def fits() -> bool:
        return scales_with(path, settings.standardisation(whitening))

    _once((path,), make, [layout.images(dataset, "train")], fits)
    return path


def ensure_test_set(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """The test set in the space of a whitening."""
    path = layout.test_set(dataset, whitening)
    fitted = _renewed_whitener(configuration, layout, dataset, whitening)

    def make() -> None:
        whitener = load_whitener(ensure_whitener(configuration, layout, dataset, whitening))
        _, test = ensure_images(configuration, layout, dataset)
        loaded = load_set(test)
        metadata = {"dataset": dataset, "split": "test", "whitening": whitening}
        with working(f"Whitening the test set of {dataset}"):
            save_set(path, ImageSet(whitener(loaded.images), loaded.labels), metadata)

    _once((path,), make, [fitted, layout.images(dataset, "test")])
    return path


def ensure_distilled(configuration: Configuration, layout: Layout, target: SetId) -> Path:
    """A distilled set in canonical form; one that is distilled here has to be there already."""
    source, dataset, ipc = target.source, target.dataset, target.ipc
    settings = configuration.source(source)
    if settings.distilled:
        return _distilled_here(configuration, layout, target)
    entry = distilled_set(configuration, source, dataset, ipc)
    whitening = set_whitening(configuration, source, dataset, ipc)
    path = layout.distilled(source, dataset, ipc)
    made_from = [file.location for file in entry.files if isinstance(file, LocalFile)]
    names = [file.path if isinstance(file, LocalFile) else file.url for file in entry.files]
    metadata = {
        "origin": " ".join(names),
        "read_as": set_reading(configuration, source, dataset, ipc),
        "labels": settings.labels,
    }
    if settings.pixels == "raw":
        made_from.append(_renewed_whitener(configuration, layout, dataset, whitening))
        metadata["whitening"] = whitening

    def make() -> None:
        whitener = real = None
        if settings.pixels == "raw":
            whitener = load_whitener(ensure_whitener(configuration, layout, dataset, whitening))
        paths = [ensure_file(configuration, layout, file) for file in entry.files]
        if entry.needs_real_classes:
            real, _ = ensure_images(configuration, layout, dataset)
        read = checksums(dict(zip(names, paths, strict=True)))
        with _telling_what_is_unchecked(configuration, layout, entry.files):
            prepare_distilled(
                settings,
                entry,
                configuration.dataset(dataset),
                ipc,
                paths,
                path,
                labels=label_settings(configuration, source, dataset, ipc),
                whitener=whitener,
                real=real,
                metadata={**metadata, CHECKSUMS: read, "source": source},
            )

    def fits() -> bool:
        upstream = [file for file in entry.files if isinstance(file, UpstreamFile)]
        own = [file for file in entry.files if isinstance(file, LocalFile)]
        return agrees(path, metadata, map(configuration.pinned, upstream), own)

    _once((path,), make, made_from, fits)
    return path


@contextmanager
def _telling_what_is_unchecked(
    configuration: Configuration, layout: Layout, files: Iterable[File], *also: Path
) -> Iterator[None]:
    """A DataError of what is read says where the copies lie that no checksum vouches for.

    Among them are those of `also` that are there.
    """
    try:
        yield
    except DataError as error:
        roots = [root for root in (layout.downloads, cache_directory()) if root]
        upstream = [file for file in files if isinstance(file, UpstreamFile)]
        unchecked = [file for file in upstream if not configuration.pinned(file).digests]
        copies = [str(root / file.relative_path) for file in unchecked for root in roots]
        if not copies:
            raise
        copies += [str(path) for path in also if path.exists()]
        raise DataError(
            f"{error}; no checksum is known of what was fetched: to fetch it again, delete "
            f"{' and '.join(copies)}"
        ) from None


def _distilled_here(configuration: Configuration, layout: Layout, target: SetId) -> Path:
    """A set that is distilled here; DataError where it is not there, or not what is asked for today."""
    check_training_set(configuration, target.source, target.dataset, target.ipc)
    path = layout.distilled(target.source, target.dataset, target.ipc)
    command = f"crossarch distil {target.source} {target.dataset} {target.ipc}"
    if not path.exists():
        raise DataError(f"{path}: no such file; distil the set first: {command}")
    whitening = set_whitening(configuration, target.source, target.dataset, target.ipc)
    _renewed_whitener(configuration, layout, target.dataset, whitening)
    if reason := outdated_set(configuration, layout, target):
        raise DataError(f"{layout.distillation(target)}: {reason}; distil the set again: {command}")
    return path


def ensure_training_set(configuration: Configuration, layout: Layout, target: SetId, seed: int) -> Path:
    """What runs of a seed are trained on: a distilled set, or the real images drawn with that seed."""
    source, dataset, ipc = target.source, target.dataset, target.ipc
    if not configuration.source(source).drawn:
        return ensure_distilled(configuration, layout, target)
    path = layout.training_set(configuration, target, seed)
    whitening = set_whitening(configuration, source, dataset, ipc)
    fitted = _renewed_whitener(configuration, layout, dataset, whitening)

    def make() -> None:
        whitener = load_whitener(ensure_whitener(configuration, layout, dataset, whitening))
        train, _ = ensure_images(configuration, layout, dataset)
        prepare_drawn(load_set(train), whitener, ipc, seed, path)

    def fits() -> bool:
        return agrees(path, {"whitening": whitening})

    _once((path,), make, [fitted, layout.images(dataset, "train")], fits)
    return path


def _renewed_whitener(
    configuration: Configuration, layout: Layout, dataset: str, whitening: Whitening
) -> Path:
    """Where a whitening lies: made anew if it is there and no longer fits, left out if it is not there.

    So what was made with it can be used without the training images, which are large.
    """
    path = layout.whitener(dataset, whitening)
    if path.exists():
        return ensure_whitener(configuration, layout, dataset, whitening)
    _renew_images(configuration, layout, dataset)
    return path


def _renew_images(configuration: Configuration, layout: Layout, dataset: str) -> None:
    """Make the images of a data set anew if they are there and no longer fit."""
    there = all(layout.images(dataset, split).exists() for split in ("train", "test"))
    if there and configuration.dataset(dataset).origin:
        ensure_images(configuration, layout, dataset)


def _once(
    paths: tuple[Path, ...],
    make: Callable[[], None],
    made_from: Iterable[Path] = (),
    fits: Callable[[], bool] = lambda: True,
) -> None:
    """Run `make` unless all `paths` exist, are no older than what they are made from, and it `fits`.

    Of several processes one makes and the others wait.
    """

    def whole() -> bool:
        if not all(path.exists() for path in paths):
            return False
        made = min(path.stat().st_mtime_ns for path in paths)
        return fits() and all(_last_change(path) <= made for path in made_from if path.exists())

    if whole():
        return
    with locked(paths[0].with_name(f".{paths[0].name}.lock")):
        if not whole():
            make()


def _last_change(path: Path) -> int:
    """When a file was changed last, or any file of a folder (nanoseconds; 0 if it has none)."""
    return max((each.stat().st_mtime_ns for each in files_of(path)), default=0)
