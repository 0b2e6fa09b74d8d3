"""Which distilled sets the configuration chooses, and the spaces that they are audited in."""

from collections.abc import Iterator

from crossarch.config.configuration import Configuration
from crossarch.config.files import LocalFile
from crossarch.config.plan import collection_runs
from crossarch.config.runs import SetId
from crossarch.config.schema import Whitening
from crossarch.errors import ConfigError

AUDITED: tuple[Whitening, ...] = ("none", "standardise", "zca-kornia", "zca-frepo")
"""The spaces that an audit tells apart."""


def audited_space(whitening: Whitening) -> Whitening:
    """The space that stands for `whitening` in an audit: other constants change the scale alone."""
    if whitening == "zca-kip":
        return "zca-frepo"
    return whitening if whitening in AUDITED else "standardise"


def chosen_sets(configuration: Configuration) -> list[SetId]:
    """The distilled sets that the runs of the chosen tables and figures are trained on, each once.

    They come in the order of the runs. Raises ConfigError if the configuration leaves no run.
    """
    runs = collection_runs(configuration, "runs")
    sets = dict.fromkeys(run.training_set for run in runs)
    return [one for one in sets if not configuration.source(one.source).drawn]


def check_own_files(configuration: Configuration) -> None:
    """Raise ConfigError where a file of one's own is not there that a chosen set is read from.

    Snakemake would not miss it as long as what was made of it is there.
    """
    for key, file in _own_files(configuration):
        if not file.location.exists():
            raise ConfigError(f"{key}: {file.path}: no such file")


def _own_files(configuration: Configuration) -> Iterator[tuple[str, LocalFile]]:
    """The files of one's own of the chosen sources, data sets and IPC, behind the key of their set."""
    selection = configuration.selection
    for source in (*(selection.sources or ()), *selection.own_sources):
        for dataset, by_ipc in configuration.source(source).sets.items():
            if dataset not in selection.datasets:
                continue
            for ipc in sorted(set(by_ipc) & set(selection.ipc or by_ipc)):
                files = by_ipc[ipc].files
                own = source in selection.own_sources
                where = "own_sources: " if own else f"{configuration.directory}/sources.yaml: "
                key = f"{where}{source}.sets.{dataset}.{ipc}"
                yield from ((key, file) for file in files if isinstance(file, LocalFile))
