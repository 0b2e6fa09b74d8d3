"""Which distilled set is meant, and which ones the configuration chooses."""

from itertools import product

from crossarch.config.load import Configuration
from crossarch.config.schema import Ipc, Model, Name
from crossarch.errors import ConfigError


class SetId(Model):
    """One distilled set, used with one real data set: source x data set x IPC."""

    source: Name
    dataset: Name
    ipc: Ipc

    @property
    def path(self) -> str:
        """`frepo/cifar10-jpeg/ipc1`: where the set stands under the folder of a stage."""
        return f"{self.source}/{self.dataset}/ipc{self.ipc}"


def chosen_sets(configuration: Configuration) -> list[SetId]:
    """The selected sources x data sets x IPC, as far as there are such sets; ConfigError if none is."""
    selection = configuration.selection
    chosen = [
        SetId(source=source, dataset=dataset, ipc=ipc)
        for source, dataset, ipc in product(selection.sources, selection.datasets, selection.ipc)
        if ipc in configuration.source(source).sets.get(configuration.distilled_from(dataset), {})
    ]
    if not chosen:
        raise ConfigError(
            f"{configuration.directory}/config.yaml: sources, datasets, ipc: found no combination of "
            "them that has a distilled set"
        )
    return chosen
