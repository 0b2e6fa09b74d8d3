"""What docs/custom.md says about a custom network, recipe and set, done word for word."""

import hashlib
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from miniature import CLASSES, SIDE, Workspace, make_workspace
from PIL import Image
from safetensors.torch import load_file

from crossarch.config.sets import AUDITED
from crossarch.data import load_set
from crossarch.data.whitening import load_whitener

NETWORK, RECIPE, SET = "A custom network", "A custom recipe", "A custom set"
TEACHER = "A custom teacher"
EXAMPLES = {"wideresnet": "wide_resnet", "vit": "vision_transformer"}
PRESET, FILE = "config/presets/mine.yaml", "config/networks/tiny.py"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, project: Path) -> Workspace:
    """A workspace for several sections of the page: what they have in common is trained once."""
    return make_workspace(tmp_path_factory.mktemp("custom"), project)


def code_block(project: Path, section: str, language: str) -> str:
    """The first block of code of a language in a section of the page."""
    return code_blocks(project, section, language)[0]


def code_blocks(project: Path, section: str, language: str) -> list[str]:
    """The blocks of code of a language in a section of the page."""
    page = (project / "docs" / "custom.md").read_text()
    text = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def run_commands(workspace: Workspace, project: Path, section: str) -> list[str]:
    """Run each command of a section; gives what they print."""
    printed = []
    for line in code_block(project, section, "sh").splitlines():
        program, *arguments = shlex.split(line)
        call = {"snakemake": workspace.snakemake, "crossarch": workspace.crossarch}[program]
        finished = call(*arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        printed.append(finished.stdout)
    return printed


def write(workspace: Workspace, file: str, text: str) -> Path:
    path = workspace.folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def table_rows(workspace: Workspace, file: str) -> list[dict[str, str]]:
    """The rows of a Markdown table by the titles of its columns."""
    lines = (workspace.folder / "results" / "tables" / file).read_text().splitlines()
    header, _, *rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


@pytest.mark.slow
def test_a_network_is_a_column_of_every_table_and_trains_like_ours(
    shared: Workspace, project: Path
) -> None:
    for section in (NETWORK, RECIPE, SET):
        for language in ("yaml", "sh"):
            assert len(code_block(project, section, language).strip().splitlines()) < 10
    file = write(shared, FILE, code_block(project, NETWORK, "python"))
    write(shared, PRESET, code_block(project, NETWORK, "yaml") + "archs: [cnn, tiny]\n")
    described, _ = run_commands(shared, project, NETWORK)
    assert json.loads(described)["droppath_blocks"] == 1

    rows = table_rows(shared, "table2-comparison.md")
    first = rows[0]
    assert list(first)[-1] == "tiny"
    ours, paper, difference = first["tiny"].split(" / ")
    assert float(ours.strip("*")) > 0
    assert (paper, difference) == ("—", "—")
    assert [row["tiny"].startswith("—") for row in rows[:5]] == [False, False, True, True, False]
    runs = shared.folder / "results/runs/cifar10/frepo/ipc1"
    metrics = json.loads((runs / "tiny/full/seed0/metrics.json").read_text())
    assert metrics["settings"]["network"]["own"]["file"] == FILE
    of_ours = json.loads((runs / "cnn/baseline/seed0/metrics.json").read_text())
    assert "own" not in of_ours["settings"]["network"]

    # everything else that shows networks
    chosen = ("--configfile", "config/presets/cpu.yaml", PRESET)
    made = shared.snakemake("figure1", "scorecard", "report", *chosen)
    assert made.returncode == 0, made.stdout + made.stderr
    results = shared.folder / "results"
    assert "tiny, Full" in (results / "figures/figure1.csv").read_text()
    assert ",tiny," not in (results / "report/scorecard.csv").read_text()
    assert 'data-title="tiny"' in (results / "report/index.html").read_text()
    presets = ("--preset", "config/presets/cpu.yaml", "--preset", PRESET)
    status = shared.crossarch(*presets, "status", "--table", "table2")
    assert "tiny" in status.stdout
    weights = str(runs / "tiny/full/seed0/best.safetensors")
    asked = ("--arch", "tiny", "--source", "frepo", "--dataset", "cifar10", "--ipc", "1")
    evaluated = shared.crossarch("--preset", PRESET, "evaluate", "--weights", weights, *asked)
    assert json.loads(evaluated.stdout)["accuracy"] == metrics["accuracy"]["best"]

    # an edit of the file trains its runs again, and only those; a comment none, nor another place of it
    assert shared.planned("table2", *chosen) == {}
    moved = write(shared, "elsewhere/tiny.py", file.read_text())
    preset = shared.folder / PRESET
    before = preset.read_text()
    preset.write_text(before.replace(FILE, str(moved)))
    assert "train" not in shared.planned("table2", *chosen)
    assert shared.crossarch(*presets, "collect", "table2").returncode == 0
    preset.write_text(before)
    file.write_text("# for people\n" + file.read_text())
    assert shared.planned("table2", *chosen) == {}
    file.write_text(file.read_text().replace("nn.ReLU()", "nn.Tanh()"))
    assert shared.planned("table2", *chosen)["train"] == 3
    collected = shared.crossarch(*presets, "collect", "table2")
    assert collected.returncode == 4
    why = r"settings\.network\.own\.code: made with .*; 3 of \d+ runs would be made otherwise today"
    assert re.search(why, collected.stderr)


@pytest.mark.slow
def test_a_recipe_is_a_row_of_every_table(shared: Workspace, project: Path) -> None:
    chosen = "recipes: [full, full-slow]\n"
    write(shared, PRESET, code_block(project, RECIPE, "yaml") + chosen)
    scheduled, _ = run_commands(shared, project, RECIPE)
    assert max(float(line.split(",")[2]) for line in scheduled.splitlines()[1:]) == pytest.approx(2.5e-5)
    rows = table_rows(shared, "table2.md")
    place = [row["Method"] for row in rows].index("Full, half the rate")
    assert rows[place - 1]["Method"] == "Full"
    assert rows[place]["AlexNet"].strip("*")[0].isdigit()
    run = shared.folder / "results/runs/cifar10/frepo/ipc1/alexnet/full-slow/seed0/metrics.json"
    settings = json.loads(run.read_text())["settings"]
    of_base = json.loads((run.parents[2] / "full/seed0/metrics.json").read_text())["settings"]
    assert settings["optimizer"].pop("lr") == 2.5e-5
    assert of_base["optimizer"].pop("lr") == 5e-5
    assert settings == of_base
    made = shared.snakemake("table1", "--configfile", PRESET)
    assert made.returncode == 0, made.stdout + made.stderr
    last = table_rows(shared, "table1.md")[-1]
    assert list(last.values()) == ["Full, half the rate", "✓", "✓", "✓"]


@pytest.mark.weekly
@pytest.mark.slow
def test_the_examples_train_also_as_teacher_and_source(shared: Workspace, project: Path) -> None:
    shutil.copytree(project / "examples", shared.folder / "examples")
    networks = {name: f"examples/networks/{file}.py" for name, file in EXAMPLES.items()}
    recipe = {"base": "full", "distillation": {"arch": "wideresnet"}}
    own = {"own_networks": networks, "own_recipes": {"taught": recipe}, "archs": ["cnn", *networks]}
    preset = ("--configfile", str(write(shared, PRESET, yaml.safe_dump(own))))
    runs = "results/runs/cifar10/frepo/ipc1"
    student = f"{runs}/vit/taught/seed0/metrics.json"
    made = shared.snakemake(student, f"{runs}/wideresnet/full/seed0/metrics.json", *preset)
    assert made.returncode == 0, made.stdout + made.stderr
    settings = json.loads((shared.folder / student).read_text())["settings"]
    assert settings["teacher_network"]["own"]["file"] == networks["wideresnet"]

    # files of config/ may name them, too: a new set is prepared and trained on
    sets = yaml.safe_load((shared.folder / "config/sources.yaml").read_text())["frepo"]
    mine = sets | {"title": "Mine", "arch": "wideresnet"}
    shared.edit("sources.yaml", lambda data: data.update(mine=mine))
    student = "results/runs/cifar10/mine/ipc1/vit/full/seed0/metrics.json"
    made = shared.snakemake(student, *preset)
    shared.edit("sources.yaml", lambda data: data.pop("mine"))
    assert made.returncode == 0, made.stdout + made.stderr
    settings = json.loads((shared.folder / student).read_text())["settings"]
    assert settings["teacher"]["arch"] == "wideresnet"


@pytest.mark.slow
def test_weights_from_a_file_teach(shared: Workspace, project: Path) -> None:
    runs = "results/runs/cifar10/frepo/ipc1"
    trained = f"{runs}/cnn/wo_dp_kd/seed0/best.safetensors"
    write(shared, PRESET, code_block(project, TEACHER, "yaml"))
    assert shared.snakemake(trained).returncode == 0
    weights = load_file(shared.folder / trained)
    state = {"net": {f"module.{name}": value for name, value in weights.items()}}
    torch.save(state, shared.folder / "my-teacher.pth")
    student = f"{runs}/alexnet/taught/seed0/metrics.json"
    made = shared.snakemake(student, "--configfile", PRESET)
    assert made.returncode == 0, made.stdout + made.stderr
    digest = hashlib.sha256((shared.folder / "my-teacher.pth").read_bytes()).hexdigest()
    assert json.loads((shared.folder / student).read_text())["inputs"]["teacher"] == digest


@pytest.mark.weekly
@pytest.mark.slow
def test_every_network_of_a_table_trains_on_it(shared: Workspace, project: Path) -> None:
    generator = np.random.default_rng(0)
    images = generator.normal(size=(len(CLASSES), SIDE, SIDE, 3)).astype(np.float32)
    np.savez(shared.folder / "my-set.npz", images=images, labels=np.arange(len(CLASSES)))
    write(shared, PRESET, code_block(project, SET, "yaml"))
    shared.edit("config.yaml", lambda data: data.update(recipes=["baseline"]))

    run_commands(shared, project, SET)

    prepared = load_set(shared.folder / "results/distilled/mine/cifar10/ipc1.safetensors")
    np.testing.assert_array_equal(prepared.images.numpy(), images.transpose(0, 3, 1, 2))
    assert prepared.labels.tolist() == [0, 1, 2]
    page = (shared.folder / "results/tables/table2-comparison.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")]
    titles = [row[0].strip() for row in rows]
    assert titles.index("My set") > titles.index("MTT") > titles.index("FRePo")
    baseline = rows[titles.index("My set")]
    assert [cell.strip()[0].isdigit() or cell.strip().startswith("*") for cell in baseline[3:]].count(
        True
    ) == 2  # cnn and alexnet, which the workspace selects


@pytest.mark.slow
def test_the_audit_of_files_prints_the_entry_to_paste(shared: Workspace, project: Path) -> None:
    needed = [f"{kind}/{space}" for kind in ("test", "whitening") for space in AUDITED]
    made = shared.snakemake(*(f"results/data/cifar10/{name}.safetensors" for name in needed))
    assert made.returncode == 0, made.stdout + made.stderr
    images, labels = torch.randn(len(CLASSES), 3, SIDE, SIDE), torch.arange(len(CLASSES))
    np.savez(shared.folder / "my-set.npz", images=images.numpy(), labels=labels.numpy())
    torch.save(images, shared.folder / "images.pt")
    torch.save(labels, shared.folder / "labels.pt")
    entries = []
    for line in code_blocks(project, SET, "sh")[1].splitlines():
        audited = shared.crossarch(*shlex.split(line)[1:])
        assert audited.returncode == 0, audited.stderr
        pasted = audited.stdout.split("\n\n")[1]
        entries.append(yaml.safe_load(pasted)["own_sources"])
    of_one, of_two = (next(iter(entry.values())) for entry in entries)
    assert of_one["labels"] == of_two["labels"] == "hard"
    assert of_one["sets"] == {"cifar10": {1: {"file": "my-set.npz"}}}
    assert of_two["sets"] == {"cifar10": {1: {"images": "images.pt", "labels": "labels.pt"}}}
    write(shared, PRESET, pasted)
    [name] = entries[-1]
    target = f"results/distilled/{name}/cifar10/ipc1.safetensors"
    assert shared.planned(target, "--configfile", PRESET) == {"distilled": 1}


@pytest.mark.weekly
@pytest.mark.slow
def test_a_folder_of_images_is_moved_into_the_space_of_its_whitening(
    workspace: Workspace, project: Path
) -> None:
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (len(CLASSES), SIDE, SIDE, 3)).astype(np.uint8)
    (workspace.folder / "elsewhere").mkdir()
    (workspace.folder / "my-set").mkdir()
    (workspace.folder / "my-set" / CLASSES[0]).symlink_to(workspace.folder / "elsewhere")
    for name, image in zip(CLASSES, pixels, strict=True):
        (workspace.folder / "my-set" / name).mkdir(exist_ok=True)
        Image.fromarray(image).save(workspace.folder / "my-set" / name / "0.png")
    text = code_block(project, SET, "yaml").replace("my-set.npz", "my-set")
    preset = ("--configfile", str(write(workspace, PRESET, text.rstrip() + "\n    pixels: raw\n")))

    target = "results/distilled/mine/cifar10/ipc1.safetensors"
    finished = workspace.snakemake(target, *preset)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    prepared = load_set(workspace.folder / target)
    whitener = load_whitener(workspace.folder / "results/data/cifar10/whitening/zca-kornia.safetensors")
    assert whitener.mean is not None
    assert whitener.matrix is not None
    flat = pixels.transpose(0, 3, 1, 2).reshape(len(CLASSES), -1) / 255.0
    expected = (flat - whitener.mean.double().numpy()) @ whitener.matrix.double().numpy()
    np.testing.assert_allclose(prepared.images.flatten(1).numpy(), expected, atol=1e-4)

    # A changed image makes the set anew, also one behind a link; an unchanged folder does not, whatever
    # is hidden in it.
    assert workspace.planned(target, *preset) == {}
    (workspace.folder / "my-set" / ".DS_Store").write_bytes(b"what a file manager leaves")
    (workspace.folder / "my-set" / CLASSES[1] / ".DS_Store").write_bytes(b"another one")
    assert workspace.planned(target, *preset) == {}
    Image.fromarray(pixels[1]).save(workspace.folder / "my-set" / CLASSES[0] / "0.png")
    assert workspace.planned(target, *preset) == {"distilled": 1}

    # So do older files in its place.
    finished = workspace.snakemake(target, *preset)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    before = load_set(workspace.folder / target).images
    image = workspace.folder / "my-set" / CLASSES[0] / "0.png"
    Image.fromarray(pixels[2]).save(image)
    for path in (image, image.parent, image.parent.parent):
        os.utime(path, (1, 1))
    assert workspace.planned(target, *preset) == {"distilled": 1}
    assert workspace.snakemake(target, *preset).returncode == 0
    assert not load_set(workspace.folder / target).images.equal(before)
