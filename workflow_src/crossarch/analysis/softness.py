"""How soft the targets are that students get from their teachers.

A teacher that is sure of every augmented image of its set says what the labels say already: its targets
are a second copy of them, and distillation has nothing to add.
"""

from typing import Any

import pandas as pd
from pydantic import Field

from crossarch.analysis.base import Analysis, FinishedRun, Measured, Record
from crossarch.analysis.cells import CELL, set_and_recipe, taught_by
from crossarch.files import read_mapping

DRAWS = 100  # of the augmentation


class SoftnessRecord(Record):
    """What a student's teacher answers to the augmented training images, `draws` times each.

    The teacher is in evaluation mode, with the weights that it taught with. `entropy` is that of its
    probabilities at the `temperature` of the distillation, `label_entropy` that of the labels as the
    training has them, both means in nats. `likeliest` is the mean probability of the teacher's likeliest
    class, `right` how often that is the label's, in percent. `student` and `teacher` are the runs' own
    test accuracies in percent: the student's last, that of the teacher's checkpoint.
    """

    taught_by: str
    temperature: float
    draws: int = Field(ge=1)
    student: float
    teacher: float
    entropy: float
    label_entropy: float
    likeliest: float
    right: float


class Softness(Analysis[SoftnessRecord]):
    """The numbers of the record in each cell, means over n seeds."""

    record = SoftnessRecord
    title = "How soft the targets of teachers are"
    axis = "Entropy of the teacher's targets on augmented training images (nats)"
    drawn = "entropy"
    by = ("taught_by", "temperature")
    columns = (
        *(*CELL, "taught_by", "n", "temperature", "student", "teacher"),
        *("entropy", "label_entropy", "likeliest", "right"),
    )

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """On the student's training images, under its augmentation."""
        import torch

        from crossarch.analysis.predictions import augmented_logits, mean_entropy
        from crossarch.models.folding import folded
        from crossarch.training.losses import make_targets

        settings, distilled = run.settings, run.images("distilled")
        assert settings.distillation  # as it has a teacher
        temperature = settings.distillation.temperature
        teacher = folded(run.network("teacher"))
        answers = augmented_logits(
            teacher, distilled.images, settings.augmentation, DRAWS, values_seed=1
        )
        targets = torch.softmax(torch.cat(list(answers)) / temperature, dim=1)
        labels = make_targets(distilled.labels, settings.labels)
        hard = labels.ndim == 1
        classes = labels if hard else labels.argmax(dim=1)
        right = targets.argmax(dim=1) == classes.repeat(DRAWS)
        accuracies = read_mapping(run.files["teacher_metrics"][0])["accuracy"]
        return {
            "images": len(distilled.images),
            "taught_by": taught_by(settings),
            "temperature": temperature,
            "draws": DRAWS,
            "student": run.metrics["accuracy"]["last"],
            "teacher": accuracies[settings.distillation.checkpoint],
            "entropy": round(mean_entropy(targets), 6),
            "label_entropy": 0.0 if hard else round(mean_entropy(labels), 6),
            "likeliest": round(100 * float(targets.amax(dim=1).mean()), 4),
            "right": round(100 * float(right.double().mean()), 4),
        }

    def words(self, found: Measured[SoftnessRecord], table: pd.DataFrame) -> dict[str, Any]:
        """The cells with the hardest and the softest targets."""
        rising = table.assign(where=set_and_recipe(table)).sort_values("entropy").to_dict("records")
        return {"hardest": rising[0], "softest": rising[-1]}
