"""Staging a grid: °C by time in the form that the chunks need."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from forecasting.readers.grid.fields import Field
from forecasting.series.timestep import TimeStep
from scoring.grids.positions import cells_between_judged, positions_of, write_positions
from scoring.grids.steps import last_steps
from scoring.models.model import Span

_SLAB: Final = 8_000_000
"""Values read and decoded at once."""

CELLS: Final = "cells.f4"
_LAYOUT: Final = "layout.json"


@dataclass(frozen=True)
class Layout:
    """The content of a staged grid.

    Attributes:
        steps: number of staged steps; forecasts are issued from the last.
        bounds: index of the first cell of each chunk, and the end of the last; whole rows of the first dimension.
        valid_times: Unix seconds, one per lead.
        start: time of the first staged step, Unix seconds.
        issued: Unix seconds.
        every: the past of one in so many cells is forecast, to judge it and its neighbours.
        placed: whether the positions of cells are known.
        dims: dimensions of the output, in the order of the input.
        along: dimension of time.
        shape: sizes of the other dimensions.
        name: name of the variable.
        notes: notes on what was assumed or skipped.
        averaged: whether the steps are means that this run computed.
    """

    steps: int
    bounds: tuple[int, ...]
    valid_times: tuple[int, ...]
    start: int
    issued: int
    every: int
    placed: bool
    dims: tuple[str, ...]
    along: str
    shape: tuple[int, ...]
    name: str
    notes: tuple[str, ...]
    averaged: bool = False

    def save(self, folder: Path) -> None:
        """Write the layout into the ``folder`` of the staged file."""
        (folder / _LAYOUT).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Layout":
        """Read the layout of the staged file in ``folder``."""
        stored: dict[str, Any] = json.loads((folder / _LAYOUT).read_text())
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        return cls(**fields)


def stage_cells(
    field: Field, span: Span, horizon: int, chunk: int, folder: Path, *, resample: TimeStep | None
) -> Layout:
    """Write the last steps of ``field`` to ``folder``, °C as float32 by time, and the positions of its cells.

    Raises:
        FileError: if the grid cannot be forecast from.
    """
    steps = last_steps(field, span, resample)
    with (folder / CELLS).open("wb") as file:
        if steps.averaged is None:
            for indices in _runs(steps.at):
                _copy(field, indices, file)
        else:
            for indices, least in zip(steps.averaged, steps.least, strict=True):
                _write_mean(field, indices, least, file)
    places = positions_of(field)
    if places is not None:
        write_positions(places, folder)
    ahead = span.step.shift(np.asarray([steps.issued]), np.arange(1, horizon + 1))
    nowhere = (
        () if places is not None else ("no latitudes and longitudes were found, so forecasts do not use a climatology",)
    )
    return Layout(
        steps=steps.count,
        bounds=_bounds(field, chunk),
        valid_times=tuple(ahead.astype(np.int64).tolist()),
        start=int(steps.start.astype(np.int64)),
        issued=int(steps.issued.astype(np.int64)),
        every=1 if places is None else cells_between_judged(places),
        placed=places is not None,
        dims=tuple(map(str, field.value.dims)),
        along=field.along,
        shape=field.shape,
        name=str(field.value.name),
        notes=(*field.notes, *nowhere, *steps.notes),
        averaged=steps.averaged is not None,
    )


def _rows(field: Field) -> int:
    """Return the size of the first dimension."""
    return field.shape[0] if field.dims else 1


def _width(field: Field) -> int:
    """Return the number of cells in a row of the first dimension, at least one."""
    return max(1, field.cells // max(_rows(field), 1))


def _bounds(field: Field, chunk: int) -> tuple[int, ...]:
    rows = _rows(field)
    width = _width(field)
    rows_per_chunk = max(1, chunk // width)
    return (*range(0, rows * width, rows_per_chunk * width), rows * width)


def _copy(field: Field, indices: npt.NDArray[np.intp], file: BinaryIO) -> None:
    """Append the cells at consecutive ``indices`` of the file, a slab at a time."""
    if indices[0] < 0:
        for _ in indices:
            file.write(np.full(field.cells, np.nan, dtype="<f4").data)
        return
    at_once = max(1, _SLAB // max(field.cells, 1))
    rows = _rows(field)
    rows_at_once = max(1, _SLAB // _width(field))
    for begin in range(int(indices[0]), int(indices[-1]) + 1, at_once):
        steps = slice(begin, min(begin + at_once, int(indices[-1]) + 1))
        for row in range(0, rows, rows if at_once > 1 else rows_at_once):
            slab = slice(row, rows if at_once > 1 else row + rows_at_once)
            file.write(np.ascontiguousarray(field.celsius(steps, slab), dtype="<f4").data)


def _write_mean(field: Field, indices: npt.NDArray[np.intp], least: float, file: BinaryIO) -> None:
    """Append the mean of each cell at ``indices`` of the file, NaN where fewer than ``least`` values are known."""
    total, count = np.zeros(field.cells), np.zeros(field.cells, dtype=np.int32)
    for index in indices.tolist():
        values = field.celsius(slice(index, index + 1))[0]
        known = np.isfinite(values)
        total[known] += values[known]
        count += known
    enough = (count > 0) & (count >= least)
    mean = np.full(field.cells, np.nan, dtype="<f4")
    mean[enough] = total[enough] / count[enough]
    file.write(mean.data)


def _runs(at: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    """Split ``at`` into runs that are consecutive in the file, or absent from it."""
    follows = (np.diff(at) == 1) & (at[:-1] >= 0)
    yield from np.split(at, np.flatnonzero(~follows) + 1)
