"""ResNet18 and ResNet50 (He et al. 2016) in the form for small images: 3x3 stem, no stem pool."""

from typing import cast

from torch import Tensor, nn

from crossarch.config import NetworkSettings
from crossarch.config.schema import Norm
from crossarch.models.droppath import ResidualBlock
from crossarch.models.layers import conv_norm, conv_norm_relu, pooled_shortcut, strided_shortcut

WIDTHS = (64, 128, 256, 512)


def _basic(inputs: int, width: int, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        *conv_norm_relu(inputs, width, 3, norm, stride),
        *conv_norm(width, width, 3, norm),
    )


def _bottleneck(inputs: int, width: int, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        *conv_norm_relu(inputs, width, 1, norm),
        *conv_norm_relu(width, width, 3, norm, stride),
        *conv_norm(width, 4 * width, 1, norm),
    )


class ResNet(nn.Module):
    """Stem, four stages of residual blocks (each with DropPath), global average pool, linear layer."""

    def __init__(self, settings: NetworkSettings, blocks: tuple[int, ...], bottleneck: bool) -> None:
        super().__init__()
        norm = settings.norm
        make_main, expansion = (_bottleneck, 4) if bottleneck else (_basic, 1)
        make_shortcut = pooled_shortcut if settings.shortcut == "improved" else strided_shortcut
        layers: list[nn.Module] = [*conv_norm_relu(settings.channels, WIDTHS[0], 3, norm)]
        inputs = WIDTHS[0]
        for stage, (width, count) in enumerate(zip(WIDTHS, blocks, strict=True)):
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                outputs = width * expansion
                same = stride == 1 and inputs == outputs
                shortcut = nn.Identity() if same else make_shortcut(inputs, outputs, stride, norm)
                layers.append(ResidualBlock(make_main(inputs, width, stride, norm), shortcut))
                inputs = outputs
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(inputs, settings.classes)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.features(images).flatten(1)))


def resnet18(settings: NetworkSettings) -> ResNet:
    """Two basic blocks a stage."""
    return ResNet(settings, blocks=(2, 2, 2, 2), bottleneck=False)


def resnet50(settings: NetworkSettings) -> ResNet:
    """3, 4, 6, 3 bottleneck blocks."""
    return ResNet(settings, blocks=(3, 4, 6, 3), bottleneck=True)
