"""Whether a training goes the way of the teacher that the authors published.

Two trainings that differ in nothing but their random numbers end with other weights, but with layers of
nearly the same norm and nearly the same losses; one with another optimiser, learning rate, batch size or
augmentation does not.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from crossarch.analysis.base import Analysis, FinishedRun, Measured, Record
from crossarch.analysis.cells import CELL, set_and_recipe, set_names
from crossarch.config.model import Model
from crossarch.errors import DataError

DRAWS = 40  # of the augmentation, for each number of operations
TOLD_FOLDS = "2-fold"  # of which the entropy is reported
NORM, LARGEST, LOSS, ACCURACY = "norm", "largest entry", "loss", "test accuracy"
PEAK, ENTROPY = "epoch of the best", "entropy of targets"


class Compared(Model):
    """A number of our training and the same of what the authors published.

    `quantity` and what it is `of`: the Euclidean `norm` and the magnitude of the `largest entry` of a
    parameter (in a norm layer, whose entries all begin at 1 or 0, Lion moves none by more than the sum
    of the learning rates, weight decay aside); the cross-entropy `loss` on the training set after so
    many operations of augmentation; the `test accuracy`, percent; the `epoch of the best` weights, which
    teach; the `entropy of targets` of these, nats, likewise. `initial` is a norm where training began.
    """

    quantity: str
    of: str
    initial: float | None = None
    ours: float
    published: float


class TeacherRecord(Record):
    """A training of ours as far as the authors' published teacher was trained, beside that teacher.

    `epoch` is how many epochs that is. Losses and entropies are means over `draws` of the augmentation;
    entropies are at the `temperature` of the distillation. `images` are those of the test set.
    """

    epoch: int = Field(ge=1)
    draws: int = Field(ge=1)
    temperature: float = Field(gt=0)
    numbers: tuple[Compared, ...]


class Teachers(Analysis[TeacherRecord]):
    """Every number of ours beside the published one, as `Compared`; means over n seeds."""

    record = TeacherRecord
    title = "Whether trainings go the way of the authors' teachers"
    axis = "Norm of each parameter, ours beside the published one (percent more)"
    columns = (*CELL, "n", "epoch", "quantity", "of", "initial", "ours", "published")
    by = ("epoch", "quantity", "of")

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """Train the run again up to the epoch of its `published` weights.

        A training does not keep the weights of that epoch; its settings and seed give them again. Raises
        DataError for a published file without an epoch, or with one that is not within the run.
        """
        from crossarch.analysis.predictions import on_augmented
        from crossarch.training.trainer import Training

        settings, temperature = run.settings, run.options["temperature"]
        epoch = published_epoch(run.files["published"][0], settings.epochs)
        test = run.images("test")
        training = Training(settings, run.images("distilled"), test, None, run.device)
        initial = training.weights()
        for done in range(epoch):
            training.train_epoch(done)
        training.check_losses()
        theirs, best = run.network("published"), run.network("best")
        data = (training.images, training.targets, settings.augmentation)
        losses, _ = on_augmented(training.network, *data, DRAWS, temperature)
        their_losses, their_entropies = on_augmented(theirs, *data, DRAWS, temperature)
        _, entropies = on_augmented(best, *data, DRAWS, temperature)
        accuracies = [
            training.exact_test.accuracy(network, settings.run.path)
            for network in (training.network, theirs)
        ]
        ours, published = training.weights(), theirs.cpu().state_dict()
        trained = [name for name, _ in theirs.named_parameters()]
        pairs: list[tuple[Any, ...]] = [
            *((NORM, name, ours[name].norm(), published[name].norm()) for name in trained),
            *((LARGEST, name, ours[name].abs().max(), published[name].abs().max()) for name in trained),
            *_by_folds(LOSS, losses, their_losses),
            (ACCURACY, "", *accuracies),
            (PEAK, "", run.metrics["best_epoch"], epoch),
            *_by_folds(ENTROPY, entropies, their_entropies),
        ]
        numbers = [
            {
                "quantity": quantity,
                "of": of,
                "initial": _rounded(initial[of].norm()) if quantity == NORM else None,
                "ours": _rounded(one),
                "published": _rounded(other),
            }
            for quantity, of, one, other in pairs
        ]
        facts = {"epoch": epoch, "draws": DRAWS, "temperature": temperature}
        return {"images": len(test.images), **facts, "numbers": numbers}

    def rows(self, record: TeacherRecord) -> Iterator[dict[str, Any]]:
        """Each pair of numbers."""
        for compared in record.numbers:
            yield {"epoch": record.epoch, **compared.model_dump()}

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """How much larger each parameter's norm is in each set and recipe, in percent."""
        norms = table[table["quantity"] == NORM]
        return norms.assign(row=set_and_recipe(norms), value=_excess(norms))

    def words(self, found: Measured[TeacherRecord], table: pd.DataFrame) -> dict[str, Any]:
        """What is said of each cell: how far norms are apart, how much the training changed them ..."""
        cells = table.assign(set=set_names(table)).groupby([*CELL, "epoch"], sort=False)
        return {"cells": [_in_short(cell) for _, cell in cells], "folds": TOLD_FOLDS}


def published_epoch(file: Path, epochs: int) -> int:
    """How many epochs published weights were trained for: `epoch` of a `.pth` file.

    Raises DataError unless it is within 1 to `epochs`.
    """
    from crossarch.data.store import load_pt

    content = load_pt(file)
    found = content.get("epoch") if isinstance(content, dict) else None
    if not isinstance(found, int) or not 1 <= found <= epochs:
        raise DataError(f"{file}: epoch: found {found!r}, expected 1 to {epochs}, the epochs of the run")
    return found


def _by_folds(quantity: str, ours: list[float], published: list[float]) -> Iterator[Any]:
    for folds, pair in enumerate(zip(ours, published, strict=True)):
        yield quantity, f"{folds}-fold", *pair


def _rounded(value: Any) -> float:
    """Six significant digits."""
    return float(f"{float(value):.6g}")


def _in_short(cell: pd.DataFrame) -> dict[str, Any]:
    """Norms in percent: how far `apart` they are, and how much the training `moved` them."""
    by_quantity = dict(list(cell.groupby("quantity")))
    norms, losses, entropies = (by_quantity[name] for name in (NORM, LOSS, ENTROPY))
    begun = norms[norms["initial"] > 0]
    return {
        **cell.iloc[0][["recipe", "set", "epoch"]],
        "apart": _excess(norms).abs(),
        "moved": (100 * (begun["ours"] / begun["initial"] - 1)).abs(),
        "losses": losses["ours"] / losses["published"],
        "test": by_quantity[ACCURACY].iloc[0],
        "peak": by_quantity[PEAK].iloc[0],
        "entropy": entropies[entropies["of"] == TOLD_FOLDS].iloc[0],
    }


def _excess(norms: pd.DataFrame) -> "pd.Series[float]":
    """Ours over the published ones, in percent more."""
    return 100 * (norms["ours"] / norms["published"] - 1)
