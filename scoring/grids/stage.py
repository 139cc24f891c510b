"""Staging a grid: °C by time in the form that the chunks need."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.readers.grid.fields import Field
from forecasting.series.observations import sort_order
from forecasting.series.step_inference import infer_step
from forecasting.series.time_grid import anchor, grid_positions
from forecasting.series.times import Times, short
from forecasting.series.timestep import in_words

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
        issued: Unix seconds.
        dims: dimensions of the output, in the order of the input.
        along: dimension of time.
        shape: sizes of the other dimensions.
        name: name of the variable.
        notes: notes on what was assumed or skipped.
    """

    steps: int
    bounds: tuple[int, ...]
    valid_times: tuple[int, ...]
    issued: int
    dims: tuple[str, ...]
    along: str
    shape: tuple[int, ...]
    name: str
    notes: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write the layout into the ``folder`` of the staged file."""
        (folder / _LAYOUT).write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> "Layout":
        """Read the layout of the staged file in ``folder``."""
        stored: dict[str, Any] = json.loads((folder / _LAYOUT).read_text())
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        return cls(**fields)


@dataclass(frozen=True)
class Steps:
    """The regular steps that are staged.

    Attributes:
        at: index of each step in the field's times; −1 if it is absent.
        issued: time of the last step.
    """

    at: npt.NDArray[np.intp]
    issued: np.datetime64


def stage_cells(field: Field, metadata: CheckpointMetadata, horizon: int, chunk: int, folder: Path) -> Layout:
    """Write the last steps of ``field`` to ``folder``, °C as float32 by time.

    Raises:
        FileError: if the grid cannot be forecast from.
    """
    steps = last_steps(field, metadata)
    with (folder / CELLS).open("wb") as file:
        for indices in _runs(steps.at):
            _copy(field, indices, file)
    ahead = metadata.time_step.shift(np.asarray([steps.issued]), np.arange(1, horizon + 1))
    return Layout(
        steps=len(steps.at),
        bounds=_bounds(field, chunk),
        valid_times=tuple(ahead.astype(np.int64).tolist()),
        issued=int(steps.issued.astype(np.int64)),
        dims=tuple(map(str, field.value.dims)),
        along=field.along,
        shape=field.shape,
        name=str(field.value.name),
        notes=(*field.notes, *_left_out(field, steps, metadata)),
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


def last_steps(field: Field, metadata: CheckpointMetadata) -> Steps:
    """Return the steps of the window, and before it as many as a gap may begin in, up to the last time with values.

    Raises:
        FileError: if the grid cannot be forecast from.
    """
    order, _ = sort_order(field.times, _place(field.times))
    times = field.times[order]
    step = infer_step(times, _place(times))
    if step != metadata.time_step:
        raise FileError(
            f"its step is {in_words(str(step))}, but {metadata.model} forecasts steps of {in_words(metadata.step)}"
        )
    start = anchor(times, step)
    positions = grid_positions(times, start, step, _place(times))
    last = len(order) - 1
    while not _any_value(field, int(order[last])):
        last -= 1
        if last < 0:
            raise FileError(f"every value of {field.value.name} is missing")
    end = int(positions[last])
    begin = max(int(positions[0]), end + 1 - metadata.window - metadata.fill_limit - 1)
    if end + 1 - begin < metadata.window:
        raise FileError(f"contains {end + 1 - begin} steps; {metadata.model} needs at least {metadata.window}")
    at = np.full(end + 1 - begin, -1, dtype=np.intp)
    kept = (positions >= begin) & (positions <= end)
    at[positions[kept] - begin] = order[kept]
    issued: np.datetime64 = step.range(start, end + 1)[-1]
    return Steps(at, issued)


def _place(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _any_value(field: Field, step: int) -> bool:
    """Return whether any cell has a value at ``step``, looking at the middle rows first."""
    rows = _rows(field)
    count = max(1, rows // 16)
    begins = [*range(rows // 2, rows, count), *range(0, rows // 2, count)]
    slabs = (field.celsius(slice(step, step + 1), slice(begin, begin + count)) for begin in begins)
    return any(bool(np.isfinite(slab).any()) for slab in slabs)


def _runs(at: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.intp]]:
    """Split ``at`` into runs that are consecutive in the file, or absent from it."""
    follows = (np.diff(at) == 1) & (at[:-1] >= 0)
    yield from np.split(at, np.flatnonzero(~follows) + 1)


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


def _left_out(field: Field, steps: Steps, metadata: CheckpointMetadata) -> Iterator[str]:
    absent = int((steps.at < 0).sum())
    if absent:
        yield f"{absent} of the last {len(steps.at)} steps of {in_words(metadata.step)} are missing from the file"
    latest = field.times.max()
    if latest > steps.issued and metadata.time_step.place(np.asarray([latest]), steps.issued)[0] >= 1:
        yield f"no cell has a value after {short(steps.issued)}; forecasts are issued from that time"
