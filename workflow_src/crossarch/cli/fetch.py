"""Verbs of the stage fetch."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import filesize
from tabulate import tabulate

from crossarch.cli.options import (
    AsJson,
    at_most_one,
    json_object,
    opened,
)
from crossarch.config import Configuration, selected_files
from crossarch.config.files import UpstreamFile
from crossarch.config.validation import validated
from crossarch.errors import ConfigError, FetchError, warn
from crossarch.layout import Layout

if TYPE_CHECKING:
    from crossarch.fetch.places import Listed

Told = tuple[str, dict[str, Any]]  # about a file: for people, for programs


def fetch(
    context: typer.Context,
    urls: Annotated[list[str] | None, typer.Argument(help="Addresses that the config names.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All files of the config, teachers of the authors included.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the files, their places and sizes; fetch nothing.")
    ] = False,
    update_lock: Annotated[
        bool,
        typer.Option(help="Record the checksums of files that have none in config/checksums.lock.yaml."),
    ] = False,
    as_json: AsJson = False,
    file: Annotated[str | None, typer.Option(help="A file as JSON: url, sha256 ...")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON to write, with --real.")] = None,
    real: Annotated[
        str | None,
        typer.Option(help="Find this data set, in a data root or by its archive, and say where."),
    ] = None,
) -> None:
    """Get upstream files: from a mirror (CROSSARCH_MIRROR), the cache or the network, verified.

    Without addresses and --all: what the selected data sets, sources and IPC need. Of a real data set
    that lies in a data root (`data_roots`, CROSSARCH_DATA) nothing is fetched; of another one the first
    archive that can be had.

    Examples: `crossarch fetch --all --dry-run` - `crossarch --preset config/presets/cpu.yaml fetch` -
    `crossarch fetch --update-lock https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz`
    """
    from crossarch.fetch.archives import ensure_archive, locate
    from crossarch.fetch.ensure import ensure_download
    from crossarch.fetch.places import cache_directory, list_files, mirrors_from_environment
    from crossarch.fetch.roots import find_real

    at_most_one({"addresses": urls, "--all": every, "--file": file, "--real": real})
    at_most_one({"--dry-run": dry_run, "--update-lock": update_lock})
    configuration, layout = opened(context)
    if real and output:
        located = locate(configuration, layout, real)
        located.save(output)
        typer.echo(f"{real}: {located.path}")
        return
    if real or output:
        raise ConfigError("fetch: --real and --output belong together")
    if file:
        given = validated(UpstreamFile, json_object(file, "--file"), "--file")
        wanted = {given.url: given}
    else:
        wanted = _wanted_files(configuration, urls or [], every)
    real_sets = () if urls or file else configuration.datasets
    found = {
        name: place for name in wanted if name in real_sets if (place := find_real(configuration, name))
    }
    if dry_run:
        wanted = {name: one for name, one in wanted.items() if name not in found}
        pinned = {name: configuration.pinned(one) for name, one in wanted.items()}
        listed = list_files(
            pinned,
            downloads=layout.downloads,
            mirrors=mirrors_from_environment(),
            cache=cache_directory(),
            locked=[one.url for name, one in wanted.items() if pinned[name] is not one],
        )
        _print_listing(listed, found, as_json)
    elif update_lock:
        _update_lock(configuration, layout, wanted, as_json)
    else:

        def get(name: str, one: UpstreamFile) -> Told:
            if name in real_sets:
                path = found.get(name) or ensure_archive(configuration, layout, name)[0]
            else:
                path = ensure_download(configuration, layout, one)
            return str(path), {"path": str(path)}

        _each(wanted, get, as_json)


def mirror(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Folder to fill, laid out as HOST/PATH.")],
    every: Annotated[
        bool, typer.Option("--all", help="All files of the config, teachers of the authors included.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fill a mirror for machines without network: set CROSSARCH_MIRROR to it there.

    Without --all: what the selected data sets, sources and IPC need. What is already there and right
    stays; what a checksum is known of is verified, and there is a warning about what else comes.

    Example: `crossarch --preset config/presets/paper.yaml mirror /scratch/mirror`
    """
    from crossarch.fetch.archives import first_had
    from crossarch.fetch.download import fetch_file
    from crossarch.fetch.ensure import warn_if_unpinned
    from crossarch.fetch.places import cache_directory, mirrors_from_environment

    configuration, layout = opened(context)
    downloads, mirrors = layout.downloads, mirrors_from_environment()

    def put(name: str, one: UpstreamFile) -> Told:
        def get(file: UpstreamFile) -> Told:
            destination = directory / file.relative_path
            pinned = configuration.pinned(file)
            place = fetch_file(
                pinned, destination, mirrors=mirrors, cache=cache_directory(), downloads=downloads
            )
            warn_if_unpinned(pinned, destination, place)
            return f"{destination} ({place.kind})", {"path": str(destination), "from": place.kind}

        real = name in configuration.datasets
        return first_had(configuration.origin(name).archives if real else [one], get)

    _each(_wanted_files(configuration, [], every), put, as_json)


def _wanted_files(configuration: Configuration, urls: list[str], every: bool) -> dict[str, UpstreamFile]:
    """The upstream files that the command line names, by what they are."""
    known = configuration.upstream()
    if not urls:
        return known if every else selected_files(configuration)
    of_real = [each.origin.archives for each in configuration.datasets.values() if each.origin]
    by_url = {file.url: file for file in (*known.values(), *(one for each in of_real for one in each))}
    for url in urls:
        if url not in by_url:
            directory = configuration.directory
            raise ConfigError(f"{url}: is not in {directory}/datasets.yaml or sources.yaml")
    names = {file.url: name for name, file in known.items()}
    return {names.get(url, url): by_url[url] for url in urls}


def _each(
    files: Mapping[str, UpstreamFile],
    act: Callable[[str, UpstreamFile], Told],
    as_json: bool,
) -> None:
    """Do all that can be done, and print the lines that `act` gives, or at the end all as JSON.

    What could not be done is told file by file, and then ends the command.
    """
    done: list[dict[str, Any]] = []
    failed: list[FetchError] = []
    for name, file in files.items():
        try:
            line, told = act(name, file)
            done.append({"url": file.url, **told})
            if not as_json:
                typer.echo(line)
        except FetchError as error:
            if len(files) == 1:
                raise
            typer.echo(f"crossarch: {error}", err=True)
            failed.append(error)
    if as_json:
        typer.echo(json.dumps(done))
    if failed:
        raise FetchError(f"{len(failed)} of {len(files)} files could not be had; see above")


def _update_lock(
    configuration: Configuration, layout: Layout, files: Mapping[str, UpstreamFile], as_json: bool
) -> None:
    """Record what each file without a checksum of its own is now; what changed is told."""
    from crossarch.config.locked import Locked, write_lock
    from crossarch.fetch.ensure import observe

    lock: dict[str, Locked] = dict(configuration.lock)

    def record(_: str, file: UpstreamFile) -> Told:
        path = layout.downloads / file.relative_path
        lay_there = path.exists()
        before, now = lock.get(file.url), observe(configuration, layout, file)
        lock[file.url] = now
        write_lock(configuration.lock_file, lock)
        if before is None:
            told = "new"
            if lay_there:
                warn(
                    f"{path}: is locked as it lay there; for Snakemake not to make anew what it made of "
                    f"it: snakemake --cleanup-metadata {path}"
                )
        else:
            told = "unchanged" if before == now else f"was {before.sha256}, {before.size} bytes"
        line = f"{file.url} sha256 {now.sha256}, {now.size} bytes ({told})"
        return line, {"sha256": now.sha256, "size": now.size, "told": told}

    unpinned = {name: file for name, file in files.items() if not file.digests}
    for file in files.values():
        if file.digests:
            kinds = ", ".join(file.digests)
            typer.echo(f"{file.url} has its own {kinds} in the configuration; not locked", err=True)
    _each(unpinned, record, as_json)


def _print_listing(listed: "list[Listed]", found: Mapping[str, Path], as_json: bool) -> None:
    """Print what would be fetched, and what need not be, since it was found in a data root."""
    if as_json:
        there = [{"name": name, "kind": "data root", "path": str(path)} for name, path in found.items()]
        typer.echo(json.dumps([*there, *(asdict(one) for one in listed)], indent=2))
        return
    for name, path in found.items():
        typer.echo(f"{name}: {path}, in a data root")
    rows = [
        (one.kind, _bytes(one.size), "+".join(one.checks) or "none", one.name, one.url) for one in listed
    ]
    header = ("place", "size", "checksum", "what", "address")
    typer.echo(tabulate(rows, header, tablefmt="plain", colalign=("left", "right")))
    known = sum(one.size or 0 for one in listed)
    unknown = sum(one.size is None for one in listed)
    open_end = f", and {unknown} of unknown size" if unknown else ""
    missing = sum(one.kind == "network" for one in listed)
    typer.echo(f"{len(listed)} files, {_bytes(known)}{open_end}; {missing} to come from the network")


def _bytes(count: int | None) -> str:
    return "?" if count is None else str(filesize.decimal(count))
