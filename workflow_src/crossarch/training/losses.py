"""Targets from labels, and the loss of knowledge distillation (Equation 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from crossarch.config import LabelSettings


def make_targets(labels: Tensor, settings: LabelSettings) -> Tensor:
    """Class indices (N,) int64 as they are; soft labels (N, classes) become softmax(y / t).

    Appendix C, "Training": the learned labels are divided by a temperature t.
    """
    if settings.kind == "hard":
        return labels
    return torch.softmax(labels / settings.temperature, dim=1)


def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    targets: Tensor,
    weight: float,
    temperature: float,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Equation 2: alpha tau^2 KL(teacher || student) + (1 - alpha) cross-entropy, batch means.

    `student` and `teacher` are logits (N, classes); `targets` are indices (N,) or probabilities
    (N, classes); `weight` is alpha in [0, 1], `temperature` is tau > 0; `label_smoothing` is that of the
    cross-entropy. Returns a scalar.
    """
    divergence = F.kl_div(
        F.log_softmax(student / temperature, dim=1),
        F.log_softmax(teacher / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    entropy = F.cross_entropy(student, targets, label_smoothing=label_smoothing)
    return weight * temperature**2 * divergence + (1.0 - weight) * entropy
