"""Finished runs in miniature: a CNN and a student of it, three classes of 8 x 8 images, a few epochs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from crossarch.analysis.measure import measure
from crossarch.config import Configuration, RunId, RunSettings, load_configuration, parse_run, resolve
from crossarch.config.schema import KeepRate, StepSchedule
from crossarch.config.sets import AUDITED
from crossarch.data import ImageSet, save_set
from crossarch.layout import Layout
from crossarch.training.run import train_run

CONFIG = Path(__file__).parents[2] / "config"
CLASSES, SIDE, TESTED = 3, 8, 30


@dataclass(frozen=True)
class Bench:
    """Where tiny trainings lie, and the configuration that they are analysed with."""

    configuration: Configuration
    layout: Layout
    teacher: RunId
    student: RunId

    def settings(self, run: RunId) -> RunSettings:
        """What `run` was trained with: the configuration's settings, cut down."""
        return _tiny(resolve(self.configuration, run))

    @property
    def distilled(self) -> Path:
        """What both are trained on."""
        return self.layout.distilled("frepo", "cifar10", 1)

    def test_set(self, space: str = "zca-frepo") -> Path:
        """The test set, as it stands, in the space of the set."""
        return self.layout.test_set("cifar10", space)

    def weights(self, run: RunId, checkpoint: str = "last") -> Path:
        """Weights of a run."""
        return self.layout.run(run) / f"{checkpoint}.safetensors"

    def measure(self, analysis: str, run: RunId, published: Path | None = None, **options: Any) -> Any:
        """The record that an analysis makes of a run on the CPU, and writes."""
        known = {
            "weights": [self.weights(run)],
            "best": [self.weights(run, "best")],
            "distilled": [self.distilled],
            "test": [self.test_set()],
            "tests": [self.test_set(space) for space in AUDITED],
            "teacher": [self.weights(self.teacher, "best")],
            "teacher_metrics": [self.layout.run_metrics(self.teacher)],
            "published": [published],
        }
        files = {name: known[name] for name in self.configuration.analysis(analysis).inputs}
        files["metrics"] = [self.layout.run_metrics(run)]
        record = self.layout.analysis_record(analysis, run)
        return measure(analysis, files, options, record, device="cpu")


def _tiny(settings: RunSettings) -> RunSettings:
    small = {"classes": CLASSES, "image_size": SIDE, "widths": (4, 4)}
    update: dict[str, Any] = {
        "network": settings.network.model_copy(update=small),
        "teacher_network": settings.teacher_network
        and settings.teacher_network.model_copy(update=small),
        "epochs": 4,
        "batch_size": 4,
        "optimizer": settings.optimizer.model_copy(update={"lr": 1e-2}),
        "schedule": StepSchedule(name="step", milestones=(3,), factor=0.5),
        "evaluate_every": 2,
    }
    if settings.keep_rate:
        update["keep_rate"] = KeepRate(warmup=1, period=1, decay=0.2, min=0.6, final=0.8, stabilise=3)
    return settings.model_copy(update=update)


def configured(**selection: Any) -> Configuration:
    """The project's configuration with `selection` laid over it."""
    usual = {"datasets": ["cifar10"], "ipc": [1], "sources": ["frepo"], "seeds": [0]}
    return load_configuration(CONFIG, overrides=[("test", usual | selection)])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A finished CNN with batch norm, trained on soft labels."""
    configuration = configured()
    layout = Layout(tmp_path / "results")
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(6, 3, SIDE, SIDE, generator=draws)
    labels = torch.eye(CLASSES)[torch.arange(6) % CLASSES] * 0.5
    save_set(layout.distilled("frepo", "cifar10", 1), ImageSet(images, labels), {})
    tests = torch.randn(TESTED, 3, SIDE, SIDE, generator=draws)
    for place, space in enumerate(AUDITED):
        shifted = tests * (1 + place) + place
        image_set = ImageSet(shifted, torch.arange(TESTED) % CLASSES)
        save_set(layout.test_set("cifar10", space), image_set, {"whitening": space})
    made = Bench(
        configuration,
        layout,
        teacher=parse_run("cifar10/frepo/ipc1/cnn/wo_dp_kd/seed0"),
        student=parse_run("cifar10/frepo/ipc1/alexnet/full/seed0"),
    )
    train(made, made.teacher)
    return made


@pytest.fixture
def taught(bench: Bench) -> Bench:
    """The same with a student of it."""
    train(bench, bench.student)
    return bench


def train(bench: Bench, run: RunId) -> None:
    """Train one run of a bench."""
    settings, layout = bench.settings(run), bench.layout
    train_run(
        settings,
        distilled=layout.training_set(bench.configuration, run.training_set, run.seed),
        test=layout.test_set(run.dataset, settings.whitening),
        teacher=layout.run(settings.teacher) / "best.safetensors" if settings.teacher else None,
        folder=layout.run(run),
        state_root=layout.states,
        device="cpu",
    )
