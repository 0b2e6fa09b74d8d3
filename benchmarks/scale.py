"""How time and memory grow with images per class, classes and image size, and what a job costs besides.

    python benchmarks/scale.py            # about ten minutes on two cores
    python benchmarks/scale.py --quick    # fewer points

Each point is a process of its own, on one thread: seconds of an epoch (the fastest of some) and peak
memory. Images are random numbers. Writes scale.json and scale.md into benchmarks/results, or into --to.
"""

import argparse
import json
import math
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate

from crossarch.config import RunSettings, load_configuration, parse_run, resolve
from crossarch.data import ImageSet, save_set
from crossarch.running.memory import keep_freed_memory
from crossarch.training.trainer import Training

HERE = Path(__file__).parent
SECONDS = 5.0  # of each point, at least one epoch and a warm-up
BATCH = {1: 10, 10: 100, 50: 128}  # Appendix C, for CIFAR-10
JOBS = 3


@dataclass(frozen=True)
class Point:
    """What is trained: FRePo's recipe `wo_dp_kd` of a network, on so many images."""

    arch: str
    ipc: int = 1
    classes: int = 10
    side: int = 32

    @property
    def images(self) -> int:
        return self.ipc * self.classes

    def settings(self) -> RunSettings:
        """Those of Table 2 with this point's numbers; a batch is at most as large as the paper's."""
        configuration = load_configuration(HERE.parent / "config")
        settings = resolve(configuration, parse_run(f"cifar10/frepo/ipc1/{self.arch}/wo_dp_kd/seed0"))
        sizes = {"classes": self.classes, "image_size": self.side}
        batch = BATCH[max(ipc for ipc in BATCH if ipc <= self.ipc)] if self.classes == 10 else 100
        network = settings.network.model_copy(update=sizes)
        return settings.model_copy(update={"network": network, "batch_size": batch})

    def random_set(self, images: int) -> ImageSet:
        """Soft labels, as FRePo's."""
        pixels = torch.randn(images, 3, self.side, self.side)
        return ImageSet(pixels, torch.randn(images, self.classes))


def measure(point: Point, queue: Any) -> None:
    """In a process of its own: report seconds an epoch and peak memory in MiB."""
    torch.set_num_threads(1)
    keep_freed_memory()
    test_set = ImageSet(point.random_set(10).images, torch.zeros(10, dtype=torch.int64))
    training_set = point.random_set(point.images)
    training = Training(point.settings(), training_set, test_set, None, torch.device("cpu"))
    training.train_epoch(0)
    seconds: list[float] = []
    while not seconds or sum(seconds) < SECONDS:
        begun = time.perf_counter()
        training.train_epoch(0)
        seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put({"seconds an epoch": round(min(seconds), 4), "peak MiB": round(peak)})


def measured(point: Point) -> dict[str, Any]:
    """A row: the point and what it took."""
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    process = context.Process(target=measure, args=(point, queue))
    process.start()
    found = queue.get()
    process.join()
    return {**asdict(point), "images": point.images, **found}


def exponent(rows: Sequence[dict[str, Any]], of: str, to: str) -> float:
    """The slope of log `of` over log `to`, by least squares: 1 is in proportion."""
    x = [math.log(row[to]) for row in rows]
    y = [math.log(row[of]) for row in rows]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return covariance / sum((a - mean_x) ** 2 for a in x)


def job_overhead(threads: int = 1) -> list[dict[str, Any]]:
    """Seconds of a training job that neither train nor test: a run of one epoch, from start to end."""
    point = Point("cnn")
    settings = point.settings().model_copy(update={"epochs": 1})
    with tempfile.TemporaryDirectory(prefix="job-overhead-") as name:
        folder = Path(name)
        save_set(folder / "distilled.safetensors", point.random_set(10), {})
        images = point.random_set(10_000).images
        save_set(folder / "test.safetensors", ImageSet(images, torch.arange(10_000) % 10), {})
        rows = []
        for number in range(JOBS):
            results = folder / str(number)
            command = [sys.executable, "-m", "crossarch", "train", "--settings", settings.to_json()]
            command += ["--distilled", str(folder / "distilled.safetensors"), "--device", "cpu"]
            command += ["--test", str(folder / "test.safetensors"), "--results", str(results)]
            begun = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
            whole = time.perf_counter() - begun
            metrics = json.loads((results / "runs" / settings.run.path / "metrics.json").read_text())
            inside = sum(metrics["seconds"].values())
            rows.append({"job s": round(whole, 1), "training and test s": round(inside, 1)})
            rows[-1]["overhead s"] = round(whole - inside, 1)
    return rows


def main() -> None:
    """Measure all points, print tables and growth laws, write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the ends of each range only")
    parser.add_argument("--to", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    axes: dict[str, list[Point]] = {}
    for arch in ("cnn", "resnet18"):
        start = Point(arch)
        axes[f"{arch}: images per class"] = [replace(start, ipc=ipc) for ipc in (1, 10, 20, 50)]
        axes[f"{arch}: classes"] = [replace(start, classes=number) for number in (10, 100, 200)]
        axes[f"{arch}: side in pixels"] = [replace(start, side=side) for side in (32, 64)]
    known: dict[Point, dict[str, Any]] = {}
    report: dict[str, Any] = {}
    texts = []
    for title, points in axes.items():
        chosen = [points[0], points[-1]] if arguments.quick else points
        for point in chosen:
            known[point] = known.get(point) or measured(point)
        rows = [known[point] for point in chosen]
        grown = "side" if "side" in title else "images"
        law = round(exponent(rows, "seconds an epoch", grown), 2)
        report[title] = {"rows": rows, "exponent of time": law}
        texts.append(
            f"**{title}**: time of an epoch grows as {grown}^{law}\n\n"
            f"{tabulate(rows, headers='keys', tablefmt='github')}\n"
        )
        print(texts[-1], flush=True)
    jobs = job_overhead()
    report["job"] = {"rows": jobs}
    texts.append(
        f"**a job's own cost**: {(job_overhead.__doc__ or '').splitlines()[0]}\n\n"
        f"{tabulate(jobs, headers='keys', tablefmt='github')}\n"
    )
    print(texts[-1], flush=True)
    if not arguments.quick:
        arguments.to.mkdir(parents=True, exist_ok=True)
        (arguments.to / "scale.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (arguments.to / "scale.md").write_text("\n".join(texts), encoding="utf-8")


if __name__ == "__main__":
    main()
