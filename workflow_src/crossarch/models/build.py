"""The networks by name."""

from collections.abc import Callable

from torch import nn

from crossarch.config import NetworkSettings
from crossarch.models.cnn import Cnn
from crossarch.models.custom import build_own
from crossarch.models.resnet import resnet18, resnet50
from crossarch.models.single_branch import alexnet, vgg11

NETWORKS: dict[str, Callable[[NetworkSettings], nn.Module]] = {
    "cnn": Cnn,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "alexnet": alexnet,
    "vgg11": vgg11,
}


def build(settings: NetworkSettings) -> nn.Module:
    """The network of `settings`, freshly initialised from torch's global generator.

    Raises ConfigError where the file of a network of the user's own is not as it should be.
    """
    if settings.own is not None:
        return build_own(settings, settings.own)
    return NETWORKS[settings.arch](settings)
