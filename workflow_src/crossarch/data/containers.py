"""What real sets are packed in: a folder, a zip or a tar, read alike and never written to."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from crossarch.data.archives import reading, unpack_tar
from crossarch.errors import DataError
from crossarch.files import files_of


@dataclass(frozen=True)
class Container:
    """The files of a folder or an archive by their paths in it, in order; what is hidden is left out."""

    place: Path
    names: tuple[str, ...]
    read: Callable[[str], bytes]
    is_folder: bool

    def title(self, name: str) -> str:
        """What messages call a file in it."""
        return str(self.place / name) if self.is_folder else f"{self.place}: {name}"

    def content(self, name: str) -> bytes:
        """The bytes of a file in it. Raises DataError if it cannot be read."""
        try:
            return self.read(name)
        except (KeyError, FileNotFoundError):
            raise DataError(f"{self.title(name)}: no such file") from None
        except OSError as error:
            raise DataError(f"{self.title(name)}: cannot be read: {error.strerror}") from None


@contextmanager
def opened(place: Path) -> Iterator[Container]:
    """The container that lies at `place`. Raises DataError if it is none, or is damaged."""
    if place.is_dir():
        yield _folder(place, place)
    elif not place.exists():
        raise DataError(f"{place}: no such file or folder")
    elif zipfile.is_zipfile(place):
        with reading(place) as files:
            yield Container(place, _seen(files.namelist()), files.read, is_folder=False)
    else:
        with tempfile.TemporaryDirectory(prefix="crossarch-") as unpacked:
            unpack_tar(place, Path(unpacked))
            yield _folder(place, Path(unpacked))


def _folder(place: Path, folder: Path) -> Container:
    names = [path.relative_to(folder).as_posix() for path in files_of(folder)]
    return Container(
        place, _seen(names), lambda name: (folder / name).read_bytes(), is_folder=place == folder
    )


def _seen(names: list[str]) -> tuple[str, ...]:
    hidden = (".", "__MACOSX")
    return tuple(
        sorted(n for n in names if not any(p.startswith(hidden) for p in PurePosixPath(n).parts))
    )
