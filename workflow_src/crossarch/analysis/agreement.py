"""Whether a student of distillation answers as its teacher does, beyond what accuracies make likely."""

from collections.abc import Iterator
from typing import Any

from crossarch.analysis.base import Analysis, FinishedRun, Record
from crossarch.analysis.cells import CELL, standard_error, taught_by


class AgreementRecord(Record):
    """How often a student answers as its teacher does, in percent of the test images.

    The student has its last weights, the teacher those that it taught with; `student` and `teacher` are
    their accuracies. `expected` is what two networks with their confusion matrices would come to if they
    answered independently of each other, given the class.
    """

    taught_by: str
    student: float
    teacher: float
    both_right: float
    agreement: float
    expected: float


class Agreement(Analysis[AgreementRecord]):
    """The numbers of the record in each cell, means over n seeds.

    Besides: excess (agreement minus expected, points), error (standard error of the agreement that the
    number of test images leaves, points: of n seeds that see the same images the mean of theirs).
    """

    record = AgreementRecord
    title = "How often students answer as their teachers do"
    axis = "Agreement above that of independent answers (points)"
    drawn = "excess"
    by = ("taught_by",)
    columns = (
        *(*CELL, "taught_by", "n", "student", "teacher"),
        *("both_right", "agreement", "expected", "excess", "error"),
    )

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """On the test set of the student's own space."""
        from crossarch.analysis.predictions import agreement, predictions

        test = run.images("test")
        student, teacher = (
            predictions(run.network(name), test.images) for name in ("weights", "teacher")
        )
        found = agreement(student, teacher, test.labels, run.settings.network.classes)
        numbers = {name: round(value, 4) for name, value in found.items()}
        return {"images": len(test.images), "taught_by": taught_by(run.settings), **numbers}

    def rows(self, record: AgreementRecord) -> Iterator[dict[str, Any]]:
        """With excess and error."""
        yield {
            **record.model_dump(),
            "excess": record.agreement - record.expected,
            "error": standard_error(record.agreement, record.images),
        }
