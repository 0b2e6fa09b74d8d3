"""The audit of one set: its own numbers, the test set's in every space, and the verdict."""

import math
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from crossarch.audit.contact_sheet import draw_contact_sheet
from crossarch.audit.pixels import PixelStatistics, band_sizes, pixel_statistics
from crossarch.audit.record import Audit, Labels, Pixels, Reference, Space
from crossarch.audit.verdict import best_space
from crossarch.config import Configuration, SetId, set_whitening
from crossarch.config.schema import Whitening
from crossarch.config.sets import AUDITED
from crossarch.data.store import ImageSet, load_set
from crossarch.data.whitening import Whitener, load_whitener
from crossarch.errors import DataError
from crossarch.files import sha256_of, write_text
from crossarch.layout import Layout


def measure_test_sets(
    configuration: Configuration, layout: Layout, dataset: str
) -> dict[Whitening, PixelStatistics]:
    """The statistics of a real test set in every space."""
    paths = {name: layout.test_set(dataset, name) for name in AUDITED}
    return {name: pixel_statistics(load_set(path).images) for name, path in paths.items()}


def examine_file(
    configuration: Configuration,
    layout: Layout,
    audited: SetId,
    test_sets: Mapping[Whitening, PixelStatistics],
) -> None:
    """Write the audit and the contact sheet of a distilled set."""
    distilled = layout.distilled(audited.source, audited.dataset, audited.ipc)
    image_set = load_set(distilled)
    audit = examine(configuration, audited, image_set, test_sets)
    audit = audit.model_copy(update={"sha256": sha256_of(distilled)})
    whitener = load_whitener(layout.whitener(audited.dataset, audit.configured))
    show(configuration, audited, image_set, whitener, layout.contact_sheet(audited))
    write_text(layout.audit(audited), audit.model_dump_json(indent=1) + "\n")


def examine(
    configuration: Configuration,
    audited: SetId,
    image_set: ImageSet,
    test_sets: Mapping[Whitening, PixelStatistics],
) -> Audit:
    """Audit a distilled set against the statistics of its real test set in each space.

    Raises DataError when the two do not have images of one size, and where the set's pixels have no
    spectrum: all alike, or too large for their squares.
    """
    found = pixel_statistics(image_set.images)
    if found.std == 0:
        raise DataError(f"{audited.path}: its pixels are all alike, which fits no space")
    if not (math.isfinite(found.std) and bool(found.power.isfinite().all())):
        largest = float(image_set.images.abs().max())
        raise DataError(f"{audited.path}: its pixels are too large to be compared, up to {largest:.3g}")
    spectra = {name: test_set.spectrum for name, test_set in test_sets.items()}
    if any(len(spectrum) != found.power.shape[1] for spectrum in spectra.values()):
        raise DataError(f"{audited.path}: its images are not of the size of {audited.dataset}'s")
    channels, height, width = image_set.images.shape[1:]
    verdict = best_space(found.power, spectra, band_sizes(height, width))
    spaces = {
        name: Space(
            pixels=_pixels(test_set),
            std_ratio=found.std / test_set.std,
            neighbour_correlation_difference=found.neighbour_correlation
            - test_set.neighbour_correlation,
            distance=verdict.fits[name].distance,
            distance_with_noise=verdict.fits[name].distance_with_noise,
            share=verdict.fits[name].share,
        )
        for name, test_set in test_sets.items()
    }
    classes = configuration.dataset(audited.dataset).classes
    return Audit(
        audited=audited,
        shape=(len(image_set.images), channels, height, width),
        labels=Labels(
            kind="soft" if image_set.labels.ndim == 2 else "hard",
            counts=tuple(class_of(image_set.labels).bincount(minlength=classes).tolist()),
        ),
        pixels=_pixels(found),
        reference=_reference(configuration, audited.dataset, next(iter(test_sets.values()))),
        spaces=spaces,
        best=verdict.space,
        confidence=verdict.confidence,
        configured=set_whitening(configuration, audited.source, audited.dataset, audited.ipc),
    )


def show(
    configuration: Configuration,
    audited: SetId,
    image_set: ImageSet,
    whitener: Whitener,
    destination: Path,
) -> None:
    """Draw the contact sheet of a distilled set, `whitener` undone, as PNG."""
    title = configuration.dataset(audited.dataset).title
    soft = "soft labels (row = largest)" if image_set.labels.ndim == 2 else "hard labels"
    undone = "as stored" if whitener.name == "none" else f"{whitener.name} undone"
    draw_contact_sheet(
        whitener.unwhiten(image_set.images),
        class_of(image_set.labels),
        f"{configuration.source(audited.source).title}, {title}, IPC {audited.ipc}: {soft}, {undone}",
        destination,
    )


def class_of(labels: Tensor) -> Tensor:
    """(N,) class indices; of soft labels (N, classes) the largest."""
    return labels.argmax(1) if labels.ndim == 2 else labels


def _pixels(statistics: PixelStatistics) -> Pixels:
    return Pixels(
        mean=statistics.mean,
        std=statistics.std,
        neighbour_correlation=statistics.neighbour_correlation,
        spectrum=tuple(statistics.spectrum.tolist()),
    )


def _reference(configuration: Configuration, dataset: str, test_set: PixelStatistics) -> Reference:
    title = configuration.dataset(dataset).title
    return Reference(dataset=dataset, title=title, images=len(test_set.power))
