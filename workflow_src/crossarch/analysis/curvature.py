"""The curvature of the training loss where a run ended (Appendix B.5); Figure 8 is drawn from it."""

from importlib.metadata import version
from typing import Any

import numpy as np

from crossarch.analysis.base import Analysis, FinishedRun, Record
from crossarch.config.schema import CurvatureSettings

BATCH = 100  # training images in one forward pass
SOLVERS = ("scipy", "curvlinops-for-pytorch")


class CurvatureRecord(Record):
    """The Hessian of the training cross-entropy at the end of a run, and the loss around it.

    `images` are those of the training set, not augmented, with the run's own targets; the network is in
    evaluation mode: no DropPath, batch norms with their running statistics. `loss` and `gradient_norm`
    are those at the weights. `eigenvalues` are those of the largest magnitude, that first; `residuals`
    the lengths of H v - lambda v, `products` the Hessian-vector products that it took. `landscape` has
    the losses at `offsets` along the first eigenvector (rows) and the second (columns).
    """

    settings: CurvatureSettings
    parameters: int
    loss: float
    gradient_norm: float
    eigenvalues: tuple[float, ...]
    residuals: tuple[float, ...]
    products: int
    offsets: tuple[float, ...]
    landscape: tuple[tuple[float, ...], ...]
    solver: dict[str, str]


class Curvature(Analysis[CurvatureRecord]):
    """Eigenvalues of the Hessian, and the loss in the plane of the first two eigenvectors."""

    record = CurvatureRecord

    def measure(self, run: FinishedRun) -> dict[str, Any]:
        """Raise ConfigError where as many eigenvalues are requested as the network has parameters."""
        import torch

        from crossarch.analysis.hessian import hessian_of_loss, landscape, mean_loss, top_eigenpairs
        from crossarch.training.losses import make_targets

        how = CurvatureSettings.model_validate(run.options["curvature"])
        network, distilled = run.network().eval(), run.images("distilled")
        targets = make_targets(distilled.labels, run.settings.labels)
        batches = list(zip(distilled.images.split(BATCH), targets.split(BATCH), strict=True))
        parameters = list(network.parameters())
        loss = mean_loss(network, batches)
        gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
        pairs = top_eigenpairs(hessian_of_loss(network, batches), how.eigenvalues, how.tolerance)
        offsets = np.linspace(-how.extent, how.extent, how.points)
        return {
            "images": len(distilled.images),
            "settings": how,
            "parameters": sum(parameter.numel() for parameter in parameters),
            "loss": loss.item(),
            "gradient_norm": torch.cat([gradient.flatten() for gradient in gradients]).norm().item(),
            "eigenvalues": pairs.values.tolist(),
            "residuals": pairs.residuals.tolist(),
            "products": pairs.products,
            "offsets": offsets.tolist(),
            "landscape": landscape(network, batches, pairs.vectors[:, :2], offsets).tolist(),
            "solver": {name: version(name) for name in SOLVERS},
        }
