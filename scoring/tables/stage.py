"""Staging a table of any size in bounded memory: the rows of each chunk's stations go to one file."""

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
from forecasting.wording import counted
from scoring.sources.source import as_text
from scoring.tables.notes import Notes
from scoring.tables.rows import ROW, Rows, Stations, take_rows
from scoring.tables.source import Batch, read_batches

_LAYOUT: Final = "layout.json"
_BLOCK: Final = 500_000
"""Rows that are distributed to chunks at once."""


@dataclass(frozen=True)
class Staged:
    """The content of a staged table.

    Attributes:
        bounds: number of the first station of each chunk, and the end of the last chunk.
        rows: total number of rows.
        zones: time zones of times without an offset.
        notes: notes on how the table was read.
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
        layout = json.loads((folder / _LAYOUT).read_text())
        return cls(tuple(layout["bounds"]), layout["rows"], tuple(layout["zones"]), tuple(layout["notes"]))


def rows_file(folder: Path, chunk: int) -> Path:
    """Return the path of the rows of a chunk."""
    return folder / f"{chunk:06}.rows"


def names_file(folder: Path, chunk: int) -> Path:
    """Return the path of the names and errors of a chunk's stations."""
    return folder / f"{chunk:06}.json"


@dataclass(frozen=True)
class ChunkStations:
    """The stations of a chunk, apart from their rows.

    Attributes:
        names: names of all stations of the chunk, in order.
        errors: errors in the cells, by index of the station.
        files: files of a station that is spread over several, by index of the station.
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
        stored = json.loads(names_file(folder, chunk).read_text())
        errors, files = ({int(i): text for i, text in stored[name].items()} for name in ("errors", "files"))
        return cls(stored["names"], errors, files)


def stage_rows(files: Sequence[Path], options: ReadingOptions, chunk: int, folder: Path) -> Staged:
    """Write the rows of ``files`` to ``folder``, all rows of a station in one chunk.

    Raises:
        FileError: if the table cannot be read.
    """
    stations, notes, all_rows = Stations(), Notes(), folder / "every.rows"
    counts = _write_all(read_batches(files, options, notes), stations, all_rows)
    if not stations.names:
        raise FileError("contains no rows")
    joined = {number: files for number, files in stations.files.items() if len(files) > 1}
    for number, files in list(joined.items())[:1]:
        more = f"; so are the files of {counted(len(joined) - 1, 'other station')}" if len(joined) > 1 else ""
        notes.add(
            files[0],
            f"read as one station, {stations.names[number]}, together with {_others(files)} of the same name{more}",
        )
    bounds = _bounds(counts, chunk)
    if len(bounds) == 2:
        all_rows.rename(rows_file(folder, 0))
    else:
        _distribute(all_rows, bounds, folder)
        all_rows.unlink()
    for number_of_chunk, (begin, end) in enumerate(pairwise(bounds)):
        numbers = range(begin, end)
        errors = {number - begin: stations.errors[number] for number in numbers if number in stations.errors}
        together = {number - begin: _quote(joined[number]) for number in numbers if number in joined}
        ChunkStations(stations.names[begin:end], errors, together).save(folder, number_of_chunk)
    staged = Staged(bounds, int(counts.sum()), tuple(stations.zones), notes.sentences())
    staged.save(folder)
    return staged


def _others(files: list[Path]) -> str:
    return as_text(files[1]) if len(files) == 2 else f"{len(files) - 1} other files"


def _quote(files: list[Path]) -> str:
    return f"'{as_text(files[0])}' and " + (f"'{as_text(files[1])}'" if len(files) == 2 else _others(files))


def _write_all(batches: Iterable[Batch], stations: Stations, into: Path) -> npt.NDArray[np.int64]:
    """Write all rows in order; return the number of rows of each station."""
    counts = np.zeros(0, dtype=np.int64)
    with into.open("wb") as every:
        for batch in batches:
            for rows in take_rows(batch, stations):
                every.write(np.ascontiguousarray(rows).data)
                counts = np.pad(counts, (0, len(stations.names) - len(counts)))
                counts += np.bincount(rows["station"], minlength=len(counts))
    return counts


def _bounds(counts: npt.NDArray[np.int64], chunk: int) -> tuple[int, ...]:
    """Return the bounds of the chunks: as many stations as have ``chunk`` rows together, and at least one."""
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
            numbers, first = np.unique(chunk[order], return_index=True)
            for number, rows_of_chunk in zip(numbers.tolist(), np.split(rows[order], first[1:]), strict=True):
                _append(rows_file(folder, number), rows_of_chunk)


def _append(path: Path, rows: Rows) -> None:
    with path.open("ab") as file:
        file.write(np.ascontiguousarray(rows).data)
