"""What each rule of the stage prepare does: the files that it reads and writes are its arguments."""

from collections.abc import Iterable, Iterator, Sequence
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
from crossarch.config.files import File, LocalFile
from crossarch.config.schema import Whitening
from crossarch.data.distilled import prepare_distilled
from crossarch.data.readers import reader_of
from crossarch.data.real import prepare_real
from crossarch.data.store import ImageSet, load_set, save_set
from crossarch.data.whitening import fit_whitener, load_whitener, save_whitener
from crossarch.errors import DataError
from crossarch.fetch.archives import Located
from crossarch.fetch.checks import CHECKSUMS, checksums
from crossarch.fetch.ensure import unchecked_copies
from crossarch.layout import Layout
from crossarch.progress import working

ADVICE = "mend it, or take it out of data_roots and CROSSARCH_DATA"


def make_images(
    configuration: Configuration,
    layout: Layout,
    dataset: str,
    located: Located | None,
    train: Path,
    test: Path,
) -> None:
    """Training and test images of a real data set, held to their content; of a package without a place.

    Raises DataError with what helps: to mend the user's own folder, or to fetch again what no checksum
    vouches for.
    """
    settings, origin = configuration.dataset(dataset), configuration.origin(dataset)
    place, url = (located.path, located.url) if located else (None, None)
    fetched = [file for file in origin.archives if file.url == url]
    of_root = located and not url and not origin.path
    with _advising(configuration, layout, fetched, ADVICE if of_root else "", layout.located(dataset)):
        prepare_real(dataset, settings, origin, place, train, test, url)


def make_whitener(
    configuration: Configuration, dataset: str, whitening: Whitening, images: Path, output: Path
) -> None:
    """A whitening, fitted to the training `images` of a data set."""
    with working(f"Fitting {whitening} to {dataset}"):
        fitted = fit_whitener(whitening, configuration.dataset(dataset), load_set(images).images)
        save_whitener(output, fitted)


def make_test_set(dataset: str, images: Path, whitener: Path, output: Path) -> None:
    """The test `images` of a data set in the space of a whitener."""
    fitted, test = load_whitener(whitener), load_set(images)
    metadata = {"dataset": dataset, "split": "test", "whitening": fitted.name}
    with working(f"Whitening the test set of {dataset}"):
        save_set(output, ImageSet(fitted(test.images), test.labels), metadata)


def make_distilled(
    configuration: Configuration,
    layout: Layout,
    target: SetId,
    files: Sequence[Path],
    output: Path,
    whitener: Path | None = None,
    real: Path | None = None,
) -> None:
    """A distilled set in canonical form, read from `files`, in the order of its entry in sources.yaml.

    `whitener` moves raw pixels into the source's space; the `real` training images tell the order of the
    classes where the set does not. Raises DataError.
    """
    source, dataset, ipc = target.source, target.dataset, target.ipc
    entry = distilled_set(configuration, source, dataset, ipc)
    names = [file.path if isinstance(file, LocalFile) else file.url for file in entry.files]
    with _advising(configuration, layout, entry.files):
        metadata = {
            "origin": " ".join(names),
            "read_as": f"{reader_of(files[0]).name}, {set_reading(configuration, source, dataset, ipc)}",
            "source": source,
            CHECKSUMS: checksums(dict(zip(names, files, strict=True))),
        }
        if whitener:
            metadata["whitening"] = set_whitening(configuration, source, dataset, ipc)
        prepare_distilled(
            configuration.source(source),
            entry,
            configuration.dataset(dataset),
            ipc,
            files,
            output,
            labels=label_settings(configuration, source, dataset, ipc),
            whitener=load_whitener(whitener) if whitener else None,
            real=real,
            metadata=metadata,
        )


@contextmanager
def _advising(
    configuration: Configuration,
    layout: Layout,
    files: Iterable[File],
    advice: str = "",
    *also: Path,
) -> Iterator[None]:
    """Let a DataError say what helps: `advice`, or which copies without a checksum to delete.

    Files of `also` are to be deleted with such copies.
    """
    try:
        yield
    except DataError as error:
        if copies := unchecked_copies(configuration, layout, files):
            listed = " and ".join(map(str, (*copies, *also)))
            advice = f"no checksum is known of what was fetched: to fetch it again, delete {listed}"
        if not advice:
            raise
        raise DataError(f"{error}; {advice}") from None
