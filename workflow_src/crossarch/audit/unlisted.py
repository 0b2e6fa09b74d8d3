"""The audit of a file that no entry of sources.yaml names: what it is, and the entry to paste."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import yaml
from torch import Tensor

from crossarch.audit.contact_sheet import draw_contact_sheet
from crossarch.audit.examine import class_of
from crossarch.audit.pixels import band_sizes, pixel_statistics
from crossarch.audit.record import FAR
from crossarch.audit.verdict import best_space
from crossarch.config.schema import Dataset, Whitening
from crossarch.config.sets import AUDITED
from crossarch.data.canonical import channels_first, hard_labels, kind_of, soft_labels
from crossarch.data.class_order import named_order
from crossarch.data.readers import Choices, learned_rate, read_set, reader_of
from crossarch.data.store import ImageSet, check_set, load_set
from crossarch.data.whitening import Whitener, fit_whitener, load_whitener
from crossarch.errors import DataError

NEAR_WHOLE = 0.9
"""The share of pixels that are whole numbers from 0 to 255 where a standardisation is undone rightly."""


@dataclass
class Description:
    """What was found, a line each, and the entry of sources.yaml with the set's own keys."""

    lines: list[str] = field(default_factory=list)
    source: dict[str, object] = field(default_factory=dict)
    entry: dict[str, object] = field(default_factory=dict)
    ipc: int = 0


def describe_files(
    paths: Sequence[Path],
    choices: Choices,
    name: str,
    dataset: Dataset,
    train: Path,
    test_sets: Mapping[Whitening, Path],
    whiteners: Mapping[Whitening, Path],
    sheet: Path,
) -> Description:
    """Describe a set in one file, or in files of images and, last, labels; draw its contact sheet.

    `name` is that of the real data set, whose prepared training images are `train`; `test_sets` and
    `whiteners` are its test set in each space of an audit and their whitenings. Raises DataError where
    the files hold no set with the shape and the classes of the data set.
    """
    contents, file = read_set(paths, choices), str(paths[0])
    found = Description()
    found.lines.append(f"format: {reader_of(paths[0]).title}")
    if contents.repetitions > 1:
        found.entry["repetition"] = choices.repetition or 0
        found.lines.append(f"repetitions: {contents.repetitions}, of which one is read")
    if choices.key:
        found.entry["key"] = choices.key
    images = channels_first(contents.images, dataset.image_shape, None, file)
    labels = _labels(contents.labels, str(paths[-1]), found)
    check_set(ImageSet(images.float(), labels), file, dataset.classes, str(paths[-1]))
    if tuple(images.shape[1:]) != dataset.image_shape:
        raise DataError(
            f"{file}: found images of shape {tuple(images.shape[1:])}, needed for {name}: "
            f"{dataset.image_shape}"
        )
    classes = class_of(labels)
    if contents.classes:
        order = torch.tensor(named_order(train, contents.classes, paths[0]))
        classes = order[classes]
        found.lines.append(f"classes: {len(order)} folders, called as in {name} or by number")
    counts = classes.bincount(minlength=dataset.classes)
    few, many = int(counts.min()), int(counts.max())
    balance = f"{few} of each" if few == many else f"{few} to {many} of each"
    stored = f"{str(contents.images.dtype).removeprefix('torch.')}, stored as {_shape(contents.images)}"
    found.lines.append(f"images: {_shape(images)} ({stored})")
    found.lines.append(f"classes: {dataset.classes}, {balance}")
    found.ipc, rest = divmod(len(images), dataset.classes)
    if rest or (labels.ndim == 1 and few != many):
        raise DataError(
            f"{paths[-1]}: found {len(images)} images, {balance} of {dataset.classes} classes, needed: "
            "as many of each class, or soft labels"
        )
    beside = _rate_beside(paths[0]) if len(paths) > 1 else None
    rate = contents.learning_rate or beside
    if rate is not None:
        found.lines.append(f"learned learning rate: {rate:.6g}; no recipe uses it")
    in_space, whitener = _pixels(images, dataset, test_sets, whiteners, found)
    draw_contact_sheet(
        whitener.unwhiten(in_space), classes, f"{paths[0].name}: {whitener.name} undone", sheet
    )
    found.lines.append(f"contact sheet: {sheet}")
    return found


def yaml_of(found: Description, paths: Sequence[Path], name: str) -> str:
    """The lines to paste into a preset."""
    stem = re.sub(r"[^a-z0-9]+", "-", paths[0].resolve().stem.lower()).strip("-") or "mine"
    files: dict[str, object] = {"file": str(paths[0])}
    if len(paths) > 1:
        images = [str(path) for path in paths[:-1]]
        files = {"images": images if len(images) > 1 else images[0], "labels": str(paths[-1])}
    source = {
        "title": f"My {stem}",
        **{"arch": "cnn", "widths": [128, 128, 128], "norm": "instance"},
        **found.source,
        "sets": {name: {found.ipc: {**files, **found.entry}}},
    }
    own = {"own_sources": {stem: source}}
    text = yaml.safe_dump(own, sort_keys=False, default_flow_style=None, width=1000)
    notes = (
        f"# For a preset, such as config/presets/{stem}.yaml; without its first line for sources.yaml.",
        "# arch, widths and norm are those of the network that the set was distilled with.",
    )
    return "\n".join((*notes, text))


def _labels(labels: Tensor, file: str, found: Description) -> Tensor:
    """Class indices or logits, whatever they are; what decides is noted."""
    kind = kind_of(labels) if labels.ndim == 2 and labels.shape[1] > 1 else None
    if kind in (None, "one-hot"):
        found.source["labels"] = "hard"
        dtype = str(labels.dtype).removeprefix("torch.")
        found.lines.append(f"labels: {kind or 'class indices'} ({dtype})")
        return hard_labels(labels, file)
    found.source["labels"] = "soft"
    found.source["label_temperature"] = 1
    found.lines.append(f"labels: {kind}, whose targets are softmax(y / `label_temperature`)")
    return soft_labels(labels, None, file)


def _pixels(
    images: Tensor,
    dataset: Dataset,
    test_sets: Mapping[Whitening, Path],
    whiteners: Mapping[Whitening, Path],
    found: Description,
) -> tuple[Tensor, Whitener]:
    """The images in the space that they are found in, and its whitening; scale and space are noted."""
    low, high = float(images.min()), float(images.max())
    span = f"pixels: {low:.3g} to {high:.3g}, mean {float(images.float().mean()):.3g}"
    if low >= 0 and (images.dtype == torch.uint8 or high <= 255):
        scale = 1 if images.is_floating_point() and high <= 1 else 255
        found.lines.append(f"{span}: raw, from 0 to {scale} (certain)")
        found.source |= {"whitening": "standardise", "pixels": "raw"}
        return images.float() / scale, fit_whitener("none", dataset, images)
    images = images.float()
    statistics = pixel_statistics(images)
    found.lines.append(f"{span}, standard deviation {statistics.std:.3g}")
    tests = {name: pixel_statistics(load_set(path).images) for name, path in test_sets.items()}
    spectra = {name: test.spectrum for name, test in tests.items()}
    verdict = best_space(statistics.power, spectra, band_sizes(*images.shape[2:]))
    fit, space = verdict.fits[verdict.space], verdict.space
    if fit.distance_with_noise > FAR:
        space = min(AUDITED, key=lambda name: abs(math.log(statistics.std / tests[name].std)))
        found.lines.append(
            f"space: its spectrum fits none (nearest {verdict.space}, off by a factor of "
            f"{math.exp(fit.distance_with_noise):.2g}); by its scale {space} (undecided)"
        )
    else:
        found.lines.append(
            f"space: {space} ({verdict.confidence}, best in {fit.share:.0%} of the resamples)"
        )
    whitener = load_whitener(whiteners[space])
    if space == "standardise":
        space, confidence = _constants(images, dataset)
        whitener = fit_whitener(space, dataset, images)
        found.lines.append(f"constants: those of {space} ({confidence})")
    constants = dataset.standardisation(space) if space.startswith("constants") else None
    found.source["whitening"] = constants.model_dump() if constants else space
    return images, whitener


def _constants(images: Tensor, dataset: Dataset) -> tuple[Whitening, str]:
    """Which constants standardised images (N, C, H, W) were scaled by, and how sure that is.

    Undone rightly, pixels of real images are whole numbers from 0 to 255, or end at 0 and 255 where
    learned ones are clipped. Else the nearer scale decides.
    """
    halves = "_".join(["constants", *["0.5"] * 2 * dataset.channels])  # -1 to 1
    names = ["standardise", *(["standardise-mtt"] if dataset.mtt else []), halves]
    shares, ends, deviations = {}, {}, {}
    for name in names:
        pixels = fit_whitener(name, dataset, images).unwhiten(images) * 255
        whole = ((pixels - pixels.round()).abs() < 0.02) & (pixels > -0.5) & (pixels < 255.5)
        shares[name] = float(whole.float().mean())
        ends[name] = max(abs(float(pixels.min())), abs(float(pixels.max()) - 255))
        usual = 255 * sum(dataset.std) / dataset.channels
        deviations[name] = abs(math.log(float(pixels.std()) / usual))
    for name in names:
        if shares[name] > NEAR_WHOLE:
            return name, "certain, they give whole pixels"
        if ends[name] < 0.5:
            return name, "certain, they end at 0 and 255"
    return min(names, key=lambda name: deviations[name]), "undecided, the nearer in scale"


def _rate_beside(path: Path) -> float | None:
    """The learned learning rate in a file `lr*` beside another file."""
    files = sorted(path.parent.glob("lr*.pt"))
    return learned_rate(files[0]) if files else None


def _shape(images: Tensor) -> str:
    return " x ".join(map(str, images.shape))
