"""Which distilled set is meant, and which ones the configuration chooses."""

import re
from collections.abc import Iterator

from crossarch.config.complain import validated
from crossarch.config.configuration import Configuration
from crossarch.config.files import LocalFile
from crossarch.config.model import Model
from crossarch.config.plan import collection_runs
from crossarch.config.schema import Ipc, Name, Whitening
from crossarch.errors import ConfigError

AUDITED: tuple[Whitening, ...] = ("none", "standardise", "zca-kornia", "zca-frepo")
"""The spaces that an audit tells apart."""


def audited_space(whitening: Whitening) -> Whitening:
    """The space that stands for `whitening` in an audit: MTT's constants change the scale alone."""
    return "standardise" if whitening == "standardise-mtt" else whitening


class SetId(Model):
    """One distilled set, used with one real data set: source x data set x IPC."""

    source: Name
    dataset: Name
    ipc: Ipc

    @property
    def path(self) -> str:
        """`frepo/cifar10-jpeg/ipc1`: where the set stands under the folder of a stage."""
        return f"{self.source}/{self.dataset}/ipc{self.ipc}"


def parse_set(path: str) -> SetId | None:
    """The set that a path such as `own-frepo/digits/ipc1` spells; None if it does not have that form."""
    match = re.fullmatch(r"([^/]+)/([^/]+)/ipc([0-9]+)", path)
    if match is None:
        return None
    return validated(SetId, dict(zip(SetId.model_fields, match.groups(), strict=True)), path)


def chosen_sets(configuration: Configuration) -> list[SetId]:
    """The distilled sets that the runs of the chosen tables and figures are trained on, each once.

    They come in the order of the runs. Raises ConfigError if the configuration leaves no run.
    """
    runs = collection_runs(configuration, "runs")
    sets = [SetId(source=run.source, dataset=run.dataset, ipc=run.ipc) for run in runs]
    return [one for one in dict.fromkeys(sets) if not configuration.source(one.source).drawn]


def check_own_files(configuration: Configuration) -> None:
    """Raise ConfigError where a file of one's own is not there that a chosen set is read from.

    Snakemake would not miss it as long as what was made of it is there.
    """
    for key, file in _own_files(configuration):
        if not file.location.exists():
            raise ConfigError(
                f"{configuration.directory}/sources.yaml: {key}: {file.path}: no such file"
            )


def _own_files(configuration: Configuration) -> Iterator[tuple[str, LocalFile]]:
    """The files of one's own of the chosen sources, data sets and IPC, behind the key of their set."""
    selection = configuration.selection
    originals = {configuration.distilled_from(name) for name in selection.datasets or ()}
    for source in selection.sources or ():
        for dataset, by_ipc in configuration.source(source).sets.items():
            if originals and dataset not in originals:
                continue
            for ipc in sorted(set(by_ipc) & set(selection.ipc or by_ipc)):
                files = by_ipc[ipc].files
                key = f"{source}.sets.{dataset}.{ipc}"
                yield from ((key, file) for file in files if isinstance(file, LocalFile))
