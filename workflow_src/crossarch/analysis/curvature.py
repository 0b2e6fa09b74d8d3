"""The curvature of the training loss where a run ended, from files to files (Appendix B.5, Figure 8)."""

import time
from importlib.metadata import version

import torch
from torch import nn

from crossarch.analysis.finished import FinishedRun
from crossarch.analysis.hessian import Batches, hessian_of_loss, mean_loss, top_eigenpairs
from crossarch.analysis.job import Job
from crossarch.analysis.landscape import landscape, offsets, write_landscape
from crossarch.analysis.record import CurvatureRecord, CurvatureSeconds
from crossarch.data import ImageSet
from crossarch.errors import ConfigError
from crossarch.training.losses import make_targets

BATCH = 100  # training images in one forward pass
SOLVERS = ("scipy", "curvlinops-for-pytorch")


def measure_curvature(job: Job) -> CurvatureRecord:
    """Measure the Hessian of the training loss where a run ended, and the loss around it (Appendix B.5).

    The loss is the cross-entropy of all images of the training set, not augmented, with the run's own
    targets; the network is in evaluation mode. How is up to `curvature` in config.yaml. Writes the
    landscape. Raises DataError where the run has not ended or its files do not fit.
    """
    settings = job.configuration.selection.curvature
    finished = job.finished
    training_set = job.layout.training_set(job.configuration, job.run.training_set, job.run.seed)
    inputs = {
        "weights": finished.check_weights("last"),
        "distilled": finished.check_input("distilled", training_set),
    }
    network = finished.network("last").eval()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if settings.eigenvalues >= parameters:
        raise ConfigError(
            f"curvature.eigenvalues: found {settings.eigenvalues}, allowed: less than the {parameters} "
            f"parameters of {job.run.path}"
        )
    with job.where.taken() as device:
        network = network.to(device)
        batches = _batches(finished, finished.load_set(training_set), device)
        loss, gradient_norm = _loss_and_gradient(network, batches)
        started = time.perf_counter()
        pairs = top_eigenpairs(
            hessian_of_loss(network, batches),
            settings.eigenvalues,
            settings.tolerance,
            lambda products: job.progress("Hessian-vector products", products, None),
        )
        halfway = time.perf_counter()
        places, total = offsets(settings.extent, settings.points), settings.points**2
        losses = landscape(
            network,
            batches,
            pairs.vectors[:, :2],
            places,
            lambda points: job.progress("Landscape", points, total),
        )
        ended = time.perf_counter()
        write_landscape(places, losses, job.layout.landscape(job.run))
        return CurvatureRecord(
            images=sum(len(images) for images, _ in batches),
            settings=settings,
            parameters=parameters,
            loss=loss,
            gradient_norm=gradient_norm,
            eigenvalues=tuple(map(float, pairs.values)),
            residuals=tuple(map(float, pairs.residuals)),
            products=pairs.products,
            seconds=CurvatureSeconds(
                eigenvalues=round(halfway - started, 1), landscape=round(ended - halfway, 1)
            ),
            **job.stamp(device, inputs, solver={name: version(name) for name in SOLVERS}),
        )


def _batches(finished: FinishedRun, training_set: ImageSet, device: torch.device) -> Batches:
    """All training images with the targets that the run was trained with, on `device`."""
    targets = make_targets(training_set.labels, finished.settings.labels).to(device)
    images = training_set.images.to(device)
    return list(zip(images.split(BATCH), targets.split(BATCH), strict=True))


def _loss_and_gradient(network: nn.Module, batches: Batches) -> tuple[float, float]:
    """The loss at the weights of `network`, and the length of its gradient."""
    loss = mean_loss(network, batches)
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    squares = [gradient.square().sum() for gradient in gradients if gradient is not None]
    return loss.item(), torch.stack(squares).sum().sqrt().item()
