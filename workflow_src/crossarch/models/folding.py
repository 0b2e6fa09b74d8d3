"""Networks as they are tested: batch norms folded into the convolutions before them."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from crossarch.models.cnn import Cnn
from crossarch.models.copies import copied
from crossarch.models.resnet import ResNet
from crossarch.models.single_branch import SingleBranchNetwork

OURS = (Cnn, ResNet, SingleBranchNetwork)


def folded(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode without gradients; one of ours has its batch norms folded.

    Batch norms that keep no running statistics stay: they take those of each batch, also in evaluation
    mode. So do those of a network of the user's own, of which is not known how it calls its layers.
    """
    fast = copied(network).eval().requires_grad_(False)
    if isinstance(fast, OURS):
        for module in fast.modules():
            if isinstance(module, nn.Sequential):
                _fold(module)
    return fast


def _fold(layers: nn.Sequential) -> None:
    for index in range(len(layers) - 1):
        convolution, norm = layers[index], layers[index + 1]
        if (
            isinstance(convolution, nn.Conv2d)
            and isinstance(norm, nn.BatchNorm2d)
            and norm.running_mean is not None
        ):
            layers[index] = fuse_conv_bn_eval(convolution, norm)
            layers[index + 1] = nn.Identity()
