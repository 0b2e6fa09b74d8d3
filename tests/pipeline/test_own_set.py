"""What config/README.md says about a set of one's own, done word for word."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from conftest import CLASSES, SIDE, Workspace
from PIL import Image

from crossarch.data import load_set
from crossarch.data.whitening import load_whitener


def told(project: Path, language: str) -> str:
    """The block of code of a language in the section of the page."""
    page = (project / "config" / "README.md").read_text()
    section = page.split("### A set of your own")[1].split("\n## ")[0]
    block = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return block[1]


def append_source(workspace: Workspace, text: str) -> None:
    with (workspace.folder / "config" / "sources.yaml").open("a") as file:
        file.write(text)


@pytest.mark.slow
def test_every_network_of_a_table_trains_on_it(workspace: Workspace, project: Path) -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(size=(len(CLASSES), SIDE, SIDE, 3)).astype(np.float32)
    np.savez(workspace.folder / "my-set.npz", images=images, labels=np.arange(len(CLASSES)))
    entry = told(project, "yaml")
    assert len(entry.strip().splitlines()) < 10
    append_source(workspace, entry)

    program, *arguments = shlex.split(told(project, "sh"))
    assert program == "snakemake"
    finished = workspace.snakemake(*arguments)
    assert finished.returncode == 0, finished.stdout + finished.stderr

    prepared = load_set(workspace.folder / "results/distilled/mine/cifar10/ipc1.safetensors")
    np.testing.assert_array_equal(prepared.images.numpy(), images.transpose(0, 3, 1, 2))
    assert prepared.labels.tolist() == [0, 1, 2]
    page = (workspace.folder / "results/tables/table2-comparison.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")]
    titles = [row[0].strip() for row in rows]
    assert titles.index("My set") > titles.index("MTT") > titles.index("FRePo")
    baseline = rows[titles.index("My set")]
    assert [cell.strip()[0].isdigit() or cell.strip().startswith("*") for cell in baseline[3:]].count(
        True
    ) == 2  # cnn and alexnet, which the workspace selects


@pytest.mark.slow
def test_a_folder_of_images_is_moved_into_the_space_of_its_whitening(
    workspace: Workspace, project: Path
) -> None:
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (len(CLASSES), SIDE, SIDE, 3)).astype(np.uint8)
    for name, image in zip(CLASSES, pixels, strict=True):
        (workspace.folder / "my-set" / name).mkdir(parents=True)
        Image.fromarray(image).save(workspace.folder / "my-set" / name / "0.png")
    text = told(project, "yaml").replace("my-set.npz", "my-set")
    append_source(workspace, text.rstrip() + "\n  pixels: raw\n")

    target = "results/distilled/mine/cifar10-jpeg/ipc1.safetensors"
    finished = workspace.snakemake(target)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    prepared = load_set(workspace.folder / target)
    whitener = load_whitener(
        workspace.folder / "results/data/cifar10-jpeg/whitening/zca-kornia.safetensors"
    )
    assert whitener.mean is not None
    assert whitener.matrix is not None
    flat = pixels.transpose(0, 3, 1, 2).reshape(len(CLASSES), -1) / 255.0
    expected = (flat - whitener.mean.double().numpy()) @ whitener.matrix.double().numpy()
    np.testing.assert_allclose(prepared.images.flatten(1).numpy(), expected, atol=1e-4)

    # A changed image makes the set anew, an unchanged folder does not.
    assert workspace.planned(target) == {}
    Image.fromarray(pixels[1]).save(workspace.folder / "my-set" / CLASSES[0] / "0.png")
    assert workspace.planned(target) == {"distilled": 1}
