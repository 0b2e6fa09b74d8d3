"""Options and readers of them that several verbs share."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from crossarch.config import (
    Configuration,
    RunId,
    load_configuration,
    read_overrides,
    split_recipe,
)
from crossarch.config.custom import with_places
from crossarch.config.model import Resolved
from crossarch.config.schema import CUSTOM_WHITENING, WHITENINGS, Whitening
from crossarch.config.validation import unknown, validated
from crossarch.errors import ConfigError, DataError
from crossarch.layout import Layout, layout_of

S = TypeVar("S", bound=Resolved)


def _of_this_machine(context: typer.Context, device: str) -> str:
    """The device that an option names, if it is there. Raises ConfigError, before anything is done."""
    if device == "auto" or context.resilient_parsing:  # nothing to look up, or only a completion
        return device
    from crossarch.running.slots import choose_device

    choose_device(device)
    return device


ChosenTables = Annotated[
    list[str] | None,
    typer.Option(
        "--table", help="This table or figure; may be given several times. Default: all chosen."
    ),
]
Every = Annotated[
    bool,
    typer.Option("--every", help="Of all finished runs, whatever is chosen: into RESULTS/partial."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Dataset = Annotated[
    str,
    typer.Option(help="Real data set, as in datasets.yaml."),
]
SourceName = Annotated[
    str,
    typer.Option(help="Source of distilled sets, as in sources.yaml."),
]
IpcNumber = Annotated[int, typer.Option(min=1, help="Images per class.")]
ArchName = Annotated[
    str,
    typer.Option(help="cnn, resnet18, resnet50, alexnet, vgg11 or one of `own_networks`."),
]
RecipeName = Annotated[str, typer.Option(help="Recipe, or recipe@protocol.")]
Device = Annotated[
    str,
    typer.Option(help="auto, cpu, cuda or mps.", callback=_of_this_machine),
]
SlotsPerGpu = Annotated[int, typer.Option(min=1, help="Jobs at a time on one GPU.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
Settings = Annotated[str, typer.Option(help="Resolved settings as JSON.")]
States = Annotated[Path, typer.Option(help="Folder of the states of unfinished work.")]
OwnNetworks = Annotated[
    str, typer.Option(help="Where networks of your own lie, as JSON: the digest of the code, the file.")
]
REPRODUCTION = Path("results/reproduction")


@dataclass(frozen=True)
class Given:
    """The options before the verb: where the configuration is, and what is laid over it."""

    config_dir: Path
    presets: tuple[Path, ...]
    selection: str | None
    results: Path | None


def opened(context: typer.Context) -> tuple[Configuration, Layout]:
    """The configuration that the options before the verb choose, and where its results lie.

    Presets and a selection (JSON) are laid over config.yaml. Raises ConfigError.
    """
    given: Given = context.find_object(Given) or Given(Path("config"), (), None, None)
    if not given.config_dir.is_dir():
        raise ConfigError(
            f"--config-dir: found {str(given.config_dir)!r}, allowed: the folder `config` of a checkout"
        )
    overrides = read_overrides(given.presets)
    if given.selection:
        overrides.append(("--selection", json_object(given.selection, "--selection")))
    configuration = load_configuration(given.config_dir, overrides=overrides)
    return configuration, layout_of(configuration, given.results)


def given_settings(model: type[S], text: str, own_networks: str) -> S:
    """The resolved settings that `--settings` holds as JSON. Raises ConfigError.

    Where networks of the user's own lie is not told in there, but by `--own-networks`.
    """
    places = json_object(own_networks, "--own-networks")
    return validated(model, with_places(json_object(text, "--settings"), places), "--settings")


def existing(file: Path) -> Path:
    """A file that a rule makes. DataError with the command that makes it, where it is not there."""
    if not file.exists():
        raise DataError(f"{file}: no such file; first: snakemake --cores 2 {file}")
    return file


def at_most_one(given: Mapping[str, object]) -> None:
    """Raise ConfigError if more than one of these parts of the command line, by name, was given."""
    found = [name for name, value in given.items() if value]
    if len(found) > 1:
        raise ConfigError(f"command line: found {' and '.join(found)}, allowed: one of them")


def json_object(text: str | None, option: str) -> dict[str, Any]:
    """The JSON object that an option holds. Raises ConfigError, naming the option, if it is none."""
    try:
        loaded = json.loads(text or "", object_pairs_hook=_once_each)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{option}: is not JSON: {error}") from None
    except KeyError as error:
        raise ConfigError(f"{option}: found the key {error} twice") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"{option}: found {loaded!r}, allowed: an object")
    return loaded


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; KeyError for a key that stands there twice, of which the second would win."""
    made = dict[str, Any]()
    for key, value in pairs:
        if key in made:
            raise KeyError(key)
        made[key] = value
    return made


def run_of(dataset: str, source: str, ipc: int, arch: str, recipe: str) -> RunId:
    """A run of the words of the command line (seed 0). Raises ConfigError."""
    name, protocol = split_recipe(recipe)
    fields: dict[str, Any] = {"dataset": dataset, "source": source, "ipc": ipc, "arch": arch}
    fields |= {"recipe": name, "protocol": protocol, "seed": 0}
    return validated(RunId, fields, "command line")


def whitening_of(name: str, option: str) -> Whitening:
    """A whitening by its name. Raises ConfigError, naming the option."""
    if name not in WHITENINGS and not re.fullmatch(CUSTOM_WHITENING, name):
        raise ConfigError(f"{option}: found {name!r}, allowed: {', '.join(WHITENINGS)}")
    return name


def tell_files(files: Iterable[Path], as_json: bool, **more: Any) -> None:
    """Print the files that were written, a line each, or as one JSON object with what else there is."""
    if as_json:
        typer.echo(json.dumps({"files": [str(file) for file in files], **more}))
        return
    for file in files:
        typer.echo(file)


def tell_outdated(configuration: Configuration, files: Iterable[Path]) -> dict[Path, str]:
    """Those metrics that were made with other settings or sets than today's, and why, also on stderr."""
    from crossarch.collect.current import outdated_runs  # it stands beside pandas

    old = outdated_runs(configuration, files)
    for file, reason in old.items():
        typer.echo(f"left out: {file}: {reason}", err=True)
    return old


def chosen_targets(configuration: Configuration) -> list[str]:
    """The tables and figures that the configuration chooses."""
    return [*configuration.selection.tables, *configuration.selection.figures]


def unknown_name(configuration: Configuration, name: str, *also: str) -> str:
    """The message about a name that is neither table nor figure nor `also`."""
    allowed = (*configuration.tables, *configuration.figures, *also)
    return unknown("command line", "name", name, allowed, what="table or figure")
