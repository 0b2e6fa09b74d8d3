"""From a set that is distilled here to everything that its distillation needs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from crossarch.config.configuration import Configuration
from crossarch.config.custom import OWN_PLACE
from crossarch.config.model import Resolved
from crossarch.config.resolve import (
    batch_size_of,
    check_training_set,
    label_settings,
    plain_network,
    set_whitening,
)
from crossarch.config.runs import SetId
from crossarch.config.schema import Frepo, Whitening
from crossarch.config.sets import chosen_sets
from crossarch.config.settings import LabelSettings, NetworkSettings
from crossarch.errors import ConfigError


class DistilSettings(Resolved):
    """The resolved settings of one distillation.

    `batch_size` and `labels` are those of trainings on the set, for the tests on the way.
    """

    WITHOUT_EFFECT: ClassVar[Mapping[str, Any]] = {
        "method": {"test": True},
        "batch_size": True,
        "labels": True,
    }
    PLACES: ClassVar[Mapping[str, Any]] = {"network": OWN_PLACE}

    target: SetId
    network: NetworkSettings
    whitening: Whitening
    method: Frepo
    batch_size: int
    labels: LabelSettings


def resolve_distil(configuration: Configuration, target: SetId) -> DistilSettings:
    """Everything that the distillation of `target` needs. Raises ConfigError if it is impossible."""
    source = configuration.source(target.source)
    check_training_set(configuration, target.source, target.dataset, target.ipc)
    if not source.distilled:
        raise ConfigError(
            f"{configuration.directory}/sources.yaml: {target.source}: found `{source.kind}`, allowed "
            "for a distillation: a source with `distilled`"
        )
    return DistilSettings(
        target=target,
        network=plain_network(configuration, source.arch, target.source, target.dataset),
        whitening=set_whitening(configuration, target.source, target.dataset, target.ipc),
        method=source.distilled[target.dataset].model_copy(update={"ipc": (target.ipc,)}),
        batch_size=batch_size_of(configuration, target.dataset, target.ipc),
        labels=label_settings(configuration, target.source, target.dataset, target.ipc),
    )


def chosen_distillations(configuration: Configuration) -> list[SetId]:
    """The sets distilled here that the chosen tables and figures need. Raises ConfigError for no run."""
    chosen = chosen_sets(configuration)
    return [one for one in chosen if configuration.source(one.source).distilled]
