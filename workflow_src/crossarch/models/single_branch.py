"""AlexNet and VGG11 for small images, with virtual shortcuts over pairs of layers (Section 3.1)."""

from typing import cast

from torch import Tensor, nn

from crossarch.config import NetworkSettings
from crossarch.models.droppath import SingleBranchBlock
from crossarch.models.layers import conv_norm_relu, pooled_shortcut


class SingleBranchNetwork(nn.Module):
    """Convolutional features of one branch, flattened into one linear layer."""

    def __init__(self, features: list[nn.Module], flattened: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Linear(flattened, classes)

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.classifier(self.features(images).flatten(1)))


def alexnet(settings: NetworkSettings) -> SingleBranchNetwork:
    """Five convolutions of widths 128-192-256-192-192; blocks (2, 3) with a pool inside, (4, 5)."""
    side = settings.image_size // 8
    features = [
        *conv_norm_relu(settings.channels, 128, 5, settings.first_norm),
        nn.MaxPool2d(2),
        _pair(settings, (128, 192, 256), kernels=(5, 3), pool_between=True),
        _pair(settings, (256, 192, 192), kernels=(3, 3)),
        nn.MaxPool2d(2),
    ]
    return SingleBranchNetwork(features, 192 * side * side, settings.classes)


def vgg11(settings: NetworkSettings) -> SingleBranchNetwork:
    """64 M 128 M 256 256 M 512 512 M 512 512 M; blocks (3, 4), (5, 6), (7, 8).

    Five pools take images of 32 pixels down to one: smaller images do without those of the last pools
    that would leave nothing.
    """
    stages: list[list[nn.Module]] = [
        conv_norm_relu(settings.channels, 64, 3, settings.norm),
        conv_norm_relu(64, 128, 3, settings.norm),
        [_pair(settings, (128, 256, 256), kernels=(3, 3))],
        [_pair(settings, (256, 512, 512), kernels=(3, 3))],
        [_pair(settings, (512, 512, 512), kernels=(3, 3))],
    ]
    features: list[nn.Module] = []
    side = settings.image_size
    for stage in stages:
        features += stage
        if side > 1:
            features.append(nn.MaxPool2d(2))
            side //= 2
    return SingleBranchNetwork(features, 512 * side * side, settings.classes)


def _pair(
    settings: NetworkSettings,
    widths: tuple[int, int, int],
    kernels: tuple[int, int],
    pool_between: bool = False,
) -> SingleBranchBlock:
    """Two convolutions, with a virtual shortcut over both if the network has DropPath.

    The shortcut is the identity where shapes agree, else (max-pool where the pair pools) 1x1
    convolution and norm; it comes after the pair's last ReLU and has none of its own.
    """
    inputs, middle, outputs = widths
    pooling: list[nn.Module] = [nn.MaxPool2d(2)] if pool_between else []
    main = nn.Sequential(
        *conv_norm_relu(inputs, middle, kernels[0], settings.norm),
        *pooling,
        *conv_norm_relu(middle, outputs, kernels[1], settings.norm),
    )
    if not settings.droppath:
        return SingleBranchBlock(main, None)
    if inputs == outputs and not pool_between:
        return SingleBranchBlock(main, nn.Identity())
    pool = 2 if pool_between else 1
    return SingleBranchBlock(main, pooled_shortcut(inputs, outputs, pool, settings.norm))
