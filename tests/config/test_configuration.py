"""Mistakes in `config/` give one line with file, key, finding, choice; recipes come out right."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crossarch.config import (
    Configuration,
    RunId,
    RunSettings,
    applies,
    grid,
    load_configuration,
    parse_run,
    read_overrides,
    resolve,
    table_runs,
    with_teachers,
)
from crossarch.config.schema import RESERVED, CosineSchedule, KeepRate, PeriodicSchedule, StepSchedule
from crossarch.config.sets import check_own_files
from crossarch.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config"
CONFIGURATION = load_configuration(CONFIG)
ARCHS = ("cnn", "resnet18", "alexnet", "vgg11", "resnet50")
RECIPES = ("baseline", "wo_dp_kd", "wo_dp", "wo_kd", "full")
SIMPLE = ("baseline", "wo_dp_kd")
DELETE = object()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the configuration, free to be spoilt."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


def spoil(directory: Path, file: str, keys: tuple[Any, ...], value: Any) -> None:
    """Set (or delete) the entry at `keys` of a YAML file."""
    path = directory / file
    data = yaml.safe_load(path.read_text())
    inner = data
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
    if value is DELETE:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path.write_text(yaml.safe_dump(data, sort_keys=False))


def complaint(action: Callable[[], Any]) -> str:
    """The message of the ConfigError that `action` must raise: one line."""
    with pytest.raises(ConfigError) as caught:
        action()
    message = str(caught.value)
    assert message == message.strip()
    assert "\n" not in message
    assert message
    assert caught.value.exit_code == 2
    return message


RECIPE, DATA, SOURCE = "recipes.yaml", "datasets.yaml", "sources.yaml"
TABLE, SELECT = "tables.yaml", "config.yaml"
AUGMENT = ("recipes", "baseline", "augmentation")
OPTIMIZER = ("recipes", "baseline", "optimizer")
RELEASED = ("protocols", "released")
FRESH = ("recipes", "wo_dp", "by_ipc")

MEANT = "(did you mean '"
FREPO = yaml.safe_load((CONFIG / "sources.yaml").read_text())["own-frepo"]["distilled"]["digits"]

# file, where, what is put there, and what the line must name: key, finding, choices
MISTAKES: dict[str, tuple[str, tuple[Any, ...], Any, list[str]]] = {
    # unknown keys, at every depth
    "file key": (RECIPE, ("recepies",), {}, ["recepies", "recipes, protocols"]),
    "recipe key": (RECIPE, ("recipes", "full", "epoch"), 9, ["full", "'epoch'", "epochs"]),
    "part key": (RECIPE, (*AUGMENT, "fold"), 2, ["augmentation", "'fold'", "folds"]),
    "optimizer key": (RECIPE, (*OPTIMIZER, "beta"), [0.9], ["optimizer", "'beta'", "betas"]),
    "keep rate key": (
        *(RECIPE, ("recipes", "wo_kd", "keep_rate", "warm_up"), 5),
        ["keep_rate", "'warm_up'", "warmup"],
    ),
    "protocol key": (
        *(RECIPE, (*RELEASED, "whitening"), "none"),
        ["protocols.released", "whitening", "test_whitening"],
    ),
    "protocol recipe key": (
        *(RECIPE, (*RELEASED, "recipes", "full"), {"epoch": 9}),
        ["full", "'epoch'", "epochs"],
    ),
    "by_ipc key": (RECIPE, FRESH, {50: {"epoch": 9}}, ["wo_dp", "'epoch'", "epochs"]),
    "by_arch key": (
        *(RECIPE, ("recipes", "wo_dp", "by_arch"), {"vgg11": {"augmentation": {"fold": 1}}}),
        ["wo_dp", "'fold'", "folds"],
    ),
    "dataset key": (DATA, ("cifar10", "clases"), 10, ["cifar10", "'clases'", "classes"]),
    "file entry key": (
        *(
            DATA,
            ("cifar10", "origin", "archives"),
            [{"url": "https://example.org/x", "md6": "0"}],
        ),
        ["cifar10.origin.archives.0", "'md6'", "md5"],
    ),
    "set key": (
        *(SOURCE, ("frepo", "sets", "cifar10", 1, "image"), {}),
        ["frepo.sets.cifar10.1", "'image'", "images"],
    ),
    "table key": (TABLE, ("table2", "sorces"), [], ["table2", "'sorces'", "sources"]),
    "selection key": (SELECT, ("seed",), [0], ["'seed'", "seeds"]),
    "evaluation key": (SELECT, ("evaluation", "evry"), 5, ["evaluation", "'evry'", "every"]),
    # names that do not exist
    "recipe name": (SELECT, ("recipes",), ["ful"], ["recipes", "'ful'", "full"]),
    "dataset name": (SELECT, ("datasets",), ["cifar"], ["datasets", "'cifar'", "cifar10"]),
    "source name": (SELECT, ("sources",), ["frepp"], ["sources", "'frepp'", "frepo"]),
    "table name": (SELECT, ("tables",), ["table9"], ["tables", "'table9'", "table2"]),
    "protocol name": (SELECT, ("protocol",), "relesed", ["protocol", "'relesed'", "released"]),
    "arch name": (SELECT, ("archs",), ["vgg"], ["archs", "'vgg'", "vgg11"]),
    "device name": (SELECT, ("device",), "gpu", ["device", "'gpu'", "cuda"]),
    "table's recipe": (TABLE, ("table2", "recipes"), ["wokd"], ["recipes", "'wokd'", "wo_kd"]),
    "finding's recipe": (
        *("findings.yaml", ("early-teacher", "recipes"), ["wodp"]),
        ["early-teacher.recipes", "'wodp'", "wo_dp"],
    ),
    "finding's network": (
        *("findings.yaml", ("early-teacher", "archs"), ["vgg"]),
        ["early-teacher.archs", "'vgg'", "vgg11"],
    ),
    "table's dataset": (TABLE, ("table2", "dataset"), "cifar", ["dataset", "'cifar'", "cifar10"]),
    "base": (RECIPE, ("recipes", "full", "base"), "wokd", ["full.base", "'wokd'", "wo_kd"]),
    "teacher's recipe": (
        *(RECIPE, ("recipes", "full", "distillation", "recipe"), "wo_dpkd"),
        ["full.distillation.recipe", "'wo_dpkd'", "wo_dp_kd"],
    ),
    "unknown protocol": (
        *(RECIPE, ("protocols", "relesed"), {}),
        ["protocols.relesed", "'relesed'", "released"],
    ),
    "protocol's base": (
        *(RECIPE, (*RELEASED, "base"), "papper"),
        ["protocols.released.base", "'papper'", "paper"],
    ),
    "protocol's recipe": (
        *(RECIPE, (*RELEASED, "recipes", "fulll"), {}),
        ["protocols.released.recipes", "'fulll'", "full"],
    ),
    "by_arch name": (
        *(RECIPE, ("recipes", "wo_dp", "by_arch"), {"resnet5O": {"epochs": 9}}),
        ["wo_dp.by_arch", "'resnet5O'", "resnet50"],
    ),
    "by_source name": (
        *(RECIPE, ("recipes", "wo_dp", "by_source"), {"mmt": {"epochs": 9}}),
        ["wo_dp.by_source", "'mmt'", "mtt"],
    ),
    "by_ipc name": (RECIPE, FRESH, {"one": {"epochs": 9}}, ["wo_dp.by_ipc", "'one'"]),
    "set of no dataset": (SOURCE, ("mtt", "sets", "cifar11"), {}, ["mtt.sets", "'cifar11'"]),
    "norm name": (SOURCE, ("mtt", "norm"), "layer", ["mtt.norm", "'layer'", "'instance'"]),
    "whitening name": (
        SOURCE,
        ("mtt", "whitening"),
        "zca",
        ["mtt.whitening", "'zca'", "zca-frepo"],
    ),
    "protocol's whitening": (
        *(RECIPE, (*RELEASED, "test_whitening", "cifar10"), "zca"),
        ["test_whitening.cifar10", "'zca'", "zca-kornia"],
    ),
    "optimizer name": (
        RECIPE,
        (*OPTIMIZER, "name"),
        "sdg",
        ["baseline.optimizer.name: found 'sdg', allowed: 'lion', 'adamw', 'adam', 'sgd'"],
    ),
    "no optimizer name": (
        RECIPE,
        OPTIMIZER,
        {"lr": 0.1},
        ["baseline.optimizer.name: found None, allowed: 'lion', 'adamw', 'adam', 'sgd'"],
    ),
    "schedule name": (
        RECIPE,
        ("recipes", "baseline", "schedule"),
        {"name": "linear"},
        ["schedule.name: found 'linear', allowed: 'constant', 'step', 'cosine', 'periodic'"],
    ),
    # wrong types and values
    "word for a number": (
        RECIPE,
        ("recipes", "full", "epochs"),
        "many",
        ["epochs", "'many'", "integer"],
    ),
    "fraction for a number": (
        RECIPE,
        ("recipes", "full", "epochs"),
        1.5,
        ["epochs", "1.5", "integer"],
    ),
    "list for a mapping": (RECIPE, AUGMENT, [1], ["augmentation", "a mapping, such as {folds: ...}"]),
    "list for one of several mappings": (
        *(RECIPE, OPTIMIZER, [1]),
        ["optimizer", "[1]", "a mapping, such as {name: ...}"],
    ),
    "list for a mapping of names": (
        SELECT,
        ("own_recipes",),
        [1],
        ["[1]", "allowed: a mapping of names"],
    ),
    "scalar for a mapping": (
        *(SELECT, ("evaluation",), 5),
        ["evaluation: found 5, allowed: a mapping, such as {every: ...}"],
    ),
    "scalar for a list": (
        *(SELECT, ("archs",), "cnn"),
        ["archs: found 'cnn', allowed: a list, such as [cnn]"],
    ),
    "number for a list": (SELECT, ("ipc",), 1, ["ipc: found 1, allowed: a list, such as [1]"]),
    "mapping for a list": (SELECT, ("seeds",), {"a": 1}, ["seeds: found {'a': 1}, allowed: a list"]),
    "scalar for variations": (RECIPE, FRESH, 5, ["wo_dp.by_ipc", "5"]),
    "scalar for a variation": (RECIPE, FRESH, {1: 5}, ["wo_dp.by_ipc", "5"]),
    "no batch size": (*(DATA, ("digits", "batch_size"), {}), ["digits.batch_size", "{}", "at least 1"]),
    "seed": (SELECT, ("seeds",), [2**64], ["seeds", "18446744073709551616", "4294967296"]),
    "title of two lines": (
        *(SOURCE, ("mtt", "title"), "MTT\nagain"),
        [r"sources.yaml: mtt.title: found 'MTT\nagain', allowed: one line of Latin", r"(not '\n')"],
    ),
    "title with a control character": (
        *(DATA, ("digits", "title"), "Digits\x07"),
        [r"datasets.yaml: digits.title: found 'Digits\x07', allowed: one line of"],
    ),
    "title in letters that LaTeX lacks": (
        *(SELECT, ("own_networks",), {"mine": {"file": "mine.py", "title": "网"}}),
        ["own_networks.mine.title: found '网', allowed: one line of Latin and Greek letters"],
    ),
    "title of a recipe": (
        *(RECIPE, ("recipes", "full", "title"), "Full\n"),
        [r"recipes.yaml: recipes.full.title: found 'Full\n', allowed: one line of"],
    ),
    "title of a factor": (
        *("tables.yaml", ("table3", "factors"), {"A\nB": ["keep_rate"]}),
        [r"tables.yaml: table3.factors: found 'A\nB', allowed: one line of"],
    ),
    "title of nothing": (
        *("figures.yaml", ("figure1", "title"), " "),
        ["figures.yaml: figure1.title: found ' ', allowed: at least one character that is no blank"],
    ),
    "title of two sources": (
        *(SOURCE, ("real", "title"), "FRePo  (ours)"),
        ["sources.yaml: real.title: found 'FRePo  (ours)', the title of own-frepo, allowed: one that"],
    ),
    "source of a drawing": (
        *("figures.yaml", ("figure5", "drawing", "source"), "freppo"),
        ["figures.yaml: figure5.drawing.source", "'freppo'", "frepo"],
    ),
    "recipe of a figure": (
        *("figures.yaml", ("figure8", "drawing", "recipes"), {"Lion": "fulll"}),
        ["figures.yaml: figure8.drawing.recipes (Lion)", "'fulll'", "full"],
    ),
    "name of a recipe": (*(RECIPE, ("recipes", "full@x"), {}), ["recipes.full@x", "what matches ^["]),
    "number for the name of a recipe": (*(RECIPE, ("recipes", 7), {}), ["recipes.7", "name 7,"]),
    "name of a source": (*(SOURCE, ("a/b",), {}), ["sources.yaml: a/b: found the name 'a/b'"]),
    "name of a data set": (*(DATA, ("My Set",), {}), ["datasets.yaml: My Set: found the name 'My Set'"]),
    "list for base": (
        *(RECIPE, ("recipes", "full", "base"), ["wo_kd"]),
        ["recipes.full.base", "['wo_kd']", "the name of a recipe"],
    ),
    "null for variations": (
        *(RECIPE, ("recipes", "wo_dp_kd", "by_ipc"), None),
        ["recipes.wo_dp_kd.by_ipc", "None", "a mapping"],
    ),
    "list for protocols": (RECIPE, ("protocols",), [], ["protocols"]),
    "negative epochs": (RECIPE, ("recipes", "full", "epochs"), -1, ["epochs", "-1", "1"]),
    "negative rate": (RECIPE, (*OPTIMIZER, "lr"), -0.1, ["lr", "-0.1", "greater than 0"]),
    "zero threads": (SELECT, ("threads",), 0, ["threads", "0", "1"]),
    "results in a folder with a blank": (
        *(SELECT, ("results",), "my results"),
        ["results", "'my results'", "no blanks"],
    ),
    "results in the home of nobody": (
        *(SELECT, ("results",), "~nobody-of-this-name/results"),
        ["results: found '~nobody-of-this-name/results', allowed: the home of a user"],
    ),
    "a set whose path has braces": (
        *(SOURCE, ("mtt", "sets", "digits"), {1: {"file": "my{set}.npz"}}),
        ["mtt.sets.digits.1.file", "found 'my{set}.npz'", "allowed: a path without braces"],
    ),
    "a set in the home of nobody": (
        *(SOURCE, ("mtt", "sets", "digits"), {1: {"file": "~nobody-of-this-name/set.npz"}}),
        ["mtt.sets.digits.1.file", "'~nobody-of-this-name/set.npz'", "allowed: the home of a user"],
    ),
    "no folder for results": (
        SELECT,
        ("results",),
        "",
        ["results: found '', allowed: at least 1 character"],
    ),
    "name with a blank": (
        SELECT,
        ("archs",),
        ["a b"],
        ["archs.0: found 'a b', allowed: what matches ^["],
    ),
    "negative seed": (SELECT, ("seeds",), [-1], ["seeds", "-1", "0"]),
    "no seeds": (SELECT, ("seeds",), [], ["seeds: found [], allowed: at least 1 value"]),
    "keep rate of zero": (
        RECIPE,
        ("recipes", "wo_kd", "keep_rate", "min"),
        0,
        ["keep_rate.min", "0"],
    ),
    "keep rate above one": (
        *(RECIPE, ("recipes", "wo_kd", "keep_rate", "final"), 1.1),
        ["keep_rate.final", "1.1", "1"],
    ),
    "seven folds of six": (RECIPE, (*AUGMENT, "folds"), 7, ["augmentation.folds", "7", "6"]),
    "weight above one": (
        *(RECIPE, ("recipes", "full", "distillation", "weight"), 1.5),
        ["distillation.weight", "1.5", "1"],
    ),
    "one beta": (RECIPE, (*OPTIMIZER, "betas"), [0.9], ["optimizer", "betas"]),
    "three betas": (
        RECIPE,
        (*OPTIMIZER, "betas"),
        [0.9] * 3,
        ["optimizer.betas", "allowed: at most 2 values"],
    ),
    "warm-up without end": (
        *(RECIPE, ("recipes", "wo_dp_kd", "schedule", "warmup"), 1000),
        ["schedule", "warmup", "1000"],
    ),
    "restarts every zero epochs": (
        *(RECIPE, ("recipes", "wo_kd", "schedule", "stabilise"), 0),
        ["schedule.stabilise", "0", "1"],
    ),
    "average that never moves": (RECIPE, (*OPTIMIZER, "betas"), [0.9, 1.0], ["betas", "1.0", "less"]),
    "no layers": (SOURCE, ("frepo", "widths"), [], ["frepo.widths", "[]"]),
    "more layers than halvings": (
        *(SOURCE, ("mtt", "widths"), [8] * 6),
        ["mtt.widths", "6 layers", "cifar10", "32 pixels", "5"],
    ),
    "widths for an unknown data set": (
        *(SOURCE, ("mtt", "widths_by_dataset"), {"cifar11": [8]}),
        ["mtt.widths_by_dataset", "'cifar11'", "cifar10"],
    ),
    "negative batch": (
        DATA,
        ("cifar10", "batch_size"),
        {1: -10},
        ["cifar10.batch_size", "-10", "1"],
    ),
    "two of three means": (
        DATA,
        ("cifar10", "mean"),
        [0.5, 0.5],
        ["cifar10", "mean", "3 channels"],
    ),
    "two of MTT's three means": (
        *(DATA, ("cifar10", "mtt", "mean"), [0.5, 0.5]),
        ["cifar10", "mtt's mean", "3 channels"],
    ),
    "zero deviation": (DATA, ("cifar10", "std"), [1, 1, 0], ["cifar10.std", "0"]),
    "distillation key": (
        *(SOURCE, ("own-frepo", "distilled", "digits", "stepz"), 5),
        ["own-frepo.distilled.digits", "'stepz'", "steps"],
    ),
    "no ridge": (
        *(SOURCE, ("own-frepo", "distilled", "digits", "ridge"), 0),
        ["own-frepo.distilled.digits.ridge", "0"],
    ),
    "distillation without steps": (
        *(SOURCE, ("own-frepo", "distilled", "digits", "steps"), DELETE),
        ["own-frepo.distilled.digits.steps", "needed"],
    ),
    "distillation of an unknown data set": (
        *(SOURCE, ("own-frepo", "distilled"), {"digit": FREPO}),
        ["own-frepo.distilled", "'digit'", "digits"],
    ),
    "distilled and drawn": (
        *(SOURCE, ("own-frepo", "drawn"), {"digits": [1]}),
        ["own-frepo", "either `sets`", "`drawn`", "`distilled`"],
    ),
    "hard labels of a distillation": (
        *(SOURCE, ("own-frepo", "labels"), "hard"),
        ["own-frepo", "labels: soft"],
    ),
    "MTT's constants that a distillation's data set has not": (
        *(SOURCE, ("own-frepo", "distilled", "digits", "whitening"), "standardise-mtt"),
        ["own-frepo.distilled.digits.whitening", "'standardise-mtt'", "digits.mtt", "zca-frepo"],
    ),
    "MTT's constants that a set's data set has not": (
        *(SOURCE, ("mtt", "sets", "digits"), {1: {"file": "set.npz", "whitening": "standardise-mtt"}}),
        ["mtt.sets.digits.1.whitening", "'standardise-mtt'", "digits.mtt"],
    ),
    "unknown layout": (
        *(DATA, ("cifar10", "origin", "layout"), "cifar-10-python"),
        ["cifar10.origin.layout", "'cifar-10-python'", "cifar-10-batches-py", "class-folders"],
    ),
    "archive of what needs none": (
        *(DATA, ("digits", "origin", "archives"), [{"url": "https://example.org/set"}]),
        ["digits.origin", "archives", "sklearn-digits"],
    ),
    "bad checksum": (
        *(DATA, ("cifar10", "origin", "archives"), [{"url": "https://example.org/set", "md5": "x"}]),
        ["origin.archives.0.md5", "'x'"],
    ),
    "content of one split": (
        *(DATA, ("cifar10", "content", "test"), DELETE),
        ["cifar10.content.test", "needed"],
    ),
    "a root twice": (SELECT, ("data_roots",), ["/data", "/data"], ["data_roots", "twice"]),
    "missing key": (RECIPE, OPTIMIZER, DELETE, ["baseline.optimizer", "needed"]),
    "missing field": (DATA, ("cifar100", "classes"), DELETE, ["cifar100.classes", "needed"]),
    "truth for a number": (
        RECIPE,
        ("recipes", "full", "epochs"),
        True,
        ["full.epochs", "True", "number"],
    ),
    "truth among numbers": (SELECT, ("seeds",), [True], ["seeds.0", "True", "a number"]),
    "endless rate": (
        RECIPE,
        (*OPTIMIZER, "lr"),
        float("inf"),
        ["baseline.optimizer.lr", "inf", "finite"],
    ),
    "rate that is none": (RECIPE, (*OPTIMIZER, "lr"), float("nan"), ["optimizer.lr", "nan"]),
    "a seed twice": (SELECT, ("seeds",), [0, 1, 0], ["seeds", "[0, 1, 0]", "once", "0"]),
    "a network twice in a table": (
        *(TABLE, ("table2", "archs"), ["cnn", "vgg11", "cnn"]),
        ["table2.archs", "once", "'cnn'"],
    ),
    "epochs after the cosine": (
        *(RECIPE, ("recipes", "wo_dp_kd", "epochs"), 1001),
        ["wo_dp_kd.epochs", "1001", "at most 1000", "cosine"],
    ),
    "epochs after the last cosine of Equation 3": (
        *(RECIPE, ("recipes", "wo_kd", "epochs"), 4001),
        ["wo_kd.epochs", "4001", "at most 4000", "periodic"],
    ),
    "one epoch of a warm-up": (
        *(RECIPE, ("recipes", "wo_dp_kd", "epochs"), 1),
        [
            "recipes.wo_dp_kd.epochs: found 1, which with schedule.warmup 100 is a learning rate of 0 ",
            "in every epoch, allowed: at least 2, or schedule.warmup 0",
        ],
    ),
    "a warm-up that starts anew in every epoch": (
        *(RECIPE, ("recipes", "wo_kd", "schedule", "stabilise"), 1),
        [
            "recipes.wo_kd.schedule: found period 500 and stabilise 1, which with warmup 50 is a ",
            "learning rate of 0 in every epoch, allowed: at least 2 of both, or warmup 0",
        ],
    ),
    "a temperature at which all probabilities are the same": (
        *(RECIPE, ("recipes", "full", "distillation", "temperature"), 1.0e8),
        ["full.distillation.temperature", "100000000.0", "less than or equal to 1000"],
    ),
    "periods longer than the cosine": (
        *(RECIPE, ("recipes", "wo_kd", "schedule", "period"), 1500),
        ["wo_kd.epochs", "4000", "at most 1000", "periodic"],
    ),
    "no file of the paper's numbers": (
        *(TABLE, ("table2", "paper"), "paper/main.csv"),
        ["table2.paper", "'paper/main.csv'", "no such file"],
    ),
    "a protocol that all others build on": (
        *(RECIPE, ("protocols", "paper"), DELETE),
        ["protocols", "'paper' is needed"],
    ),
    "a table that needs a data set": (
        TABLE,
        ("table2", "dataset"),
        None,
        ["table2", "dataset", "'main'"],
    ),
    "factors of a table without them": (
        *(TABLE, ("table2", "factors"), {"Lion": ["optimizer"]}),
        ["table2", "factors", "'main'"],
    ),
    "teacher's network": (
        *(RECIPE, ("recipes", "full-teacher_resnet18", "distillation", "arch"), "resnet"),
        ["distillation.arch", "'resnet'", "resnet18"],
    ),
    # circles
    "circle of recipes": (
        *(RECIPE, ("recipes", "baseline", "base"), "full"),
        ["base", "circle", "wo_dp_kd"],
    ),
    "recipe on itself": (RECIPE, ("recipes", "full", "base"), "full", ["full.base", "circle"]),
    "circle of protocols": (
        *(RECIPE, (*RELEASED, "base"), "released_as_is"),
        ["base", "circle", "released"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_it(directory: Path, mistake: str) -> None:
    file, keys, value, named = MISTAKES[mistake]
    spoil(directory, file, keys, value)
    message = complaint(lambda: load_configuration(directory))
    assert message.startswith(str(directory / file))
    for part in named:
        assert part in message


@pytest.mark.parametrize("results", ["a&b", "r(1)", "it's", "r$HOME", "x;y", "r{x}", "r*", "-r"])
def test_results_lie_where_a_shell_finds_them(directory: Path, results: str) -> None:
    spoil(directory, SELECT, ("results",), results)
    message = complaint(lambda: load_configuration(directory))
    told = f"results: found {results!r}, allowed: a path of letters, digits and "
    assert message.startswith(f"{directory / SELECT}: {told}")


@pytest.mark.parametrize(
    "results", ["r", "/a/b.c", "../r_1", ".r", "a-b+c=d,e@f%g:h/i~", "/home/jürgen/r", "~/r"]
)
def test_results_may_lie_in_such_folders(directory: Path, results: str) -> None:
    spoil(directory, SELECT, ("results",), results)
    assert load_configuration(directory).selection.results == str(Path(results).expanduser())


BROKEN = {
    "bracket": ("a: [1,\nb: }\n", "line 2"),
    "tab": ("a:\n\t- 1\n", "line 2"),
    "tag": ("a: !!python/object/apply:os.getcwd []\n", "line 1"),
    "empty": ("", "mapping"),
    "list": ("- a\n", "list"),
    "text": ("just words\n", "mapping"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("file", [RECIPE, DATA, SOURCE, TABLE, SELECT])
def test_broken_yaml_names_the_file_and_the_place(directory: Path, file: str, kind: str) -> None:
    content, named = BROKEN[kind]
    (directory / file).write_text(content)
    message = complaint(lambda: load_configuration(directory))
    assert str(directory / file) in message
    assert named in message


def test_a_protocol_s_whitening_is_for_a_data_set_that_has_its_constants(directory: Path) -> None:
    where = (*RELEASED, "test_whitening")
    key = f"{directory}/recipes.yaml: protocols.released.test_whitening"
    spoil(directory, RECIPE, where, {"cifar10": "standardise-mtt"})
    released = parse_run("cifar10/mtt/ipc1/cnn/baseline@released_as_is/seed0")
    assert resolve(load_configuration(directory), released).whitening == "standardise-mtt"
    spoil(directory, RECIPE, where, {"digits": "standardise-mtt"})
    assert complaint(lambda: load_configuration(directory)) == (
        f"{key}.digits: found 'standardise-mtt', allowed without digits.mtt in "
        f"{directory}/datasets.yaml: none, standardise, zca-kornia, zca-frepo, zca-kip"
    )
    spoil(directory, RECIPE, where, {"cifar11": "zca-kornia"})
    assert f"{key}: found unknown name 'cifar11'" in complaint(lambda: load_configuration(directory))


def test_a_finding_is_about_the_runs_of_all_that_it_names(directory: Path) -> None:
    about = {"title": "A", "text": "B", "sources": ["mtt"], "ipc": [1, 10], "recipes": ["wo_dp"]}
    (directory / "findings.yaml").write_text(yaml.safe_dump({"one": about, "all": ANY}, sort_keys=False))
    configuration = load_configuration(directory)
    cell = {"dataset": "cifar10", "source": "mtt", "ipc": 10, "arch": "vgg11", "recipe": "wo_dp"}
    assert list(configuration.findings_of(cell)) == ["one", "all"]
    for name, other in (("source", "frepo"), ("ipc", 50), ("recipe", "full")):
        assert list(configuration.findings_of({**cell, name: other})) == ["all"]
    assert list(configuration.findings_of({**cell, "arch": "cnn", "seed": 3})) == ["one", "all"]


ANY = {"title": "C", "text": "D"}


def test_a_table_and_a_figure_of_one_name_are_told(directory: Path) -> None:
    tables = yaml.safe_load((directory / TABLE).read_text())
    spoil(directory, TABLE, ("figure1",), tables["table2"])
    told = complaint(lambda: load_configuration(directory))
    assert told.startswith(f"{directory}/figures.yaml: figure1: found the name of another target")


@pytest.mark.parametrize("content", ["", "# archs: [cnn]\n", "---\n"])
def test_an_empty_preset_changes_nothing(tmp_path: Path, content: str) -> None:
    preset = tmp_path / "preset.yaml"
    preset.write_text(content)
    changed = load_configuration(CONFIG, overrides=read_overrides([preset]))
    assert changed.selection == CONFIGURATION.selection
    preset.write_text("[]\n")
    told = complaint(lambda: read_overrides([preset]))
    assert told == f"{preset}: found list, allowed: a mapping of names"


def test_constants_are_needed_where_a_set_takes_the_whitening_of_its_source(directory: Path) -> None:
    spoil(directory, SOURCE, ("own-frepo", "whitening"), "standardise-mtt")
    load_configuration(directory)  # the digits have a whitening of their own
    spoil(directory, SOURCE, ("own-frepo", "distilled", "digits", "whitening"), None)
    assert "own-frepo.whitening: found 'standardise-mtt'" in complaint(
        lambda: load_configuration(directory)
    )
    spoil(directory, SOURCE, ("own-frepo", "whitening"), "standardise")
    spoil(directory, SOURCE, ("real", "drawn", "digits"), [5])
    spoil(directory, SOURCE, ("real", "whitening"), "standardise-mtt")
    assert "real.whitening: found 'standardise-mtt'" in complaint(lambda: load_configuration(directory))


def test_what_a_merge_key_brings_own_keys_replace(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("own_recipes: {one: &one {base: full, epochs: 10}, two: {<<: *one, epochs: 11}}\n")
    assert read_overrides([file]) == [
        (
            str(file),
            {
                "own_recipes": {
                    "one": {"base": "full", "epochs": 10},
                    "two": {"base": "full", "epochs": 11},
                }
            },
        )
    ]


def test_a_key_that_stands_there_twice_names_both_lines(directory: Path) -> None:
    path = directory / RECIPE
    lines = path.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("  wo_kd:"))
    lines.insert(place + 2, "    title: again")  # line place + 3; the first title is on line place + 2
    path.write_text("\n".join(lines))
    message = complaint(lambda: load_configuration(directory))
    assert message.startswith(f"{path}: line {place + 3}, column 5: ")
    assert f"'title' again, which line {place + 2} has" in message


def test_the_kind_of_an_optimiser_is_no_key_of_a_file(directory: Path) -> None:
    spoil(directory, RECIPE, (*OPTIMIZER, "betas"), [0.9, 2])
    message = complaint(lambda: load_configuration(directory))
    assert "recipes.baseline.optimizer.betas.1: found 2" in message
    spoil(directory, RECIPE, (*OPTIMIZER, "betas"), [0.9, 0.9])
    spoil(directory, RECIPE, ("recipes", "baseline", "schedule", "milestone"), 3)
    message = complaint(lambda: load_configuration(directory))
    assert "recipes.baseline.schedule.milestone: found unknown key 'milestone'" in message
    assert message.endswith("allowed: name, milestones, factor")


def test_bytes_that_are_no_text(directory: Path) -> None:
    (directory / SELECT).write_bytes(b"device: \xff\xfe\n")
    assert str(directory / SELECT) in complaint(lambda: load_configuration(directory))


@pytest.mark.parametrize("file", [RECIPE, DATA, SOURCE, TABLE, SELECT])
def test_a_missing_file_is_named(directory: Path, file: str) -> None:
    (directory / file).unlink()
    assert str(directory / file) in complaint(lambda: load_configuration(directory))


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ({"ipcs": [1]}, ["ipcs", "ipc"]),
        ({"ipc": ["x"]}, ["ipc", "'x'", "integer"]),
        ({"evaluation": {"every": 0}}, ["evaluation.every", "0", "1"]),
        ({"recipes": ["ful"]}, ["recipes", "'ful'", "full"]),
        ({"device": "tpu"}, ["device", "'tpu'", "cpu"]),
    ],
)
def test_a_mistake_on_the_command_line_names_the_command_line(
    override: dict[str, Any], named: list[str]
) -> None:
    overrides = [*read_overrides([CONFIG / "presets/cpu.yaml"]), ("command line", override)]
    message = complaint(lambda: load_configuration(CONFIG, overrides=overrides))
    assert message.startswith("command line")
    for part in named:
        assert part in message


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("cifar10/frepo/ipc2/cnn/baseline/seed0", ["frepo.sets.cifar10", "ipc 2", "1, 10, 50"]),
        ("cifar10/frepo/ipc1/cnn/full/seed0", ["'full'", "'cnn'"]),
        ("cifar10/mtt/ipc1/cnn/wo_dp/seed0", ["'wo_dp'", "'cnn'"]),
        ("cifar10/mtt/ipc1/cnn/wo_kd/seed0", ["'wo_kd'", "'cnn'"]),
        ("cifar10/mtt/ipc1/cnn/full@released/seed0", ["full", "'cnn'"]),
        (
            "cifar10/frepo/ipc1/vgg11/ful/seed0",
            [f"'ful' {MEANT}full'?), allowed in {CONFIG}/recipes.yaml: "],
        ),
        (
            "cifar10/frep/ipc1/vgg11/full/seed0",
            [f"'frep' {MEANT}frepo'?), allowed in {CONFIG}/sources.yaml: "],
        ),
        ("cifar11/frepo/ipc1/vgg11/full/seed0", ["datasets.yaml", "'cifar11'", "cifar10"]),
        ("cifar100/frepo-original/ipc1/vgg11/full/seed0", ["sources.yaml", "'cifar100'", "cifar10"]),
        ("cifar10/frepo/ipc1/vgg/full/seed0", ["arch", "'vgg'", "vgg11"]),
        ("cifar10/frepo/ipc0/vgg11/full/seed0", ["ipc", "0", "1"]),
        ("cifar10/frepo/ipc1/vgg11/full@rel/seed0", ["protocol", "'rel'", "released"]),
        ("CIFAR10/frepo/ipc1/vgg11/full/seed0", ["dataset", "CIFAR10"]),
        ("cifar10/frepo/ipc1/vgg11/full/seed-1", ["seed-1", "{seed}"]),
        ("cifar10/frepo/1/vgg11/full/seed0", ["cifar10/frepo/1/", "{ipc}"]),
        ("nonsense", ["nonsense", "{dataset}"]),
        ("", ["{dataset}"]),
    ],
)
def test_an_impossible_run_is_one_line(path: str, named: list[str]) -> None:
    message = complaint(lambda: resolve(CONFIGURATION, parse_run(path)))
    for part in named:
        assert part in message


def test_a_batch_size_holds_from_its_ipc_on(directory: Path) -> None:
    spoil(directory, DATA, ("cifar10", "batch_size"), {1: 10, 50: 128})
    configuration = load_configuration(directory)
    sizes = {
        ipc: resolve(configuration, parse_run(f"cifar10/mtt/ipc{ipc}/cnn/baseline/seed0")).batch_size
        for ipc in (1, 10, 50)
    }
    assert sizes == {1: 10, 10: 10, 50: 128}


def test_a_batch_size_that_is_missing_is_named(directory: Path) -> None:
    spoil(directory, DATA, ("cifar10", "batch_size"), {50: 128})
    run = parse_run("cifar10/mtt/ipc10/cnn/baseline/seed0")
    message = complaint(lambda: resolve(load_configuration(directory), run))
    for part in ("datasets.yaml", "cifar10.batch_size", "10"):
        assert part in message


def test_an_ipc_that_no_set_has_is_not_silently_skipped(directory: Path) -> None:
    spoil(directory, SELECT, ("ipc",), [2])

    def plan() -> None:
        configuration = load_configuration(directory)
        table_runs(configuration, configuration.tables["table2"])

    message = complaint(plan)
    assert "ipc" in message
    assert "2" in message


def test_a_teacher_that_needs_a_teacher_is_refused(directory: Path) -> None:
    """Distilling with `full` means training the source's own network with `full`: impossible."""
    spoil(directory, RECIPE, ("recipes", "full", "distillation", "recipe"), "full")
    run = parse_run("cifar10/mtt/ipc1/vgg11/full/seed0")
    message = complaint(lambda: with_teachers(load_configuration(directory), [run]))
    assert "'full'" in message


def test_no_network_is_its_own_teacher() -> None:
    run = parse_run("cifar10/mtt/ipc1/resnet18/full-teacher_resnet18/seed0")
    assert not applies(CONFIGURATION, run)
    assert "'resnet18', the recipe's own teacher" in complaint(lambda: resolve(CONFIGURATION, run))
    taught = resolve(CONFIGURATION, run.model_copy(update={"arch": "resnet50"}))
    assert taught.teacher == run.model_copy(update={"recipe": "wo_dp_kd"})
    assert taught.teacher_network is not None
    assert (taught.teacher_network.arch, taught.teacher_network.droppath) == ("resnet18", False)
    usual = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc1/resnet50/full/seed0"))
    assert usual.distillation is not None
    assert "arch" not in usual.distillation.model_dump(), "settings of earlier runs stay what they are"


# --- Runs and their paths -------------------------------------------------------------------------


def test_paths_of_runs_lead_there_and_back() -> None:
    run = RunId(
        dataset="cifar10",
        source="mtt",
        ipc=50,
        arch="vgg11",
        recipe="full",
        protocol="released",
        seed=3,
    )
    assert run.path == "cifar10/mtt/ipc50/vgg11/full@released/seed3"
    for form in ("{}", "results/runs/{}", "/a/b/{}/", "results/runs/{}/metrics.json"):
        assert parse_run(form.format(run.path)) == run
    assert parse_run("cifar10/mtt/ipc50/vgg11/full@paper/seed3").path == run.path.replace(
        "@released", ""
    )


# --- Which runs -----------------------------------------------------------------------------------


def planned(preset: str) -> tuple[Configuration, list[RunId]]:
    """The runs of Table 2 under a preset."""
    configuration = load_configuration(
        CONFIG, overrides=read_overrides([CONFIG / "presets" / f"{preset}.yaml"])
    )
    return configuration, table_runs(configuration, configuration.tables["table2"])


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_presets_plan_132_cells_with_three_seeds(preset: str) -> None:
    configuration, runs = planned(preset)
    assert len(runs) == len(set(runs)) == 132 * 3  # 2 sources x 3 IPC x (2 + 4 x 5)
    expected = {
        (source, ipc, arch, recipe, seed)
        for source in ("frepo", "mtt")
        for ipc in (1, 10, 50)
        for arch in ARCHS
        for recipe in (SIMPLE if arch == "cnn" else RECIPES)
        for seed in (0, 1, 2)
    }
    assert {(r.source, r.ipc, r.arch, r.recipe, r.seed) for r in runs} == expected
    assert {run.protocol for run in runs} == {preset}
    assert {run.dataset for run in runs} == {"cifar10"}
    assert all(applies(configuration, run) for run in runs)
    everything = with_teachers(configuration, runs)
    assert len(everything) == len(set(everything)) == len(runs), "teachers are cells, too"
    place = {run: index for index, run in enumerate(everything)}
    students = [run for run in runs if run.recipe in ("wo_dp", "full")]
    for run in students[::7]:
        settings = resolve(configuration, run)
        if preset == "released":  # the published weights teach
            assert settings.teacher is None
            assert settings.teacher_weights is not None
            folder = f"cifar10_{run.ipc}_{run.source}_convnet"
            assert settings.teacher_weights.name.endswith(f"snapshots/{folder}/checkpoint_best.pth")
            continue
        teacher = settings.teacher
        assert teacher is not None
        assert (teacher.arch, teacher.recipe, teacher.seed) == ("cnn", "wo_dp_kd", run.seed)
        assert teacher.training_set == run.training_set
        assert teacher.protocol == run.protocol
        assert place[teacher] < place[run]


def test_cpu_preset_plans_one_seed_of_one_image_per_class() -> None:
    _, runs = planned("cpu")
    assert len(runs) == 44
    assert {(run.dataset, run.ipc, run.seed) for run in runs} == {("cifar10", 1, 0)}


def test_a_student_alone_brings_its_teacher() -> None:
    student = parse_run("cifar10/frepo/ipc10/vgg11/full/seed2")
    teacher = parse_run("cifar10/frepo/ipc10/cnn/wo_dp_kd/seed2")
    assert with_teachers(CONFIGURATION, [student]) == [teacher, student]
    assert with_teachers(CONFIGURATION, [student, student]) == [teacher, student]
    alone = parse_run("cifar10/frepo/ipc10/vgg11/wo_kd/seed2")
    assert with_teachers(CONFIGURATION, [alone]) == [alone]


def test_every_planned_run_can_be_resolved_and_has_its_own_digest() -> None:
    configuration, runs = planned("paper")
    digests = Counter(resolve(configuration, run).digest for run in runs if run.seed == 0)
    assert len(digests) == 132


# --- Recipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["frepo", "mtt"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_folds_and_batch_sizes_follow_the_ipc(recipe: str, source: str) -> None:
    for protocol in ("", "@released", "@released_as_is"):
        for ipc, folds, batch in ((1, 4, 10), (10, 2, 100), (50, 2, 128)):
            run = parse_run(f"cifar10/{source}/ipc{ipc}/resnet18/{recipe}{protocol}/seed0")
            settings = resolve(CONFIGURATION, run)
            assert settings.augmentation.folds == (1 if recipe == "baseline" else folds)
            assert settings.batch_size == batch


def test_components_are_those_of_table_1() -> None:
    with_droppath, with_teacher = {"wo_kd", "full"}, {"wo_dp", "full"}
    for recipe in RECIPES:
        for arch in ARCHS[1:]:
            settings = resolve(CONFIGURATION, parse_run(f"cifar10/mtt/ipc10/{arch}/{recipe}/seed0"))
            assert (settings.keep_rate is not None) == (recipe in with_droppath)
            assert settings.network.droppath == (recipe in with_droppath)
            assert (settings.distillation is not None) == (recipe in with_teacher)
            assert (settings.teacher is not None) == (recipe in with_teacher)
            assert (settings.optimizer.name == "lion") == (recipe != "baseline")
            assert settings.epochs == (4000 if recipe in with_droppath else 1000)
            assert settings.network.shortcut == "improved"


def test_the_networks_own_to_a_source_take_neither_droppath_nor_a_teacher() -> None:
    for recipe in RECIPES:
        run = parse_run(f"cifar10/frepo/ipc1/cnn/{recipe}/seed0")
        assert applies(CONFIGURATION, run) == (recipe in SIMPLE)


def test_variations_and_protocols_lie_over_a_recipe_in_order(directory: Path) -> None:
    leaf = "full-warmup50"
    spoil(directory, RECIPE, ("recipes", leaf, "by_arch"), {"vgg11": {"epochs": 7}})
    spoil(directory, RECIPE, ("recipes", leaf, "by_source"), {"mtt": {"distillation": None}})
    spoil(directory, RECIPE, (*RELEASED, "recipes", leaf), {"distillation": {"weight": 0.9}})
    configuration = load_configuration(directory)

    def settings(arch: str, source: str, protocol: str = "") -> Any:
        return resolve(configuration, parse_run(f"cifar10/{source}/ipc1/{arch}/{leaf}{protocol}/seed0"))

    assert settings("vgg11", "frepo").epochs == 7
    assert settings("alexnet", "frepo").epochs == 4000
    assert settings("alexnet", "frepo").distillation is not None
    assert settings("alexnet", "mtt").distillation is None
    assert settings("alexnet", "mtt").teacher is None
    assert settings("alexnet", "frepo").distillation.weight == 0.5
    for protocol in ("@released", "@released_as_is"):
        assert settings("alexnet", "frepo", protocol).distillation.weight == 0.9


def test_what_a_recipe_says_holds_whatever_its_bases_say_by_ipc_or_network(directory: Path) -> None:
    own = {
        "x-1fold": {"title": "X", "base": "full", "augmentation": {"folds": 1}},
        "x-always": {"title": "Y", "base": "full", "keep_rate": None},
        "x-pmin": {"title": "Z", "base": "full", "keep_rate": {"min": 0.7}},
    }
    configuration = load_configuration(directory, overrides=[("--config", {"own_recipes": own})])

    def settings(arch: str, recipe: str, ipc: int = 1) -> Any:
        return resolve(configuration, parse_run(f"cifar10/frepo/ipc{ipc}/{arch}/{recipe}/seed0"))

    for ipc in (1, 10):
        assert settings("vgg11", "x-1fold", ipc).augmentation.folds == 1
    assert settings("vgg11", "full").augmentation.folds == 4
    assert settings("vgg11", "full", 10).augmentation.folds == 2
    for protocol in ("", "@released", "@released_as_is", "@demo"):
        assert settings("resnet50", f"x-always{protocol}").keep_rate is None
    found = settings("resnet50", "x-pmin@released").keep_rate
    assert (found.min, found.decay) == (0.7, 0.13)
    assert settings("resnet50", "full@released").keep_rate.min == 0.35


def test_another_optimiser_replaces_the_old_one_whole(directory: Path) -> None:
    adamw = {"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.99], "weight_decay": 0.0}
    spoil(directory, RECIPE, ("recipes", "full", "optimizer"), adamw)
    run = parse_run("cifar10/mtt/ipc1/vgg11/full/seed0")
    found = resolve(load_configuration(directory), run).optimizer
    assert found.model_dump() == {**adamw, "betas": (0.9, 0.99)}
    spoil(directory, RECIPE, ("recipes", "full", "optimizer"), {"name": "adamw"})
    message = complaint(lambda: resolve(load_configuration(directory), run))
    assert "optimizer" in message, "nothing of Lion's is left over"


def test_settings_cannot_be_changed_after_loading() -> None:
    settings = resolve(CONFIGURATION, parse_run("cifar10/mtt/ipc1/vgg11/full/seed0"))
    with pytest.raises(ValueError, match="frozen"):
        settings.epochs = 3


def test_arithmetic_stands_in_the_settings_only_where_it_was_chosen() -> None:
    run = parse_run("cifar10/frepo/ipc1/alexnet/full/seed0")
    usual = resolve(CONFIGURATION, run)
    choice = [("--config", {"arithmetic": {"precision": "bfloat16"}})]
    chosen = resolve(load_configuration(CONFIG, overrides=choice), run)
    assert "arithmetic" not in usual.to_json()
    assert '"arithmetic":{"precision":"bfloat16"' in chosen.to_json()
    assert chosen.digest != usual.digest
    assert RunSettings.model_validate_json(chosen.to_json()) == chosen
    assert RunSettings.model_validate_json(usual.to_json()) == usual


def test_an_unknown_precision_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"arithmetic\.precision: found 'half', allowed: .*bfloat16"):
        load_configuration(CONFIG, overrides=[("--config", {"arithmetic": {"precision": "half"}})])


# --- A protocol that makes everything shorter -------------------------------------------------------


def test_a_tenth_of_the_length_is_a_tenth_of_every_number_of_epochs() -> None:
    book = CONFIGURATION.recipe_book
    whole = book.recipe("full", "paper", ipc=10, arch="alexnet", source="mtt")
    short = whole.scaled(0.1)
    assert (whole.epochs, short.epochs) == (4000, 400)
    assert short.keep_rate == KeepRate(
        warmup=50, period=50, decay=0.1, min=0.5, final=0.8, stabilise=300
    )
    assert short.schedule == PeriodicSchedule(
        name="periodic", warmup=5, cosine_period=100, period=50, stabilise=300, decay=0.8
    )
    short = whole.scaled(0.011)  # 44 epochs; 5.5 are 6 of a period and 5 of a warm-up
    assert (short.epochs, short.keep_rate and short.keep_rate.period) == (44, 6)
    assert (short.keep_rate and short.keep_rate.warmup, short.schedule.warmup) == (5, 0)
    baseline = book.recipe("baseline", "paper", ipc=1, arch="cnn", source="mtt").scaled(0.1)
    assert baseline.schedule == StepSchedule(name="step", milestones=(50,), factor=0.1)
    assert book.recipe("full", "demo", ipc=10, arch="alexnet", source="mtt").epochs == 600


def test_no_table_or_figure_is_called_as_another_target(directory: Path) -> None:
    file = directory / "tables.yaml"
    before = file.read_text()
    for name in ("audit", "runs", "selection"):
        file.write_text(before.replace("\ntable2:", f"\n{name}:"))
        with pytest.raises(
            ConfigError, match=rf"tables\.yaml: {name}: found the name of another target"
        ):
            load_configuration(directory)


def test_every_rule_is_reserved() -> None:
    rules = CONFIG.parent / "rules"
    named = {
        name
        for file in rules.glob("*.smk")
        for name in re.findall(r"^rule (\w+):", file.read_text(), re.MULTILINE)
    }
    assert named
    assert named <= set(RESERVED)


@given(
    epochs=st.integers(1, 5000),
    period=st.integers(1, 5000),
    warmup=st.integers(0, 5000),
    length=st.floats(0.001, 1.0),
)
def test_what_fits_into_a_schedule_fits_into_a_shorter_one(
    epochs: int, period: int, warmup: int, length: float
) -> None:
    warmup, epochs = warmup % period, 1 + (epochs - 1) % period
    whole = CONFIGURATION.recipe_book.recipe("wo_dp_kd", "paper", ipc=1, arch="cnn", source="mtt")
    cosine = CosineSchedule(name="cosine", warmup=warmup, period=period)
    short = whole.model_copy(update={"epochs": epochs, "schedule": cosine}).scaled(length)
    again = CosineSchedule.model_validate(short.schedule.model_dump())  # warm-up before the end
    assert 1 <= short.epochs <= again.period
    assert short.epochs <= epochs
    assert again.warmup <= warmup


def test_a_longer_recipe_of_ones_own_is_allowed_under_every_protocol(directory: Path) -> None:
    longer = {
        "full-longer": {"base": "full", "epochs": 3500},
        "wo_dp-short": {"base": "wo_dp", "epochs": 700},
    }
    loaded = load_configuration(directory, overrides=[("--config", {"own_recipes": longer})])
    found = loaded.recipe_book.recipe("wo_dp-short", "demo", ipc=1, arch="vgg11", source="mtt")
    assert found.epochs == 105


def test_a_set_of_ones_own_has_rows_of_its_own_ipc(directory: Path) -> None:
    """Whatever IPC the table is about; the rows of the table's own sources stay as they are."""
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    sources["mine"] = {**sources["mtt"], "title": "Mine", "sets": {"cifar10": {5: {"file": "mine.npz"}}}}
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources))
    chosen = {"sources": ["mine"], "datasets": ["cifar10"], "ipc": [5]}
    configuration = load_configuration(directory, overrides=[("--config", chosen)])
    table = configuration.table("table2")
    rows = dict.fromkeys((run.source, run.ipc) for run in grid(configuration, table, "cifar10"))
    assert list(rows) == [*product(("frepo", "mtt"), (1, 10, 50)), ("mine", 5)]
    assert {(run.source, run.ipc) for run in table_runs(configuration, table)} == {("mine", 5)}


def test_custom_sources_of_a_preset_are_rows_of_the_main_tables(directory: Path) -> None:
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    mine = {**sources["mtt"], "title": "Mine", "sets": {"cifar10": {5: {"file": "mine.npz"}}}}

    def load(name: str, source: Any) -> Configuration:
        preset = ("mine.yaml", {"own_sources": {name: source}})
        return load_configuration(directory, overrides=[preset])

    configuration = load("mine", mine)
    rows = grid(configuration, configuration.table("table2"), "cifar10")
    assert ("mine", 5) in {(run.source, run.ipc) for run in rows}
    assert all(
        run.source != "mine" for run in grid(configuration, configuration.table("table7"), "cifar10")
    )
    for name, source, told in (
        ("mine", {**mine, "labels": "hart"}, "mine.labels: found 'hart', allowed: 'soft' or 'hard'"),
        ("mtt", mine, "mtt: found the name of a source of sources.yaml, allowed: another name"),
        ("mine", {**mine, "lables": "hard"}, "mine.lables: found unknown key 'lables' (did you mean"),
    ):
        told_of = complaint(lambda name=name, source=source: load(name, source))  # type: ignore[misc]
        assert told_of.startswith(f"mine.yaml: own_sources.{told}")


def test_a_mistake_in_what_is_chosen_names_the_file_that_has_it(directory: Path) -> None:
    layers = [("one.yaml", {"ipc": [7]}), ("two.yaml", {"seeds": [0]})]
    told = complaint(lambda: load_configuration(directory, overrides=layers))
    assert told.startswith("one.yaml: ipc: found 7, allowed: ")


def test_a_network_of_ones_own_that_no_preset_names_is_told(directory: Path) -> None:
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    sources["mtt"]["arch"] = "tiny"
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources))
    told = complaint(lambda: load_configuration(directory))
    assert "sources.yaml: mtt.arch: found unknown network 'tiny'" in told
    assert told.endswith(
        "one of your own is named by `own_networks` of config.yaml or of a preset given here"
    )


def test_a_file_of_ones_own_that_is_not_there_is_told(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as its set is chosen."""
    monkeypatch.chdir(directory.parent)
    sources = yaml.safe_load((directory / "sources.yaml").read_text())
    of_mine = {"cifar10": {1: {"file": "mine1.npz"}, 10: {"file": "mine10.npz"}}}
    sources["mine"] = {**sources["mtt"], "title": "Mine", "sets": of_mine}
    (directory / "sources.yaml").write_text(yaml.safe_dump(sources))
    (directory.parent / "mine1.npz").touch()

    def check(**chosen: Any) -> None:
        check_own_files(load_configuration(directory, overrides=[("--config", chosen)]))

    check()
    check(sources=["frepo"])
    check(sources=["mine"], ipc=[1])
    check(sources=["mine"], datasets=["digits"])
    told = "sources.yaml: mine.sets.cifar10.10: mine10.npz: no such file"
    assert told in complaint(lambda: check(sources=["mine"]))
    assert told in complaint(lambda: check(sources=["mine"], datasets=["cifar10"]))


@pytest.mark.parametrize("recipe", CONFIGURATION.recipe_book.recipes)
def test_every_shipped_recipe_works_as_a_custom_one_after_a_way_through_json(recipe: str) -> None:
    """The configuration of a custom recipe reaches jobs as JSON, whose keys are strings."""
    written = CONFIGURATION.recipe_book.recipes[recipe]
    pasted = json.loads(json.dumps({"own_recipes": {"pasted": written}}))
    configuration = load_configuration(CONFIG, overrides=[("mine.yaml", pasted)])
    for arch, ipc in product(("cnn", "alexnet"), (1, 10)):
        key = {"ipc": ipc, "arch": arch, "source": "frepo"}
        book = configuration.recipe_book
        assert book.recipe("pasted", "paper", **key) == book.recipe(recipe, "paper", **key)


@pytest.mark.parametrize("ipc", ["many", "0", "1.5", "-1"])
def test_what_is_no_number_of_images_is_refused(ipc: str) -> None:
    own = {"mine": {"base": "full", "by_ipc": {ipc: {"epochs": 10}}}}
    with pytest.raises(ConfigError) as caught:
        load_configuration(CONFIG, overrides=[("mine.yaml", {"own_recipes": own})])
    assert str(caught.value) == (
        f"mine.yaml: own_recipes.mine.by_ipc: found {ipc!r}, allowed: a number of images per class"
    )


@pytest.mark.parametrize(
    ("key", "found", "meant"),
    [("archs", "ResNet18", "resnet18"), ("sources", "MTT", "mtt"), ("datasets", "CIFAR10", "cifar10")],
)
def test_names_in_capitals_are_guessed(key: str, found: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_configuration(CONFIG, overrides=[("--config", {key: [found]})])
    assert str(caught.value) == (
        f"--config: {key}.0: found {found!r}, allowed: names in lower case (did you mean {meant!r}?)"
    )


def test_a_run_in_capitals_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"arch: found 'CNN', .*did you mean 'cnn'\?"):
        parse_run("cifar10/mtt/ipc1/CNN/baseline/seed0")
