"""Everything under `config/`, read and validated, and what can be asked of it by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from crossarch.config.custom import NetworkFile
from crossarch.config.files import UpstreamFile
from crossarch.config.locked import NAME as LOCK_NAME
from crossarch.config.locked import Locked
from crossarch.config.recipe_book import RecipeBook
from crossarch.config.schema import (
    ARCH_TITLES,
    ARCHS,
    Accuracies,
    Analysis,
    Arch,
    CurvatureDrawing,
    Dataset,
    Figure,
    Finding,
    Origin,
    Selection,
    Source,
    Table,
)
from crossarch.config.validation import asked, unknown
from crossarch.errors import ConfigError

M = TypeVar("M")


@dataclass(frozen=True)
class Configuration:
    """One data class for all files; a name that is not there is a ConfigError with those that are."""

    directory: Path
    datasets: Mapping[str, Dataset]
    sources: Mapping[str, Source]
    tables: Mapping[str, Table]
    figures: Mapping[str, Figure]
    analyses: Mapping[str, Analysis]
    findings: Mapping[str, Finding]
    selection: Selection
    recipe_book: RecipeBook
    lock: Mapping[str, Locked]
    network_files: Mapping[str, NetworkFile]

    @property
    def archs(self) -> tuple[str, ...]:
        """The names of all networks: ours, then the user's own."""
        return (*ARCHS, *self.network_files)

    def arch_title(self, arch: str) -> str:
        """What a network is called in print; one that is no longer there, by its name."""
        own = self.selection.own_networks.get(arch)
        return ARCH_TITLES.get(arch) or (own and own.title) or arch

    def network_file(self, arch: str) -> NetworkFile | None:
        """The file of a network of the user's own, None for one of ours; else ConfigError."""
        if arch not in self.archs:
            told = unknown("networks", "arch", arch, self.archs, what="network")
            raise ConfigError(f"{told} or one of `own_networks` in config.yaml or a preset")
        return self.network_files.get(arch)

    def dataset(self, name: str) -> Dataset:
        """The data set of that name; ConfigError if there is none."""
        return _pick(self.datasets, name, f"{self.directory}/datasets.yaml", "dataset")

    def origin(self, dataset: str) -> Origin:
        """Where the images of a data set come from; ConfigError if that is not known."""
        origin = self.dataset(dataset).origin
        if origin is None:
            raise ConfigError(
                f"{self.directory}/datasets.yaml: {dataset}.origin: found nothing, so its images cannot "
                "be fetched"
            )
        return origin

    def source(self, name: str) -> Source:
        """The source of that name; ConfigError if there is none."""
        return _pick(self.sources, name, f"{self.directory}/sources.yaml", "source")

    def source_network(self, source: str) -> Arch:
        """The source's own network, which its sets were distilled with; ConfigError as `source`."""
        return self.source(source).arch

    def table(self, name: str) -> Table:
        """The table of that name; ConfigError if there is none."""
        return _pick(self.tables, name, f"{self.directory}/tables.yaml", "table")

    def figure(self, name: str) -> Figure:
        """The figure of that name; ConfigError if there is none."""
        return _pick(self.figures, name, f"{self.directory}/figures.yaml", "figure")

    def analysis(self, name: str) -> Analysis:
        """The analysis of that name; ConfigError if there is none."""
        return _pick(self.analyses, name, f"{self.directory}/analyses.yaml", "analysis")

    def findings_of(self, run: Mapping[str, Any]) -> dict[str, Finding]:
        """What was found about a run, given as its dataset, source, ipc, arch and recipe."""
        cell = {name: run[name] for name in ("dataset", "source", "ipc", "arch", "recipe")}
        return {name: each for name, each in self.findings.items() if each.is_about(**cell)}

    @property
    def lock_file(self) -> Path:
        """Where checksums of first use are kept."""
        return self.directory / LOCK_NAME

    def upstream(self) -> dict[str, UpstreamFile]:
        """Every upstream file that the configuration names, by what it is, each once.

        Of the archives of a real data set it is the first. Keys read `cifar10`, `frepo cifar10 IPC 1
        images`, `frepo cifar10 IPC 1 teacher`.
        """
        named = {
            name: each.origin.archives[0]
            for name, each in self.datasets.items()
            if each.origin and each.origin.archives
        }
        for source, settings in self.sources.items():
            for dataset, sets in settings.sets.items():
                for ipc, entry in sets.items():
                    for part, file in entry.parts().items():
                        if isinstance(file, UpstreamFile):
                            named[f"{source} {dataset} IPC {ipc} {part}"] = file
        first = {file.url: name for name, file in reversed(named.items())}
        return {name: file for name, file in named.items() if first[file.url] == name}

    def pinned(self, file: UpstreamFile) -> UpstreamFile:
        """`file` with what the lock knows of it, where the configuration has no digest of its own."""
        locked = self.lock.get(file.url)
        if locked is None or file.digests:
            return file
        return file.model_copy(update={"size": locked.size, "sha256": locked.sha256})

    def is_outside_paper(self, dataset: str) -> bool:
        """Whether no table and no figure is about `dataset`.

        Such a data set, perhaps the user's own, is measured in the tables and figures all the same.
        """
        about = {table.dataset for table in self.tables.values()}
        drawings = (figure.drawing for figure in self.figures.values())
        measured = Accuracies | CurvatureDrawing
        about |= {drawing.dataset for drawing in drawings if isinstance(drawing, measured)}
        return dataset not in about

    def chosen_sources(self, dataset: str) -> list[str]:
        """The chosen sources that have training sets for `dataset`; all such, if none is chosen."""
        names = self.selection.sources or tuple(self.sources)
        return [name for name in names if self.source(name).ipcs(dataset)]

    def chosen_ipcs(self, dataset: str, source: str) -> list[int]:
        """The chosen IPC that a source has a training set of, in rising order."""
        known, chosen = self.source(source).ipcs(dataset), self.selection.ipc
        return sorted(set(known) & set(known if chosen is None else chosen))

    def paper_file(self, table: Table) -> Path | None:
        """The CSV with the paper's numbers for a table."""
        return self.directory / table.paper if table.paper else None


def _pick(pool: Mapping[str, M], name: str, file: str, what: str) -> M:
    if name not in pool:
        raise ConfigError(asked(name, pool, what, file))
    return pool[name]
