"""The small CNN that data are distilled with; also the teacher of knowledge distillation."""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from crossarch.config import NetworkSettings
from crossarch.models.layers import conv_norm_relu


class Cnn(nn.Module):
    """A block for each width: 3x3 convolution, norm, ReLU, 2x2 average pool; then a linear layer.

    The names of its parameters are those of the authors' teacher checkpoints.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        channels = (settings.channels, *settings.widths)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [*conv_norm_relu(inputs, outputs, 3, settings.norm), nn.AvgPool2d(2)]
        side = settings.image_size // 2 ** len(settings.widths)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(settings.widths[-1] * side * side, settings.classes)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.features(images).flatten(1)))
