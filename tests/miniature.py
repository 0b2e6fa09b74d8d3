"""A whole workspace in miniature: three classes of 16 x 16 images, trainings of a few epochs."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

CLASSES = ("apple", "boat", "cat")
SIDE = 16
HOST = "data.example.org"


@dataclass(frozen=True)
class Workspace:
    """A folder with its own config/, a mirror to fetch from, and the means to run Snakemake in it."""

    folder: Path
    mirror: Path
    project: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a run: nothing but this workspace's mirror and cache."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CROSSARCH", "PYTEST"))},
            "PATH": path,
            "PYTHONPATH": str(self.project / "workflow_src"),  # a copy of it, maybe
            "CROSSARCH_MIRROR": str(self.mirror),
            "CROSSARCH_CACHE": str(self.folder / "cache"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake with the project's Snakefile in this workspace."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nocolor"]
        command += ["--snakefile", str(self.project / "Snakefile"), "--directory", str(self.folder)]
        return self._run([*command, *arguments])

    def crossarch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line in this workspace."""
        return self._run([sys.executable, "-m", "crossarch", *arguments])

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run would start, by rule; targets (local, without output) left out."""
        finished = self.snakemake("-n", *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        jobs: dict[str, int] = {}
        lines = iter((finished.stdout + finished.stderr).splitlines())
        for line in lines:
            if line.startswith("job ") and line.split() == ["job", "count"]:
                next(lines)
                for row in lines:
                    name, *count = row.split()
                    if name == "total":
                        return jobs
                    jobs[name] = int(count[0])
        return jobs

    def edit(self, file: str, change: Callable[[Any], None]) -> None:
        """Change one YAML file of the workspace's configuration."""
        path = self.folder / "config" / file
        data = yaml.safe_load(path.read_text())
        change(data)
        path.write_text(yaml.safe_dump(data))

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=1_800,
        )


def make_workspace(folder: Path, project: Path) -> Workspace:
    """A workspace in an empty folder."""
    mirror = folder / "mirror" / HOST
    mirror.mkdir(parents=True)
    _make_real_set(mirror / "tiny.zip")
    _make_distilled_set(mirror)
    shutil.copytree(project / "config", folder / "config")
    made = Workspace(folder, folder / "mirror", project)
    made.edit("datasets.yaml", lambda data: _shrink_datasets(data, mirror))
    made.edit("sources.yaml", lambda data: _shrink_sources(data, mirror))
    made.edit("recipes.yaml", _shorten_recipes)
    made.edit("config.yaml", lambda data: data.update(SELECTION))
    return made


SELECTION = {
    "datasets": ["cifar10"],
    "sources": ["frepo"],
    "ipc": [1],
    "archs": ["cnn", "alexnet"],
    "recipes": ["baseline", "wo_dp_kd", "full"],
    "seeds": [0],
    "evaluation": {"every": 3},
    "device": "cpu",
}


def _make_real_set(path: Path) -> None:
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for split, count in (("train", 12), ("test", 5)):
            for number, name in enumerate(CLASSES):
                for index in range(count):
                    pixels = generator.integers(0, 80, (SIDE, SIDE, 3)) + 80 * number
                    content = io.BytesIO()
                    Image.fromarray(pixels.astype(np.uint8)).save(content, format="PNG")
                    archive.writestr(f"tiny-1/{split}/{name}/{index:04d}.png", content.getvalue())


def _make_distilled_set(folder: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(len(CLASSES), 3, SIDE, SIDE, generator=generator)
    images += torch.arange(len(CLASSES)).view(-1, 1, 1, 1) - 1.0
    torch.save(images, folder / "images.pt")
    torch.save(torch.eye(len(CLASSES)), folder / "labels.pt")


def _file(path: Path) -> dict[str, str]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"url": f"https://{HOST}/{path.name}", "sha256": digest}


def _shrink_datasets(data: dict[str, Any], mirror: Path) -> None:
    origin = {"layout": "class-folders", "archives": [_file(mirror / "tiny.zip")]}
    small = {"classes": len(CLASSES), "image_size": SIDE, "batch_size": {1: 2}}
    data["cifar10"] |= {**small, "origin": origin, "content": None}


def _shrink_sources(data: dict[str, Any], mirror: Path) -> None:
    entry = {"images": _file(mirror / "images.pt"), "labels": _file(mirror / "labels.pt")}
    data["frepo"] |= {"widths": [4, 8, 8], "sets": {"cifar10": {1: entry}}}


def _shorten_recipes(data: dict[str, Any]) -> None:
    recipes = data["recipes"]
    recipes["baseline"] |= {"epochs": 6}
    recipes["wo_dp_kd"]["schedule"] = {"name": "cosine", "warmup": 2, "period": 6}
    for name, recipe in recipes.items():
        if "epochs" in recipe and name != "baseline":
            recipe |= {"epochs": 9 if recipe["epochs"] > 1000 else 3}
    recipes["wo_kd"]["keep_rate"] |= {"warmup": 1, "period": 1, "stabilise": 6}
    recipes["wo_kd"]["schedule"] |= {
        "warmup": 1,
        "cosine_period": 200,
        "period": 2,
        "stabilise": 6,
    }
