"""What the configuration chooses: which cells of tables and points of figures are run at all."""

from crossarch.config.configuration import Configuration
from crossarch.config.resolve import check_training_set
from crossarch.config.runs import RunId
from crossarch.errors import ConfigError


def selected(configuration: Configuration, run: RunId) -> bool:
    """Whether the configuration's sources, ipc, archs and recipes hold those of `run`."""
    selection = configuration.selection
    chosen = (
        (run.source, selection.sources),
        (run.ipc, selection.ipc),
        (run.arch, selection.archs),
        (run.recipe, selection.recipes),
    )
    return all(names is None or name in names for name, names in chosen)


def has_training_set(configuration: Configuration, run: RunId) -> bool:
    """Whether sources.yaml has what `run` is trained on."""
    try:
        check_training_set(configuration, run.source, run.dataset, run.ipc)
    except ConfigError:
        return False
    return True


def first_run(
    configuration: Configuration, dataset: str, source: str, ipc: int, arch: str, recipe: str
) -> RunId:
    """The run of a cell or point with the first of the chosen seeds, under the chosen protocol."""
    protocol, seed = configuration.selection.protocol, configuration.selection.seeds[0]
    return RunId(
        dataset=dataset, source=source, ipc=ipc, arch=arch, recipe=recipe, protocol=protocol, seed=seed
    )
