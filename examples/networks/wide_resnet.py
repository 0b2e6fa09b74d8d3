"""A small WideResNet (Zagoruyko and Komodakis 2016): depth 10, width 2, before-activation blocks."""

import torch.nn.functional as F
from torch import Tensor, nn

from crossarch.models import NetworkSettings, network

WIDTHS = (32, 64, 128)


def norm_relu(settings: NetworkSettings, width: int) -> list[nn.Module]:
    """The norm that goes with the distilled set, as its own network has it, then ReLU."""
    batch = settings.norm == "batch"
    return [nn.BatchNorm2d(width) if batch else nn.GroupNorm(width, width), nn.ReLU()]


class Block(nn.Module):
    """Skip path plus branch."""

    def __init__(self, settings: NetworkSettings, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.before = nn.Sequential(*norm_relu(settings, inputs))
        self.branch = nn.Sequential(
            nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False),
            *norm_relu(settings, width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )
        self.skip = nn.Conv2d(inputs, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        return self.skip(x) + self.branch(x)


@network("wideresnet", droppath=("blocks.*.branch",))
class WideResNet(nn.Module):
    """Stem, three blocks, global average pool, linear layer; any image size from 8 on."""

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.stem = nn.Conv2d(settings.channels, 16, 3, padding=1, bias=False)
        blocks, inputs = [], 16
        for place, width in enumerate(WIDTHS):
            blocks.append(Block(settings, inputs, width, stride=1 if place == 0 else 2))
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Sequential(*norm_relu(settings, inputs))
        self.classifier = nn.Linear(inputs, settings.classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.last(self.blocks(self.stem(images)))
        return self.classifier(F.adaptive_avg_pool2d(features, 1).flatten(1))
