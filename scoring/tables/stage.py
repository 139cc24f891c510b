"""From a table of any size to what its chunks need: the rows of some stations each, in memory of a fixed size."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.base.options import ReadingOptions
from scoring.source import as_text
from scoring.tables.notes import Notes
from scoring.tables.rows import ROW, Rows, Stations, take_rows
from scoring.tables.source import Batch, read_batches

_LAYOUT: Final = "layout.json"
_BLOCK: Final = 500_000
"""Rows that are sorted into chunks at once."""


@dataclass(frozen=True)
class Staged:
    """What a staged table holds.

    Attributes:
        bounds: number of the first station of each chunk, and of the end of the last.
        rows: in all.
        zones: whose clocks times without an offset go by.
        notes: on how it was read.
    """

    bounds: tuple[int, ...]
    rows: int
    zones: tuple[str, ...]
    notes: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write the layout into the ``folder`` of the staged rows."""
        (folder / _LAYOUT).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Staged":
        """Read the layout of the staged rows in ``folder``."""
        found = json.loads((folder / _LAYOUT).read_text())
        return cls(tuple(found["bounds"]), found["rows"], tuple(found["zones"]), tuple(found["notes"]))


def rows_file(folder: Path, chunk: int) -> Path:
    """The file of the rows of a chunk."""
    return folder / f"{chunk:06}.rows"


def names_file(folder: Path, chunk: int) -> Path:
    """Of the names of a chunk's stations, and of what is wrong with the cells of some."""
    return folder / f"{chunk:06}.json"


@dataclass(frozen=True)
class ChunkStations:
    """What is known of the stations of a chunk besides their rows.

    Attributes:
        names: of all stations of the chunk, in order.
        errors: what is wrong with the cells of some, by their order.
        files: that hold one station between them, by its order.
    """

    names: list[str]
    errors: dict[int, str]
    files: dict[int, str]

    def save(self, folder: Path, chunk: int) -> None:
        """Write the stations of a chunk beside its rows."""
        names_file(folder, chunk).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path, chunk: int) -> "ChunkStations":
        """Read the stations of a chunk."""
        found = json.loads(names_file(folder, chunk).read_text())
        errors, files = ({int(k): said for k, said in found[name].items()} for name in ("errors", "files"))
        return cls(found["names"], errors, files)


def stage_rows(files: Sequence[Path], options: ReadingOptions, chunk: int, folder: Path) -> Staged:
    """Write the rows of ``files`` to ``folder``, those of a station into one chunk, and say what they are.

    Raises:
        FileError: if the table cannot be read.
    """
    stations, notes, every = Stations(), Notes(), folder / "every.rows"
    counts = _write_all(read_batches(files, options, notes), stations, every)
    if not stations.names:
        raise FileError("holds no rows")
    joined = {number: files for number, files in stations.files.items() if len(files) > 1}
    for number, files in list(joined.items())[:1]:
        others = f", and so {len(joined) - 1} more" if len(joined) > 1 else ""
        notes.add(files[0], f"is one station, {stations.names[number]}, with {_others(files)}, by their name{others}")
    bounds = _bounds(counts, chunk)
    if len(bounds) == 2:
        every.rename(rows_file(folder, 0))
    else:
        _distribute(every, bounds, folder)
        every.unlink()
    for k, (begin, end) in enumerate(pairwise(bounds)):
        numbers = range(begin, end)
        errors = {number - begin: stations.errors[number] for number in numbers if number in stations.errors}
        together = {number - begin: _quote(joined[number]) for number in numbers if number in joined}
        ChunkStations(stations.names[begin:end], errors, together).save(folder, k)
    staged = Staged(bounds, int(counts.sum()), tuple(stations.zones), notes.sentences())
    staged.save(folder)
    return staged


def _others(files: list[Path]) -> str:
    return as_text(files[1]) if len(files) == 2 else f"{len(files) - 1} other files"


def _quote(files: list[Path]) -> str:
    return f"'{as_text(files[0])}' and " + (f"'{as_text(files[1])}'" if len(files) == 2 else _others(files))


def _write_all(batches: Iterable[Batch], stations: Stations, into: Path) -> npt.NDArray[np.int64]:
    """Write every row as it comes; how many each station has."""
    counts = np.zeros(0, dtype=np.int64)
    with into.open("wb") as every:
        for batch in batches:
            for rows in take_rows(batch, stations):
                every.write(np.ascontiguousarray(rows).data)
                counts = np.pad(counts, (0, len(stations.names) - len(counts)))
                counts += np.bincount(rows["station"], minlength=len(counts))
    return counts


def _bounds(counts: npt.NDArray[np.int64], chunk: int) -> tuple[int, ...]:
    """Stations in their order, as many to a chunk as have that many rows, and one at least."""
    ends, bounds = np.cumsum(counts), [0]
    while bounds[-1] < len(counts):
        before = int(ends[bounds[-1] - 1]) if bounds[-1] else 0
        end = int(np.searchsorted(ends, before + chunk, side="right"))
        bounds.append(max(end, bounds[-1] + 1))
    return tuple(bounds)


def _distribute(every: Path, bounds: Iterable[int], folder: Path) -> None:
    edges = np.asarray(list(bounds))
    with every.open("rb") as file:
        while len(rows := np.fromfile(file, dtype=ROW, count=_BLOCK)):
            chunk = np.searchsorted(edges, rows["station"], side="right") - 1
            order = np.argsort(chunk, kind="stable")
            found, at = np.unique(chunk[order], return_index=True)
            for k, some in zip(found.tolist(), np.split(rows[order], at[1:]), strict=True):
                _append(rows_file(folder, k), some)


def _append(path: Path, rows: Rows) -> None:
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(rows).data)
