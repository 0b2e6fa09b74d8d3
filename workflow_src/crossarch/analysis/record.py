"""What analyses measure of one run, as it is stored. Imports nothing heavy."""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field

from crossarch.config import RunId
from crossarch.config.complain import in_a_result, validated
from crossarch.config.model import Model
from crossarch.config.schema import CurvatureSettings, Whitening
from crossarch.files import read_mapping, write_text

R = TypeVar("R", bound="Record")


class Record(Model):
    """What all records say: of which run, of which weights, on how many images, made where and when.

    `digest` is that of the run's settings. `provenance` has what a run's metrics have: device, threads,
    versions, machine, commit, SHA-256 of what was read, time, and the peak of memory in MiB.
    """

    run: RunId
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")
    checkpoint: Literal["last", "epoch"] = "last"
    images: int = Field(ge=1)
    provenance: dict[str, Any]


class CurvatureSeconds(Model):
    """Wall clock of the two parts."""

    eigenvalues: float
    landscape: float


class CurvatureRecord(Record):
    """The Hessian of the training cross-entropy at the end of a run (Appendix B.5).

    `images` are those of the training set, not augmented; the network is in evaluation mode: no
    DropPath, batch norms with their running statistics. `loss` and `gradient_norm` are those at the
    weights. `eigenvalues` are those of the largest magnitude, that first; `residuals` the lengths of
    H v - lambda v, `products` the Hessian-vector products that it took.
    """

    settings: CurvatureSettings
    parameters: int
    loss: float
    gradient_norm: float
    eigenvalues: tuple[float, ...]
    residuals: tuple[float, ...]
    products: int
    seconds: CurvatureSeconds


class WhiteningRecord(Record):
    """Test accuracies (percent) of a run's final weights with the test set in each space.

    `own` is the space that the run was tested in, `recorded` the accuracy that its metrics have there.
    """

    own: Whitening
    recorded: float
    accuracies: dict[Whitening, float]
    seconds: float


class AgreementRecord(Record):
    """How often a student answers as its teacher does, in percent of the test images.

    `expected` is what two networks with their confusion matrices would come to if they answered
    independently of each other, given the class. `teacher_checkpoint` is what the student was taught by.
    """

    teacher: RunId
    teacher_checkpoint: Literal["best", "last"]
    agreement: float
    expected: float
    both_right: float
    student_accuracy: float
    teacher_accuracy: float
    seconds: float


class SoftnessRecord(Record):
    """What a student's teacher answers to the augmented training images, `draws` times each.

    `images` are those of the training set; the teacher is in evaluation mode, with the weights that it
    taught with. `entropy` is that of its probabilities at the temperature of the distillation,
    `label_entropy` that of the labels as the training has them, both means in nats. `likeliest` is the
    mean probability of the teacher's likeliest class, `right` how often that is the label's, in percent.
    The accuracies are the runs' own, in percent: the student's last, that of the teacher's checkpoint.
    """

    teacher: RunId
    teacher_checkpoint: Literal["best", "last"]
    temperature: float
    draws: int = Field(ge=1)
    entropy: float
    label_entropy: float
    likeliest: float
    right: float
    student_accuracy: float
    teacher_accuracy: float
    seconds: float


class StatisticsRecord(Record):
    """Test accuracies (percent) with running statistics of batch norms and with those of test batches.

    `batch_size` test images, drawn without replacement (seed 0), make the statistics of a batch.
    `recorded` is what the run's metrics have with running statistics.
    """

    own: Whitening
    recorded: float
    running: float
    batch: float
    batch_size: int = Field(ge=2)
    seconds: float


class Compared(Model):
    """A number of our training and the same of what the authors published."""

    ours: float
    published: float


class ParameterNorms(Compared):
    """Euclidean norms of one parameter; `initial` is where our training began.

    `largest` compares the magnitudes of the largest entries. In a norm, whose entries all begin at 1 or
    0, Lion moves none of them by more than the sum of the learning rates, weight decay aside.
    """

    initial: float
    largest: Compared


class TeacherRecord(Record):
    """A training of ours as far as the authors' published teacher was trained, beside that teacher.

    `epoch` is how many epochs that is, `teacher` where the published file comes from. `losses` are
    cross-entropies on the training set after so many operations of augmentation (from 0 to all), means
    over `draws`; `accuracy` is that on the test set of the run, of `images`, in percent. `peak` is the
    epoch of our best weights, which teach; `entropies` are those of their targets at `temperature`, that
    of the distillation, beside the published weights', in nats, after so many operations as the losses.
    """

    checkpoint: Literal["last", "epoch"] = "epoch"
    epoch: int = Field(ge=1)
    teacher: str
    parameters: dict[str, ParameterNorms]
    losses: tuple[Compared, ...]
    draws: int = Field(ge=1)
    accuracy: Compared
    peak: int = Field(ge=1)
    temperature: float = Field(gt=0)
    entropies: tuple[Compared, ...]
    seconds: float


def write_record(record: Record, destination: Path) -> None:
    """Write a record as JSON, atomically."""
    write_text(destination, record.model_dump_json(indent=1) + "\n")


def read_record(kind: type[R], file: Path) -> R:
    """Read a record back; DataError with one line if it is missing or not one."""
    with in_a_result():
        return validated(kind, dict(read_mapping(file)), str(file))
