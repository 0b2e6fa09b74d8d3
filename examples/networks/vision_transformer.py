"""torchvision's VisionTransformer (Dosovitskiy et al. 2021), small, on patches of 4 x 4 pixels."""

from torch import nn
from torchvision.models import VisionTransformer

from crossarch.models import NetworkSettings, network

PATCH, WIDTH = 4, 128


# The two branches of an encoder block: attention (behind it stands its dropout) and perceptron.
@network("vit", droppath=("encoder.layers.*.dropout", "encoder.layers.*.mlp"))
def vision_transformer(settings: NetworkSettings) -> nn.Module:
    """Six blocks of four heads; the image size has to be a multiple of 4."""
    made = VisionTransformer(
        image_size=settings.image_size,
        patch_size=PATCH,
        num_layers=6,
        num_heads=4,
        hidden_dim=WIDTH,
        mlp_dim=2 * WIDTH,
        num_classes=settings.classes,
    )
    if settings.channels != 3:
        made.conv_proj = nn.Conv2d(settings.channels, WIDTH, PATCH, PATCH)
    return made
