"""The files that INPUT names: one, a store, all of a folder, or those that fit a pattern. Nothing slow is loaded."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Final

from forecasting.errors import FileError, SeriesError
from scoring.errors import ScoringError

STORE: Final = ("zarr.json", ".zgroup", ".zmetadata")
"""What tells a Zarr store from another folder."""
_GRIDS: Final = (".nc", ".nc4", ".cdf", ".netcdf")
_PACKED: Final = ".gz"
_TABLES: Final = (".csv", ".txt", ".tsv", ".parquet", ".pq", _PACKED)


@dataclass(frozen=True)
class Source:
    """What is read.

    Attributes:
        path: as it was written; of several, their folder.
        files: files and Zarr stores, one at least.
        folder: all of which is read, where one was named.
    """

    path: Path
    files: tuple[Path, ...]
    folder: Path | None = None

    @property
    def size(self) -> int:
        """Bytes of all files of the input."""
        return sum(inner.stat().st_size for file in self.files for inner in inside(file))

    def refuse(self, output: Path) -> None:
        """Keep the output from becoming part of the next day's input.

        Raises:
            ScoringError: if it stands in the folder that is read, or is one of the files.
        """
        target = output.resolve()
        if target in (file.resolve() for file in self.files):
            raise ScoringError(f"{output} is read too; name another output")
        if self.folder is not None and self.folder.resolve() in target.parents:
            raise ScoringError(f"{output} stands in {self.folder}, all of which is read; name one elsewhere")


def find_source(given: Sequence[Path], *, grid: bool) -> Source:
    """The files that the user named; of a folder, those that may be grids, or tables.

    Raises:
        FileError: if there are none.
    """
    if len(given) > 1:
        found = Source(given[0].parent, tuple(given))
    elif is_plain_folder(given[0]):
        found = Source(given[0], _in_folder(given[0], grid), folder=given[0])
    elif given[0].exists() or not has_magic(str(given[0])):
        found = Source(given[0], (given[0],))
    else:
        found = Source(given[0], tuple(map(Path, sorted(glob(str(given[0]), recursive=True)))))  # noqa: PTH207  an absolute pattern too
        if not found.files:
            raise FileError(f"{given[0]}: no file fits this pattern")
    for file in found.files:
        if not file.exists():
            raise FileError(f"{file}: is not there")
    return found


def _in_folder(folder: Path, grid: bool) -> tuple[Path, ...]:
    grids, tables = _with_endings(folder, _GRIDS), _with_endings(folder, _TABLES)
    if grid and tables and not grids:
        raise FileError(f"{folder}: holds no grids; forecasts of tables are a table too: write .csv or .parquet")
    if grids and not grid:
        raise FileError(f"{folder}: holds grids, whose forecasts are a grid too: write .nc or .zarr")
    found = grids if grid else tables
    if not found:
        raise FileError(f"{folder}: holds no file that ends in {' or '.join(_GRIDS if grid else _TABLES)}")
    return found


def _with_endings(folder: Path, endings: Sequence[str]) -> tuple[Path, ...]:
    return tuple(file for file in inside(folder) if file.suffix.lower() in endings and not _is_hidden(file, folder))


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def is_parquet(file: Path) -> bool:
    """Whether it is Parquet, by how it begins."""
    with file.open("rb") as head:
        return head.read(4) == b"PAR1"


def bare_name(file: Path) -> str:
    """The name of a table without its endings: of ``buoy.41001.csv.gz``, ``buoy.41001``."""
    name = as_text(file.name)
    for endings in ((_PACKED,), _TABLES):
        stem, mark, ending = name.rpartition(".")
        if stem and mark + ending.lower() in endings:
            name = stem
    return name


def as_text(path: str | Path) -> str:
    """A path as text that every file can hold: of bytes that are not UTF-8, Latin-1, as in tables."""
    raw = os.fsencode(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def is_plain_folder(path: Path) -> bool:
    """Whether it is a folder of files, and no store.

    Raises:
        FileError: if that cannot be seen.
    """
    try:
        return path.is_dir() and not any((path / name).is_file() for name in STORE)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from None


def inside(path: Path) -> Iterator[Path]:
    """The file, or all files of a store or folder, in the order of their names.

    Raises:
        FileError: if a folder in it cannot be read: what is in there would be missing, and nobody told.
    """
    yield from [path] if path.is_file() else sorted(_walk(path))


def _walk(folder: Path) -> Iterator[Path]:
    # Path.rglob passes over what it may not read.
    for at, _, names in os.walk(folder, onerror=_refuse_unread):
        yield from (inner for name in names if (inner := Path(at, name)).is_file())


def _refuse_unread(error: OSError) -> None:
    raise FileError(f"{error.filename}: cannot be read: {error.strerror}")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """What is wrong with a file says which file it is."""
    try:
        yield
    except SeriesError as error:
        raise (error if error.message.startswith(str(path)) else FileError.of(error, f"{path}: ")) from None
