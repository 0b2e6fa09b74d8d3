"""What the running statistics of batch norms cost: the same weights with the statistics of test batches.

Batch norms see a handful of synthetic images in training, and real images when they are tested. Testing
with the statistics of batches of test images tells how much of an accuracy hangs on that; it is no fair
test, since a prediction depends on the other images of its batch.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from crossarch.analysis.base import Analysis, FinishedRun, Record
from crossarch.analysis.cells import CELL, difference_error
from crossarch.errors import ConfigError

BATCH_SIZE = 100  # test images that make the statistics of a batch


class StatisticsRecord(Record):
    """Test accuracies (percent) with running statistics of batch norms and with those of test batches.

    `batch_size` test images, drawn without replacement (seed 0), make the statistics of a batch.
    """

    running: float
    batch: float
    batch_size: int = Field(ge=2)


class Statistics(Analysis[StatisticsRecord]):
    """Accuracies of each cell with either statistics, means over n seeds, in percent.

    Besides: change (batch minus running, points), error (at most: the standard error of the change that
    the number of test images leaves if the two tests were independent, points).
    """

    record = StatisticsRecord
    title = "What the running statistics of batch norms cost"
    axis = "Statistics of test batches minus running statistics (points)"
    drawn = "change"
    columns = (*CELL, "n", "running", "batch", "change", "error")

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """The last weights; ConfigError without batch norm."""
        import torch

        from crossarch.analysis.predictions import hit_rate, predictions_of_batches
        from crossarch.models.layers import BatchNorm
        from crossarch.running.evaluation import accuracy

        network, test, path = run.network(), run.images("test"), run.settings.run.path
        if not any(isinstance(module, BatchNorm) for module in network.modules()):
            raise ConfigError(f"{path}: found no batch norm, which statistics needs")
        # A test set may be sorted by class, and a batch of one class has statistics of its own.
        order = torch.randperm(len(test.labels), generator=torch.Generator().manual_seed(0))
        order = order.to(run.device)
        hits = predictions_of_batches(network, test.images[order], BATCH_SIZE) == test.labels[order]
        return {
            "images": len(test.images),
            "running": round(accuracy(network, test.images, test.labels, path), 4),
            "batch": round(hit_rate(hits), 4),
            "batch_size": BATCH_SIZE,
        }

    def rows(self, record: StatisticsRecord) -> Iterator[dict[str, Any]]:
        """With change and error."""
        yield {
            **record.model_dump(),
            "change": record.batch - record.running,
            "error": difference_error(record.running, record.batch, record.images),
        }
