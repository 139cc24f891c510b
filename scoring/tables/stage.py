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
from forecasting.readers.options import Options
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
        notes: on how it was read.
    """

    bounds: tuple[int, ...]
    rows: int
    notes: tuple[str, ...] = ()

    def save(self, folder: Path) -> None:
        """Write it beside what it describes."""
        (folder / _LAYOUT).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Staged":
        """Read it back."""
        found = json.loads((folder / _LAYOUT).read_text())
        return cls(tuple(found["bounds"]), found["rows"], tuple(found["notes"]))


def rows_file(folder: Path, chunk: int) -> Path:
    """Of the rows of a chunk."""
    return folder / f"{chunk:06}.rows"


def names_file(folder: Path, chunk: int) -> Path:
    """Of the names of a chunk's stations, and of what is wrong with the cells of some."""
    return folder / f"{chunk:06}.json"


def read_names(folder: Path, chunk: int) -> tuple[list[str], dict[int, str]]:
    """Names of a chunk's stations, and what is wrong with the cells of some, by their order."""
    known = json.loads(names_file(folder, chunk).read_text())
    return known["names"], {int(number): reason for number, reason in known["errors"].items()}


def stage_rows(files: Sequence[Path], options: Options, chunk: int, folder: Path) -> Staged:
    """Write the rows of ``files`` to ``folder``, those of a station into one chunk, and say what they are.

    Raises:
        FileError: if the table cannot be read.
    """
    stations, notes, every = Stations(), Notes(), folder / "every.rows"
    counts = _write_all(read_batches(files, options, notes), options, stations, every)
    if not stations.names:
        raise FileError("holds no rows")
    bounds = _bounds(counts, chunk)
    if len(bounds) == 2:
        every.rename(rows_file(folder, 0))
    else:
        _distribute(every, bounds, folder)
        every.unlink()
    for k, (begin, end) in enumerate(pairwise(bounds)):
        errors = {number - begin: stations.errors[number] for number in range(begin, end) if number in stations.errors}
        names_file(folder, k).write_text(json.dumps({"names": stations.names[begin:end], "errors": errors}))
    staged = Staged(bounds, int(counts.sum()), notes.sentences())
    staged.save(folder)
    return staged


def _write_all(batches: Iterable[Batch], options: Options, stations: Stations, into: Path) -> npt.NDArray[np.int64]:
    """Write every row as it comes; how many each station has."""
    counts = np.zeros(0, dtype=np.int64)
    with into.open("wb") as every:
        for batch in batches:
            for rows in take_rows(batch, options, stations):
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
