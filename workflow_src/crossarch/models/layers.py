"""Pieces that all networks share: normalisation, convolution with it, shortcuts."""

from torch import nn

from crossarch.config.schema import Norm

BatchNorm = nn.modules.batchnorm._BatchNorm
"""What batch norms of any dimension are instances of."""


def make_norm(norm: Norm, channels: int) -> nn.Module:
    """Batch norm, or instance norm with affine parameters (as many groups as channels)."""
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(channels, channels)


def conv_norm(inputs: int, outputs: int, kernel: int, norm: Norm, stride: int = 1) -> list[nn.Module]:
    """Convolution with bias, size kept at stride 1, and its norm."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    return [convolution, make_norm(norm, outputs)]


def conv_norm_relu(
    inputs: int, outputs: int, kernel: int, norm: Norm, stride: int = 1
) -> list[nn.Module]:
    """Convolution with bias, its norm, ReLU."""
    return [*conv_norm(inputs, outputs, kernel, norm, stride), nn.ReLU(inplace=True)]


def pooled_shortcut(inputs: int, outputs: int, pool: int, norm: Norm) -> nn.Module:
    """Improved shortcut (Figure 2 d): max-pool, 1x1 convolution, norm; no pool where `pool` is 1."""
    pooling: list[nn.Module] = [nn.MaxPool2d(pool)] if pool > 1 else []
    return nn.Sequential(*pooling, *conv_norm(inputs, outputs, 1, norm))


def strided_shortcut(inputs: int, outputs: int, stride: int, norm: Norm) -> nn.Module:
    """Original shortcut (Figure 2 c): strided 1x1 convolution, norm."""
    return nn.Sequential(*conv_norm(inputs, outputs, 1, norm, stride))
