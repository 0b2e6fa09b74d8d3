"""What all analyses have in common: the registry, a finished run, and the record of what was measured.

Imports no torch: summaries are made where there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pandas as pd
from pydantic import Field

from crossarch.analysis.cells import cell_of, means_over_seeds, set_and_recipe
from crossarch.config import Configuration, RunId, RunSettings
from crossarch.config.model import Model
from crossarch.config.validation import as_data_error, validated
from crossarch.files import read_mapping

if TYPE_CHECKING:
    import torch

    from crossarch.data import ImageSet


@dataclass(frozen=True)
class FinishedRun:
    """A run: its settings, its `metrics.json`, files by what they are (`Input` of analyses.yaml).

    `digests` are the SHA-256 of all files, `options` the settings that analyses.yaml names.
    """

    settings: RunSettings
    metrics: Mapping[str, Any]
    files: Mapping[str, Sequence[Path]]
    digests: Mapping[str, str]
    options: Mapping[str, Any]
    device: "torch.device"

    def network(self, name: str = "weights") -> "torch.nn.Module":
        """The network with its last weights, its `best` or the `published` ones, or its `teacher`."""
        from crossarch.training.run import load_network

        settings = self.settings.teacher_network if name == "teacher" else self.settings.network
        assert settings  # only runs with a teacher have one among their files
        return load_network(settings, self.files[name][0]).to(self.device)

    def images(self, name: str, place: int = 0) -> "ImageSet":
        """The set `distilled` or `test`, or one of `tests`: float32, on the device.

        Raises DataError if it does not fit the network.
        """
        import torch

        from crossarch.data.store import ImageSet, load_fitting

        network = self.settings.network
        path = self.files[name][place]
        found = load_fitting(path, network.classes, network.image_shape, torch.float32)
        return ImageSet(found.images.to(self.device), found.labels.to(self.device))


class Record(Model):
    """What is stored of one run: which it is, the digest of its settings, and what was measured.

    `images` is the number of images that it was measured on. `provenance` has what a run's metrics have:
    device, threads, versions, machine, commit, SHA-256 of each input, time, peak of memory in MiB.
    """

    run: RunId
    digest: str = Field(pattern=r"^[0-9a-f]{16}$")
    images: int = Field(ge=1)
    seconds: float
    provenance: dict[str, Any]


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Measured(Generic[R]):
    """What is summarised: runs (the table of `collect_runs`) and the records of these runs."""

    configuration: Configuration
    runs: pd.DataFrame
    records: Sequence[R]


_REGISTRY: dict[str, "Analysis[Any]"] = {}


class Analysis(Generic[R]):
    """An analysis of finished runs, registered under the name of its module.

    Its page is the template of that name. `columns` are those of its table, `by` those that rows of one
    cell are told apart by; `drawn` is drawn of each row, against the title `axis`.
    """

    record: ClassVar[type[Record]] = Record
    title: ClassVar[str]
    axis: ClassVar[str]
    drawn: ClassVar[str]
    columns: ClassVar[Sequence[str]]
    by: ClassVar[Sequence[str]] = ()

    def __init_subclass__(cls) -> None:
        """Register the analysis."""
        _REGISTRY[cls.__module__.rpartition(".")[2]] = cls()

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """What the record of a run says besides those of `Record`, and `images`."""
        raise NotImplementedError

    def rows(self, record: R) -> Iterator[dict[str, Any]]:
        """The numbers of one run by column, a dict for each value of `by`."""
        yield record.model_dump()

    def summarise(self, found: Measured[R]) -> pd.DataFrame:
        """The table; unless overridden the mean of `rows` over the seeds of each cell."""
        records = found.records
        tests = [{**row, **cell_of(record.run)} for record in records for row in self.rows(record)]
        return means_over_seeds(pd.DataFrame(tests), self.by, self.columns)

    def points(self, table: pd.DataFrame) -> pd.DataFrame:
        """What is drawn: `row` (its label), `arch` and `value`.

        Of the network `ALL` it is a mean, with its interval from `low` to `high`.
        """
        return table.assign(row=set_and_recipe(table), value=table[self.drawn])

    def words(self, found: Measured[R], table: pd.DataFrame) -> dict[str, Any]:
        """The values in the template besides the table."""
        return {}


def find_analysis(name: str) -> Analysis[Any]:
    """The analysis of that name, which `config/analyses.yaml` lists."""
    import_module(f"crossarch.analysis.{name}")
    return _REGISTRY[name]


def read_record(kind: type[R], file: Path) -> R:
    """Read a record; DataError with one line if it is missing or not one."""
    with as_data_error():
        return validated(kind, dict(read_mapping(file)), str(file))
