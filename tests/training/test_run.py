"""A run from files to files: what it says when a GPU is full, and what it leaves for a second start."""

import errno
import hashlib
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from uncounted import UNCOUNTED

from crossarch.config import (
    NetworkFile,
    RunSettings,
    load_configuration,
    network_code,
    parse_run,
    resolve,
)
from crossarch.data import ImageSet, save_set
from crossarch.data.store import load_metadata, load_set, load_tensors, save_tensors
from crossarch.errors import DataError, Interrupted, TrainingError
from crossarch.models import build
from crossarch.running import state as state_module
from crossarch.running.finished import cache_finished, prune_finished, restore_finished
from crossarch.running.state import Keeper
from crossarch.training import run as run_module
from crossarch.training.run import OUTPUTS, load_network, train_run
from crossarch.training.trainer import Outcome, train

CLASSES, SIDE = 3, 8


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    """What `train_run` needs for a run of two epochs of the small CNN."""
    configuration = load_configuration(Path(__file__).parents[2] / "config")
    whole = resolve(configuration, parse_run("cifar10/mtt/ipc1/cnn/wo_dp_kd/seed0"))
    small = {"classes": CLASSES, "image_size": SIDE, "widths": (4, 4)}
    settings: RunSettings = whole.model_copy(
        update={"network": whole.network.model_copy(update=small), "epochs": 2, "batch_size": 2}
    )
    for name in ("distilled", "test"):
        images = torch.randn(6, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        save_set(tmp_path / f"{name}.safetensors", ImageSet(images, torch.arange(6) % CLASSES), {})
    return {
        "settings": settings,
        "distilled": tmp_path / "distilled.safetensors",
        "test": tmp_path / "test.safetensors",
        "teacher": None,
        "folder": tmp_path / "run",
        "state_root": tmp_path / "states",
        "device": "cpu",
    }


@pytest.mark.parametrize("kind", ["cuda", "cpu"])
def test_full_memory_is_one_line_with_what_to_do(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def full(*_: Any, **__: Any) -> Outcome:
        if kind == "cpu":
            torch.empty(10**15)  # more than there are addresses
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(run_module, "train", full)
    with pytest.raises(TrainingError) as caught:
        train_run(**arguments, slots_per_gpu=3)
    said = str(caught.value)
    assert said.startswith("cifar10/mtt/ipc1/cnn/wo_dp_kd/seed0: out of memory on ")
    assert all(word in said for word in ("slots_per_gpu (now 3)", "device: cpu", "more memory"))
    assert "\n" not in said


def test_what_has_ended_is_not_trained_again_until_it_is_forgotten(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def counting(settings: RunSettings, *rest: Any, **options: Any) -> Outcome:
        trained.append(settings.run.path)
        return train(settings, *rest, **options)

    monkeypatch.setattr(run_module, "train", counting)
    metrics = train_run(**arguments)
    folder: Path = arguments["folder"]
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(written) == 3
    for path in folder.iterdir():
        path.unlink()  # as Snakemake does before it runs a job again
    assert train_run(**arguments) == json.loads(json.dumps(metrics))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == written
    assert len(trained) == 1

    settings = arguments["settings"]
    train_run(**{**arguments, "settings": settings.model_copy(update={"epochs": 3})})
    assert len(trained) == 2, "other settings are another training"

    prune_finished(arguments["state_root"])  # the first, whose outputs were replaced by the second's
    assert len(list(arguments["state_root"].glob("*/ended"))) == 1
    train_run(**arguments)
    assert len(trained) == 3


@pytest.mark.parametrize("damage", ["short", "another byte"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_what_is_kept_damaged_is_trained_again(
    arguments: dict[str, Any], capsys: pytest.CaptureFixture[str], name: str, damage: str
) -> None:
    """The copy shares its bytes with the file that was damaged in its place."""
    metrics = train_run(**arguments)
    folder: Path = arguments["folder"]
    content = bytearray((folder / name).read_bytes())
    with (folder / name).open("r+b") as stream:
        if damage == "short":
            stream.truncate(200)
        else:
            stream.seek(-9, os.SEEK_END)
            stream.write(bytes([content[-9] ^ 1]))
    for path in folder.iterdir():
        path.unlink()
    again = train_run(**arguments)
    assert again["accuracy"] == metrics["accuracy"]
    told = f"ended/{name}: was changed after the work had ended"
    assert f"is trained again, for what is kept of it is damaged: {arguments['state_root']}" in (
        said := capsys.readouterr().err
    )
    assert told in said
    assert json.loads((folder / "metrics.json").read_text())["digest"] == metrics["digest"]
    assert load_metadata(folder / "last.safetensors")["digest"] == metrics["digest"]


@pytest.mark.parametrize("again", ["trained", "taken"])
def test_what_a_killed_process_left_half_written_is_removed(
    arguments: dict[str, Any], again: str
) -> None:
    folder: Path = arguments["folder"]
    if again == "taken":
        train_run(**arguments)
    folder.mkdir(exist_ok=True)
    others = {".notes.txt.abc.part", ".last.safetensors.bak"}
    for name in (*others, ".last.safetensors.a1_b2.part", ".metrics.json.x.part"):
        (folder / name).write_bytes(b"half")
    train_run(**arguments)
    assert {path.name for path in folder.iterdir()} == {*OUTPUTS, *others}


def test_results_that_are_taken_back_are_newer_than_what_they_are_made_of(
    arguments: dict[str, Any],
) -> None:
    """Else Snakemake would make them a third time."""
    train_run(**arguments)
    folder: Path = arguments["folder"]
    for path in folder.iterdir():
        os.utime(path, (1, 1))  # the kept ones are the same files
        path.unlink()
    train_run(**arguments)
    made = min(path.stat().st_mtime for path in folder.iterdir())
    assert made >= arguments["distilled"].stat().st_mtime


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_labels_of_another_kind_than_the_source_s_are_refused(
    arguments: dict[str, Any], kind: str
) -> None:
    settings: RunSettings = arguments["settings"]
    labels = settings.labels.model_copy(update={"kind": kind})
    arguments["settings"] = settings.model_copy(update={"labels": labels})
    if kind == "soft":
        told = r"distilled\.safetensors: found hard labels, needed: soft; prepare the set again"
        with pytest.raises(DataError, match=told):
            train_run(**arguments)
    else:
        train_run(**arguments)


def test_a_test_set_of_soft_labels_is_refused(arguments: dict[str, Any]) -> None:
    test: Path = arguments["test"]
    soft = torch.randn(6, CLASSES)
    save_set(test, ImageSet(load_set(test).images, soft), {"whitening": arguments["settings"].whitening})
    with pytest.raises(DataError) as caught:
        train_run(**arguments)
    assert str(caught.value) == f"{test}: found soft labels, needed: hard, to test on"


def test_a_test_set_in_another_space_than_the_run_s_is_refused(arguments: dict[str, Any]) -> None:
    test: Path = arguments["test"]
    needed = arguments["settings"].whitening
    save_set(test, load_set(test), {"whitening": "zca-frepo"})
    assert needed != "zca-frepo"
    with pytest.raises(DataError) as caught:
        train_run(**arguments)
    assert str(caught.value) == f"{test}: found whitening zca-frepo, needed: {needed}"
    save_set(test, load_set(test), {"whitening": needed})
    train_run(**arguments)


def test_a_file_that_is_not_there_is_told(arguments: dict[str, Any], tmp_path: Path) -> None:
    arguments["test"] = tmp_path / "nowhere.safetensors"
    with pytest.raises(DataError, match=r"nowhere\.safetensors: no such file$"):
        train_run(**arguments)


def test_a_training_that_fails_at_its_end_leaves_no_record_of_the_one_before(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else new weights would lie beside old metrics, which say that the run is whole."""
    train_run(**arguments)
    settings: RunSettings = arguments["settings"]
    arguments["settings"] = settings.model_copy(update={"epochs": 3})
    save = run_module.save_tensors

    def full(path: Path, *rest: Any) -> None:
        if path.name == "best.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, *rest)

    monkeypatch.setattr(run_module, "save_tensors", full)
    with pytest.raises(OSError, match="No space left"):
        train_run(**arguments)
    assert not (arguments["folder"] / "metrics.json").exists()


def test_a_record_tells_the_checksums_of_its_weights(arguments: dict[str, Any]) -> None:
    metrics = train_run(**arguments)
    folder: Path = arguments["folder"]
    found = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("last.safetensors", "best.safetensors")
    }
    assert metrics["weights"] == found
    assert json.loads((folder / "metrics.json").read_text())["weights"] == found


COMPUTED = """
from torch import nn
from torch.nn import utils
from crossarch.models import network

@network("mine")
def mine(settings):
    convolution = utils.{kind}(nn.Conv2d(settings.channels, 4, 3))
    layers = [convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4, settings.classes))
"""


def with_own(arguments: dict[str, Any], file: Path, text: str) -> dict[str, Any]:
    """The arguments for the network of a file with that text."""
    file.write_text(text)
    settings: RunSettings = arguments["settings"]
    own = NetworkFile(file=str(file), code=network_code(text))
    network = settings.network.model_copy(update={"arch": "mine", "own": own})
    return {**arguments, "settings": settings.model_copy(update={"network": network})}


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
@pytest.mark.parametrize("of", ["", "parametrizations."])
def test_a_network_that_computes_its_weights_is_trained_to_the_end(
    arguments: dict[str, Any], tmp_path: Path, of: str, kind: str
) -> None:
    text = COMPUTED.replace("{kind}", of + kind)
    metrics = train_run(**with_own(arguments, tmp_path / "mine.py", text))
    assert metrics["gflop_per_second"]["training"] is not None
    assert metrics["evaluations"][-1]["epoch"] == 2


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_network_that_its_first_images_make_is_trained_and_loaded(
    arguments: dict[str, Any], tmp_path: Path
) -> None:
    text = COMPUTED.replace("utils.{kind}(nn.Conv2d(settings.channels, 4, 3))", "nn.LazyConv2d(4, 3)")
    given = with_own(arguments, tmp_path / "mine.py", text)
    train_run(**given)
    weights = arguments["folder"] / "best.safetensors"
    loaded = load_network(given["settings"].network, weights).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in load_tensors(weights).items())


def test_work_that_cannot_be_counted_is_told_before_the_first_epoch_and_null(
    arguments: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    told: list[str] = []

    def progress(epoch: int, loss: float | None, accuracy: float | None) -> None:
        told.append(capsys.readouterr().err)

    train_run(**with_own(arguments, file, UNCOUNTED), progress=progress)
    warning = f"crossarch: warning: the work of mine cannot be counted: {file}: found no product "
    assert told[0].startswith(warning)
    assert told[0].count("\n") == 1
    assert "".join(told[1:]) == ""
    metrics = json.loads((arguments["folder"] / "metrics.json").read_text())
    assert metrics["gflop_per_second"] == {"training": None, "evaluation": None}
    assert metrics["images_per_second"] > 0


@pytest.fixture
def student(arguments: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """What `train_run` needs for a student of the run of `arguments`, which has ended."""
    train_run(**arguments)
    settings: RunSettings = arguments["settings"]
    configuration = load_configuration(Path(__file__).parents[2] / "config")
    whole = resolve(configuration, parse_run("cifar10/mtt/ipc1/alexnet/full/seed0"))
    network = {"classes": CLASSES, "image_size": SIDE}
    small = whole.model_copy(
        update={
            "network": whole.network.model_copy(update=network),
            "teacher_network": settings.network,
            "epochs": 2,
        }
    )
    teacher = arguments["folder"] / "best.safetensors"
    return {**arguments, "settings": small, "teacher": teacher, "folder": tmp_path / "student"}


@pytest.mark.parametrize("other", ["another run's", "damaged"])
def test_weights_that_are_not_those_of_the_teacher_s_record_teach_nobody(
    arguments: dict[str, Any], student: dict[str, Any], tmp_path: Path, other: str
) -> None:
    teacher: Path = student["teacher"]
    recorded = hashlib.sha256(teacher.read_bytes()).hexdigest()
    if other == "damaged":
        teacher.write_bytes(teacher.read_bytes()[:-1])
    else:
        settings: RunSettings = arguments["settings"]
        longer = {"settings": settings.model_copy(update={"epochs": 3}), "folder": tmp_path / "longer"}
        train_run(**{**arguments, **longer})
        shutil.copyfile(tmp_path / "longer" / "best.safetensors", teacher)
    found = hashlib.sha256(teacher.read_bytes()).hexdigest()
    with pytest.raises(DataError) as caught:
        train_run(**student)
    assert str(caught.value) == (
        f"{teacher}: found SHA-256 {found}, but {teacher.parent}/metrics.json has {recorded}: it is "
        "damaged, or of another training"
    )
    assert not student["folder"].exists()


@pytest.mark.parametrize("record", ["of before there were checksums", "none", "of other files"])
def test_weights_that_no_record_knows_teach(student: dict[str, Any], record: str) -> None:
    file: Path = student["teacher"].with_name("metrics.json")
    metrics = json.loads(file.read_text())
    if record == "none":
        file.unlink()
    elif record == "of other files":
        metrics["weights"] = {"other.safetensors": "0" * 64}
        file.write_text(json.dumps(metrics))
    else:
        del metrics["weights"]
        file.write_text(json.dumps(metrics))
    weights = student["teacher"]
    weights.write_bytes(weights.with_name("last.safetensors").read_bytes())
    assert train_run(**student)["inputs"]["teacher"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_weights_of_another_norm_are_refused(tmp_path: Path) -> None:
    """An instance norm has the names of a batch norm; shortcuts of DropPath may be left over."""
    configuration = load_configuration()
    networks = {
        (source, recipe): resolve(
            configuration, parse_run(f"cifar10/{source}/ipc1/alexnet/{recipe}/seed0")
        ).network
        for source in ("frepo", "mtt")
        for recipe in ("baseline", "full")
    }
    files = {key: tmp_path / f"{'-'.join(key)}.safetensors" for key in networks}
    for key, settings in networks.items():
        save_tensors(files[key], build(settings).state_dict(), {})
    for source in ("frepo", "mtt"):
        plain, shortcuts = networks[source, "baseline"], files[source, "full"]
        stored = load_tensors(shortcuts)
        loaded = load_network(plain, shortcuts).state_dict()
        assert set(loaded) < set(stored)
        assert all(torch.equal(tensor, stored[name]) for name, tensor in loaded.items())
    with pytest.raises(DataError) as caught:
        load_network(networks["mtt", "baseline"], files["frepo", "full"])
    assert (
        "found statistics of a batch norm (features.1.running_mean), needed: weights of a network"
        in (told := str(caught.value))
    )
    assert told.endswith("with instance norm, as the source has it")
    with pytest.raises(DataError, match=r"found no tensor features\.1\.running_mean"):
        load_network(networks["frepo", "baseline"], files["mtt", "baseline"])


def test_work_that_is_stopped_in_its_last_epoch_has_ended(tmp_path: Path) -> None:
    keeper = Keeper("a run", "epoch", 3, tmp_path / "state", lambda: signal.SIGTERM)
    keeper.after(3, dict)
    assert not (tmp_path / "state").exists()
    with pytest.raises(Interrupted):
        keeper.after(2, dict)


def test_a_change_of_the_code_is_another_training(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run(**arguments)
    monkeypatch.setattr(state_module, "stage_digest", lambda stage: "another")
    train_run(**arguments)
    assert len(list(arguments["state_root"].iterdir())) == 2


def test_where_files_cannot_be_linked_nothing_is_remembered(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train_run(**arguments)
    folder: Path = arguments["folder"]
    outputs = [folder / name for name in OUTPUTS]

    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    cache_finished(tmp_path / "record", outputs)
    assert not restore_finished(tmp_path / "record", outputs)
    assert len(list(folder.iterdir())) == 3


def test_an_unfinished_record_is_no_result(arguments: dict[str, Any], tmp_path: Path) -> None:
    train_run(**arguments)
    outputs = [arguments["folder"] / name for name in OUTPUTS]
    cache_finished(tmp_path / "record", outputs)
    (tmp_path / "record" / "ended" / "best.safetensors").unlink()
    (arguments["folder"] / "best.safetensors").unlink()
    assert not restore_finished(tmp_path / "record", outputs)
    assert not (arguments["folder"] / "best.safetensors").exists()
