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
from forecasting.readers.options import ReadingOptions
from forecasting.wording import counted
from scoring.source import as_text
from scoring.tables.reading.rows import ROW, Position, Rows, Stations, take_rows
from scoring.tables.reading.source import Batch, Notes, read_batches

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
        positions: degrees north and east, by index of the station.
        unplaced: indices of stations with a position that is of no use: they move, or it is out of range.
    """

    names: list[str]
    errors: dict[int, str]
    files: dict[int, str]
    positions: dict[int, Position]
    unplaced: list[int]

    def save(self, folder: Path, chunk: int) -> None:
        """Write the stations of a chunk beside its rows."""
        names_file(folder, chunk).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path, chunk: int) -> "ChunkStations":
        """Read the stations of a chunk."""
        stored = json.loads(names_file(folder, chunk).read_text())
        errors, files = ({int(i): text for i, text in stored[name].items()} for name in ("errors", "files"))
        positions = {int(i): (north, east) for i, (north, east) in stored["positions"].items()}
        return cls(stored["names"], errors, files, positions, stored["unplaced"])

    @classmethod
    def of(cls, stations: Stations, joined: dict[int, list[Path]], begin: int, end: int) -> "ChunkStations":
        """Return the stations with the numbers from ``begin`` to before ``end``.

        Args:
            stations: all of them.
            joined: files of the stations that are spread over several, by number.
            begin: number of the first station.
            end: number after the last.
        """
        numbers = range(begin, end)
        positions = {i: place for i in numbers if (place := stations.positions.of(i)) is not None}
        usable = {i: place for i, place in positions.items() if stations.positions.is_usable(i)}
        return cls(
            names=stations.names[begin:end],
            errors={i - begin: stations.errors[i] for i in numbers if i in stations.errors},
            files={i - begin: _quote(joined[i]) for i in numbers if i in joined},
            positions={i - begin: place for i, place in usable.items()},
            unplaced=[i - begin for i in positions if i not in usable],
        )


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
        ChunkStations.of(stations, joined, begin, end).save(folder, number_of_chunk)
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
