"""Teachers that this pipeline does not train: published weights, and custom ones as people save them."""

import argparse
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from crossarch.config import (
    Configuration,
    applies,
    load_configuration,
    parse_run,
    resolve,
    selected_files,
    trained_as,
    with_teachers,
)
from crossarch.errors import ConfigError, DataError
from crossarch.models import build
from crossarch.training.run import load_network

CONFIG = Path(__file__).parents[2] / "config"
PUBLISHED = "/snapshots/cifar10_1_mtt_convnet/checkpoint_best.pth"


def configured(**selection: Any) -> Configuration:
    return load_configuration(CONFIG, overrides=[("test.yaml", selection)])


# --- Which weights teach --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipe", ["wo_dp-published_teacher", "full-published_teacher", "full@released"]
)
def test_published_weights_teach_instead_of_a_run(recipe: str) -> None:
    configuration = configured()
    run = parse_run(f"cifar10/mtt/ipc1/alexnet/{recipe}/seed0")
    settings = resolve(configuration, run)
    assert settings.teacher is None
    assert settings.teacher_weights is not None
    assert settings.teacher_weights.name.endswith(PUBLISHED)
    assert (
        settings.teacher_network
        == resolve(configuration, parse_run("cifar10/mtt/ipc1/cnn/wo_dp_kd/seed0")).network
    )
    assert with_teachers(configuration, [run]) == [run]


def test_published_weights_are_among_the_files_that_the_runs_need() -> None:
    chosen = {"sources": ["mtt"], "ipc": [1], "archs": ["alexnet"], "tables": ["table2"], "figures": []}
    without = selected_files(configured(**chosen, recipes=["full"]))
    files = selected_files(configured(**chosen, recipes=["full-published_teacher"]))
    assert set(files) - set(without) == {"mtt cifar10 IPC 1 teacher"}


def test_without_published_weights_the_released_protocol_trains_and_the_recipe_does_not_apply() -> None:
    configuration = configured()
    released = resolve(configuration, parse_run("cifar100/mtt/ipc1/alexnet/full@released/seed0"))
    assert released.teacher is not None
    assert released.teacher.path == "cifar100/mtt/ipc1/cnn/wo_dp_kd@released/seed0"
    run = parse_run("cifar100/mtt/ipc1/alexnet/full-published_teacher/seed0")
    assert not applies(configuration, run)


def test_a_custom_teacher_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "mine.pth"
    recipe = {"base": "full", "distillation": {"teacher": {"file": str(file)}}}
    configuration = configured(own_recipes={"full-mine": recipe})
    run = parse_run("cifar10/mtt/ipc1/alexnet/full-mine/seed0")
    with pytest.raises(ConfigError) as caught:
        resolve(configuration, run)
    assert str(caught.value) == (
        f"test.yaml: own_recipes.full-mine.distillation.teacher.file: {file}: no such file"
    )
    file.write_bytes(b"one")
    first = resolve(configuration, run)
    file.write_bytes(b"two")
    second = resolve(configuration, run)
    assert first.teacher_weights is not None
    assert first.teacher_weights.name == "mine.pth"
    assert first.digest != second.digest
    assert str(tmp_path) not in first.to_json()


def test_an_unknown_kind_of_teacher_is_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        configured(own_recipes={"mine": {"base": "full", "distillation": {"teacher": "publishd"}}})
    told = str(caught.value)
    assert told.startswith(
        "test.yaml: own_recipes.mine.distillation.teacher: found 'publishd', allowed: "
    )
    assert "'published'" in told
    assert "\n" not in told


# --- The source's own network ---------------------------------------------------------------------


@pytest.mark.parametrize(("ipc", "students"), [(1, 4), (10, 2), (50, 2)])
def test_the_teacher_has_two_folds_and_students_four_with_one_image_per_class(
    ipc: int, students: int
) -> None:
    configuration = configured()
    for source in ("frepo", "mtt"):
        teacher, student = (
            resolve(configuration, parse_run(f"cifar10/{source}/ipc{ipc}/{arch}/wo_dp_kd/seed0"))
            for arch in ("cnn", "vgg11")
        )
        assert (teacher.augmentation.folds, teacher.evaluate_every) == (2, 50)
        assert (student.augmentation.folds, student.evaluate_every) == (students, 100)


def test_own_network_is_that_of_the_source_and_not_the_cnn(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    sources = directory / "sources.yaml"
    sources.write_text(
        re.sub(
            r"^frepo:\n  title: FRePo\n  arch: cnn\b",
            "frepo:\n  title: FRePo\n  arch: vgg11",
            sources.read_text(),
            flags=re.MULTILINE,
        )
    )
    configuration = load_configuration(directory)
    found = {
        arch: resolve(configuration, parse_run(f"cifar10/frepo/ipc1/{arch}/wo_dp_kd/seed0"))
        for arch in ("cnn", "vgg11")
    }
    assert {arch: settings.augmentation.folds for arch, settings in found.items()} == {
        "cnn": 4,
        "vgg11": 2,
    }


@pytest.mark.parametrize(
    ("arch", "recipe", "expected"),
    [
        ("cnn", "wo_dp_kd-2fold", "wo_dp_kd"),
        ("alexnet", "wo_dp_kd-2fold", "wo_dp_kd-2fold"),
        ("cnn", "wo_dp_kd-4fold", "wo_dp_kd-4fold"),
        ("alexnet", "wo_dp_kd-4fold", "wo_dp_kd"),
        ("cnn", "baseline", "baseline"),
        ("alexnet", "full", "full"),
    ],
)
def test_what_is_trained_alike_is_one_run(arch: str, recipe: str, expected: str) -> None:
    run = parse_run(f"cifar10/frepo/ipc1/{arch}/{recipe}/seed3")
    assert trained_as(configured(), run) == run.model_copy(update={"recipe": expected})


# --- Files of weights -----------------------------------------------------------------------------

SETTINGS = resolve(configured(), parse_run("cifar10/mtt/ipc1/cnn/wo_dp_kd/seed0")).network
Weights = dict[str, Tensor]


@pytest.fixture
def weights() -> Weights:
    torch.manual_seed(5)
    return dict(build(SETTINGS).state_dict())


def renamed(weights: Weights, prefix: str) -> Weights:
    return {prefix + name: tensor for name, tensor in weights.items()}


FORMS: dict[str, Callable[[Weights], Any]] = {
    "plain": lambda weights: weights,
    "state_dict": lambda weights: {"state_dict": weights, "epoch": 3},
    "model": lambda weights: {"model": weights, "optimizer": {"state": {}}, "args": {"lr": 0.1}},
    "net": lambda weights: {"net": weights, "acc": 40.0},
    "data parallel": lambda weights: {"state_dict": renamed(weights, "module.")},
    "compiled": lambda weights: renamed(weights, "_orig_mod."),
    "both": lambda weights: {"model": renamed(weights, "module._orig_mod.")},
    "beside a namespace": lambda weights: {"state_dict": weights, "args": argparse.Namespace(lr=0.1)},
    "double precision": lambda weights: {name: tensor.double() for name, tensor in weights.items()},
}


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_read_as_people_save_them(tmp_path: Path, weights: Weights, form: str) -> None:
    file = tmp_path / "weights.pth"
    torch.save(FORMS[form](weights), file)
    loaded = load_network(SETTINGS, file).state_dict()
    assert loaded.keys() == weights.keys()
    for name, tensor in loaded.items():
        assert tensor.dtype == weights[name].dtype
        assert torch.equal(tensor, weights[name])


def test_weights_in_half_precision_are_converted(tmp_path: Path, weights: Weights) -> None:
    file = tmp_path / "half.pth"
    torch.save({name: tensor.half() for name, tensor in weights.items()}, file)
    for name, tensor in load_network(SETTINGS, file).state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, weights[name].half().float())


def with_other_names(weights: Weights) -> Weights:
    return {name.replace("features", "feat"): tensor for name, tensor in weights.items()}


def with_another_shape(weights: Weights) -> Weights:
    name = next(iter(weights))
    return {**weights, name: weights[name][:1]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (with_other_names, ("found no tensor features.", "which cnn has; found instead feat.")),
        (with_another_shape, ("found shape", "needed: (128, 3, 3, 3)")),
        (lambda weights: [list(weights.values())], ("found list, expected a state_dict",)),
        (
            lambda weights: {"epoch": 3},
            ("found epoch, expected a state_dict", "state_dict, model or net"),
        ),
        (lambda weights: {}, ("found nothing, expected a state_dict",)),
    ],
)
def test_weights_that_do_not_fit_are_one_line(
    tmp_path: Path, weights: Weights, content: Callable[[Weights], Any], expected: Iterable[str]
) -> None:
    file = tmp_path / "weights.pth"
    torch.save(content(weights), file)
    with pytest.raises(DataError) as caught:
        load_network(SETTINGS, file)
    told = str(caught.value)
    assert told.startswith(f"{file}: ")
    assert "\n" not in told
    for part in expected:
        assert part in told


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/crossarch-was-here"),))


def test_no_code_in_a_file_of_weights_is_run(tmp_path: Path, weights: Weights) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": weights, "args": Evil()}, file)
    with pytest.raises(DataError, match="no code is run"):
        load_network(SETTINGS, file)
    assert not Path("/tmp/crossarch-was-here").exists()
