"""Options and readers of them that several verbs share."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from crossarch.cli.complete import (
    complete_arch,
    complete_dataset,
    complete_device,
    complete_recipe,
    complete_source,
    complete_target,
)
from crossarch.config import (
    Configuration,
    RunId,
    load_configuration,
    read_overrides,
    split_recipe,
)
from crossarch.config.complain import unknown, validated
from crossarch.config.model import Resolved
from crossarch.config.own import with_places
from crossarch.config.schema import CUSTOM_WHITENING, WHITENINGS, Whitening
from crossarch.current import outdated_runs
from crossarch.errors import ConfigError

S = TypeVar("S", bound=Resolved)


def _of_this_machine(context: typer.Context, device: str) -> str:
    """The device that an option names, if it is there. Raises ConfigError, before anything is done."""
    if device == "auto" or context.resilient_parsing:  # nothing to look up, or only a completion
        return device
    from crossarch.running.slots import choose_device

    choose_device(device)
    return device


ConfigDirectory = Annotated[Path, typer.Option("--config", help="Folder of the YAML files.")]
Presets = Annotated[
    list[Path] | None,
    typer.Option("--preset", help="A preset laid over config.yaml; may be given several times."),
]
SelectionJson = Annotated[str | None, typer.Option("--selection", help="JSON laid over config.yaml.")]
ChosenTables = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        help="This table or figure; may be given several times. Default: all chosen.",
        autocompletion=complete_target,
    ),
]
Every = Annotated[
    bool,
    typer.Option("--every", help="Of all finished runs, whatever is chosen: into RESULTS/partial."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Results = Annotated[
    Path | None,
    typer.Option(envvar="CROSSARCH_RESULTS", help="Folder of the results; default: that of the config."),
]
Dataset = Annotated[
    str,
    typer.Option(help="Real data set, as in datasets.yaml.", autocompletion=complete_dataset),
]
SourceName = Annotated[
    str,
    typer.Option(help="Source of distilled sets, as in sources.yaml.", autocompletion=complete_source),
]
IpcNumber = Annotated[int, typer.Option(min=1, help="Images per class.")]
ArchName = Annotated[
    str,
    typer.Option(
        help="cnn, resnet18, resnet50, alexnet, vgg11 or one of `own_networks`.",
        autocompletion=complete_arch,
    ),
]
RecipeName = Annotated[
    str, typer.Option(help="Recipe, or recipe@protocol.", autocompletion=complete_recipe)
]
Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda or mps.", autocompletion=complete_device, callback=_of_this_machine
    ),
]
SlotsPerGpu = Annotated[
    int | None, typer.Option(min=1, help="Jobs at a time on one GPU; default: the config's.")
]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads.")]
CONFIG = Path("config")
OWN = "CROSSARCH_OWN"  # the environment variable in which the Snakefile tells its jobs
REPRODUCTION = Path("results/reproduction")


def read_configuration(
    directory: Path, presets: list[Path] | None = None, selection: str | None = None
) -> Configuration:
    """The configuration with presets and a selection (JSON) laid over it. Raises ConfigError.

    In a job of the workflow first of all the custom networks, recipes and sources that it runs with:
    sources and figures may name them.
    """
    if not directory.is_dir():
        as_snakemake = """; single keys are set with --preset FILE, or where there is --selection by \
--selection '{"ipc": [1]}'"""
        raise ConfigError(
            f"--config: found {str(directory)!r}, allowed: the folder `config` of a checkout, in which "
            "`crossarch` is started" + (as_snakemake if "=" in directory.name else "")
        )
    overrides = read_overrides(presets or [])
    if of_workflow := os.environ.get(OWN):
        overrides.insert(0, (OWN, json_object(of_workflow, OWN)))
    if selection:
        overrides.append(("--selection", json_object(selection, "--selection")))
    return load_configuration(directory, overrides=overrides)


def given_settings(model: type[S], text: str, configuration: Configuration) -> S:
    """The resolved settings that `--settings` holds as JSON. Raises ConfigError.

    Where networks of the user's own lie is not told in there, but by the configuration.
    """
    settings = with_places(json_object(text, "--settings"), configuration.network_files)
    return validated(model, settings, "--settings")


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
    old = outdated_runs(configuration, files)
    for file, reason in old.items():
        typer.echo(f"left out: {file}: {reason}", err=True)
    return old


def chosen_targets(configuration: Configuration) -> list[str]:
    """The tables and figures that the configuration chooses."""
    return [*configuration.selection.tables, *configuration.selection.figures]


def unknown_name(configuration: Configuration, name: str, also: str) -> str:
    """The message about a name that is neither table nor figure nor `also`."""
    allowed = (*configuration.tables, *configuration.figures, also)
    return unknown("command line", "name", name, allowed, what="table or figure")
