"""A plain trainer to compare with, in the style of the authors' released one.

A DataLoader that starts its worker processes anew each epoch, images that travel one by one, a loss that
is read back each step, and a test set that comes through a loader, too. Networks, augmentation and
optimiser are crossarch's own, so that only the loop is compared.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crossarch.config import RunSettings
from crossarch.data import ImageSet
from crossarch.models import build
from crossarch.training.augmentation import augment
from crossarch.training.losses import make_targets
from crossarch.training.optimizers import make_optimizer

WORKERS = 4
TEST_BATCH = 256


class Images(Dataset[tuple[Tensor, Tensor]]):
    """An image set, one image at a time."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]

    def __len__(self) -> int:
        return len(self.images)


class ReferenceTraining:
    """One network, trained without distillation."""

    def __init__(self, settings: RunSettings, training_set: ImageSet, test_set: ImageSet) -> None:
        self.settings = settings
        self.network = build(settings.network)
        self.optimizer = make_optimizer(settings.optimizer, self.network.parameters())
        targets = make_targets(training_set.labels, settings.labels)
        self.training_set = Images(training_set.images, targets)
        self.test_set = Images(test_set.images, test_set.labels)
        self.draws = torch.Generator().manual_seed(0)

    def train_epoch(self) -> float:
        """The mean loss of an epoch."""
        self.network.train()
        loader = DataLoader(
            self.training_set, self.settings.batch_size, shuffle=True, num_workers=WORKERS
        )
        total = 0.0
        for images, targets in loader:
            augmented = augment(images, self.settings.augmentation, self.draws, self.draws)
            loss = F.cross_entropy(self.network(augmented), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(images)
        return total / len(self.training_set)

    @torch.no_grad()
    def evaluate(self) -> float:
        """Test accuracy in percent."""
        self.network.eval()
        correct = 0
        for images, labels in DataLoader(self.test_set, TEST_BATCH, num_workers=WORKERS):
            correct += (self.network(images).argmax(1) == labels).sum().item()
        return 100.0 * correct / len(self.test_set)
