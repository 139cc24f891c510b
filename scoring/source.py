"""The files that INPUT names: a file, a store, a folder or a pattern. Imports nothing slow."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Final

from forecasting.errors import FileError, SeriesError
from scoring.errors import ScoringError

_STORE: Final = ("zarr.json", ".zgroup", ".zmetadata")
"""Files that distinguish a Zarr store from a plain folder."""
_GRIDS: Final = (".nc", ".nc4", ".cdf", ".netcdf")
_PACKED: Final = ".gz"
_TABLES: Final = (".csv", ".txt", ".tsv", ".parquet", ".pq", _PACKED)


@dataclass(frozen=True)
class Source:
    """The input files."""

    path: Path
    files: tuple[Path, ...]
    folder: Path | None = None

    @property
    def size(self) -> int:
        """Total size of all input files in bytes."""
        return sum(inner.stat().st_size for file in self.files for inner in inside(file))

    def refuse(self, output: Path) -> None:
        """Raise ScoringError if ``output`` is one of the input files or inside the input folder.

        Otherwise the output would become part of the next run's input.
        """
        target = output.resolve()
        if target in (file.resolve() for file in self.files):
            raise ScoringError(f"{output} is also an input; choose another output")
        if self.folder is not None and self.folder.resolve() in target.parents:
            raise ScoringError(f"{output} is inside the input folder {self.folder}; choose a path outside it")


def find_source(paths: Sequence[Path], *, grid: bool) -> Source:
    """Return the files that the user named; of a folder, those with the extension of a grid or a table."""
    first = paths[0]
    if len(paths) > 1:
        source = Source(first.parent, tuple(paths))
    elif _is_plain_folder(first):
        source = Source(first, _in_folder(first, grid), folder=first)
    elif first.exists() or not has_magic(str(first)):
        source = Source(first, (first,))
    else:
        source = Source(first, tuple(map(Path, sorted(glob(str(first), recursive=True)))))  # noqa: PTH207  an absolute pattern too
        if not source.files:
            raise FileError(f"{first}: no file matches this pattern")
    for file in source.files:
        if not file.exists():
            raise FileError(f"{file}: no such file")
    return source


def _in_folder(folder: Path, grid: bool) -> tuple[Path, ...]:
    grids, tables = _with_endings(folder, _GRIDS), _with_endings(folder, _TABLES)
    if grid and tables and not grids:
        raise FileError(f"{folder}: contains tables, not grids; write their forecasts to .csv or .parquet")
    if grids and not grid:
        raise FileError(f"{folder}: contains grids; write their forecasts to .nc or .zarr")
    files = grids if grid else tables
    if not files:
        raise FileError(f"{folder}: contains no {', '.join(_GRIDS if grid else _TABLES)} files")
    return files


def _with_endings(folder: Path, endings: Sequence[str]) -> tuple[Path, ...]:
    return tuple(file for file in inside(folder) if file.suffix.lower() in endings and not _is_hidden(file, folder))


def _is_hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)


def is_parquet(file: Path) -> bool:
    """Return whether a file is Parquet, by its first bytes."""
    with file.open("rb") as head:
        return head.read(4) == b"PAR1"


def is_grid(file: Path) -> bool:
    """Return whether a file or store is NetCDF or Zarr."""
    from forecasting.readers.text import sniff_binary  # imports pandas

    return not (file.is_file() and is_parquet(file)) and sniff_binary(file) is not None


def bare_name(file: Path) -> str:
    """Return the name of a table without its extensions: ``buoy.41001`` for ``buoy.41001.csv.gz``.

    An extension consists of letters: that of ``buoy.dat`` is one, and that of ``buoy.41001`` is part of the name.
    """
    name = as_text(file.name)
    if name.lower().endswith(_PACKED):
        name = name[: -len(_PACKED)]
    stem, _, ending = name.rpartition(".")
    return stem if stem and ending.isalpha() else name


def as_text(path: str | Path) -> str:
    """Return a path as valid text; bytes that are not UTF-8 are read as Latin-1, as in tables."""
    raw = os.fsencode(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _is_plain_folder(path: Path) -> bool:
    try:
        return path.is_dir() and not any((path / name).is_file() for name in _STORE)
    except OSError as error:
        raise FileError(f"{path}: cannot read it: {error.strerror}") from None


def inside(path: Path) -> Iterator[Path]:
    """Yield the file itself, or all files in a store or folder, sorted by name."""
    yield from [path] if path.is_file() else sorted(_walk(path))


def _walk(folder: Path) -> Iterator[Path]:
    # Path.rglob skips folders without permission silently.
    for at, _, names in os.walk(folder, onerror=_refuse_unread):
        yield from (inner for name in names if (inner := Path(at, name)).is_file())


def _refuse_unread(error: OSError) -> None:
    raise FileError(f"{error.filename}: cannot read it: {error.strerror}")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Prefix errors about a file with its path."""
    try:
        yield
    except SeriesError as error:
        if error.message.startswith(str(path)):
            raise
        kind = type(error) if isinstance(error, FileError) else FileError
        raise kind.of(error, f"{path}: ") from None


@contextmanager
def named_other(path: Path) -> Iterator[None]:
    """Prefix errors about a file of other forecasts with its path; options of reading are not for it."""
    try:
        with named(path):
            yield
    except SeriesError as error:
        remedy = "" if error.remedy is None else "; correct the file: the options of reading are for OBSERVATIONS only"
        raise FileError(f"{error.message}{remedy}") from None
