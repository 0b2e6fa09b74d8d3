"""The metrics of all finished runs as one tidy table, `results/metrics/runs.csv`: a row a run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from crossarch.collect.tidy import checked, read_tidy, write_tidy
from crossarch.config import RunId, parse_run
from crossarch.config.validation import as_data_error, validated
from crossarch.errors import DataError
from crossarch.files import read_mapping

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

KEY = ["dataset", "source", "ipc", "arch", "recipe", "protocol", "seed"]


class _Part(BaseModel):
    """A part of a metrics file; keys that the table does not need are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Settings(_Part):
    """The resolved settings that a table's note speaks of."""

    epochs: Count
    whitening: str
    evaluate_every: Count


class Accuracy(_Part):
    """Test accuracies in percent: of the last evaluation and of the best."""

    last: Percent
    best: Percent


class Seconds(_Part):
    """How long a run took."""

    training: Amount
    evaluation: Amount


class Metrics(_Part):
    """What the table takes from a run's `metrics.json`."""

    run: RunId
    settings: Settings
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")
    accuracy: Accuracy
    best_epoch: Count
    seconds: Seconds
    images_per_second: Amount | None
    peak_memory_mib: Amount | None
    device: str = Field(min_length=1)
    threads: Count
    machine: str | None
    commit: str | None
    finished: str = Field(min_length=1)

    def row(self) -> dict[str, Any]:
        """One row of the table, without what only the file system knows."""
        return {
            **{name: getattr(self.run, name) for name in KEY},
            "accuracy_best": self.accuracy.best,
            "accuracy_last": self.accuracy.last,
            "best_epoch": self.best_epoch,
            "epochs": self.settings.epochs,
            "evaluate_every": self.settings.evaluate_every,
            "whitening": self.settings.whitening,
            "seconds_training": self.seconds.training,
            "seconds_evaluation": self.seconds.evaluation,
            "images_per_second": self.images_per_second,
            "peak_memory_mib": self.peak_memory_mib,
            "device": self.device,
            "threads": self.threads,
            "machine": self.machine,
            "commit": self.commit,
            "digest": self.digest,
            "finished": self.finished,
        }


class AccuracyPoint(_Part):
    """A point of a learning curve: test accuracy in percent after an epoch."""

    epoch: int
    accuracy: Percent


class LossPoint(_Part):
    """A point of a loss curve: the mean training loss of an epoch."""

    epoch: int
    loss: Annotated[float, Field(allow_inf_nan=False)]


class Curve(_Part):
    """The history in a run's `metrics.json`, of which the table takes nothing."""

    evaluations: tuple[AccuracyPoint, ...] = ()
    losses: tuple[LossPoint, ...] = ()


M = TypeVar("M", bound=Metrics)

_PERCENT = pa.Check.in_range(0, 100)
_AMOUNT = pa.Check.ge(0)
_COUNT = pa.Check.ge(1)
KEY_COLUMNS = {
    "dataset": pa.Column(str),
    "source": pa.Column(str),
    "ipc": pa.Column(int, _COUNT),
    "arch": pa.Column(str),
    "recipe": pa.Column(str),
    "protocol": pa.Column(str),
    "seed": pa.Column(int, _AMOUNT),
}
"""The columns of `KEY`: which run a row is about."""
RUNS = pa.DataFrameSchema(
    {
        **KEY_COLUMNS,
        "accuracy_best": pa.Column(float, _PERCENT),
        "accuracy_last": pa.Column(float, _PERCENT),
        "best_epoch": pa.Column(int, _COUNT),
        "epochs": pa.Column(int, _COUNT),
        "evaluate_every": pa.Column(int, _COUNT),
        "whitening": pa.Column(str),
        "seconds_training": pa.Column(float, _AMOUNT),
        "seconds_evaluation": pa.Column(float, _AMOUNT),
        "images_per_second": pa.Column(float, _AMOUNT, nullable=True),
        "peak_memory_mib": pa.Column(float, _AMOUNT, nullable=True),
        "device": pa.Column(str),
        "threads": pa.Column(int, _COUNT),
        "machine": pa.Column(str, nullable=True),
        "commit": pa.Column(str, nullable=True),
        "digest": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{16}$")),
        "finished": pa.Column(str),
    },
    unique=KEY,
    strict=True,
    coerce=True,
)


def collect_runs(files: Iterable[Path]) -> pd.DataFrame:
    """One row for each `metrics.json` in `files`, sorted by the run's key; none gives no rows.

    Accuracies are in percent, times in seconds, memory in MiB. Raises DataError with one line that
    names the file, the key and what was found: broken JSON, a missing or impossible value, a `run`
    that is not the one that its path spells, a run that another file holds already.
    """
    held: dict[RunId, Path] = {}
    rows = []
    for file in sorted(map(Path, files)):
        metrics = read_metrics(Metrics, file)
        if earlier := held.get(metrics.run):
            raise DataError(
                f"{file}: run: found {metrics.run.path}, allowed: each run once, and {earlier} "
                "holds this one"
            )
        held[metrics.run] = file
        rows.append(metrics.row())
    frame = pd.DataFrame(rows, columns=list(RUNS.columns))
    return checked(frame, RUNS, "metrics").sort_values(KEY, ignore_index=True)


def write_runs(frame: pd.DataFrame, path: Path) -> None:
    """Write the table of runs as CSV, atomically; DataError if it is not one."""
    write_tidy(checked(frame, RUNS, "runs"), path)


def read_runs(path: Path) -> pd.DataFrame:
    """Read the table of runs back; DataError with one line if it is missing or not one."""
    return read_tidy(path, RUNS)


def read_metrics(kind: type[M], file: Path) -> M:
    """What a run's `metrics.json` says of the run that its path spells, as far as `kind` takes it.

    Raises DataError with one line as `collect_runs`.
    """
    data = read_mapping(file)
    with as_data_error():
        metrics = validated(kind, data, str(file))
        expected = parse_run(file.as_posix())
    for name in KEY:
        found, allowed = getattr(metrics.run, name), getattr(expected, name)
        if found != allowed:
            raise DataError(f"{file}: run.{name}: found {found!r}, but its path says {allowed!r}")
    best, last = metrics.accuracy.best, metrics.accuracy.last
    if best < last:
        raise DataError(f"{file}: accuracy.best: found {best}, allowed: accuracy.last ({last}) or more")
    if metrics.best_epoch > metrics.settings.epochs:
        raise DataError(
            f"{file}: best_epoch: found {metrics.best_epoch}, allowed: 1 to "
            f"{metrics.settings.epochs} (settings.epochs)"
        )
    return metrics
