"""The output file of a grid, assembled from its chunks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from forecasting.qartod import NOT_EVALUATED
from scoring.grids.job import read_part
from scoring.grids.sinks import SINKS, Index, Sink
from scoring.grids.stage import Layout
from scoring.grids.variable import Variable


@dataclass(frozen=True)
class Shell:
    """The output without its forecasts.

    Attributes:
        skeleton: coordinates, times and global attributes.
        variables: of the forecasts, by name.
    """

    skeleton: xr.Dataset
    variables: dict[str, Variable]


def write_grid(path: Path, kind: str, layout: Layout, shell: Shell, content: Callable[[int], bytes | None]) -> None:
    """Write the file; ``content`` returns the part of a chunk, or None if the chunk failed."""
    sink = SINKS[kind](path, shell.skeleton, _size(layout, shell))
    try:
        _create(sink, layout, shell)
        for chunk in range(len(layout.bounds) - 1):
            part = content(chunk)
            for name, values in _arrays(part, layout, chunk).items():
                index, shaped = _place(layout, chunk, values)
                sink.write(name, index, shaped)
    finally:
        sink.close()


def _size(layout: Layout, shell: Shell) -> int:
    """Return the size of all values of the output in bytes."""
    leads = len(layout.valid_times)
    per_cell = [
        np.dtype(variable.dtype).itemsize * (leads if variable.by_lead else 1) for variable in shell.variables.values()
    ]
    return shell.skeleton.nbytes + layout.bounds[-1] * sum(per_cell)


def _create(sink: Sink, layout: Layout, shell: Shell) -> None:
    sizes = dict(zip((dim for dim in layout.dims if dim != layout.along), layout.shape, strict=True))
    rows = _rows(layout, 0)
    for name, variable in shell.variables.items():
        dims = {dim: sizes.get(dim, len(layout.valid_times)) for dim in layout.dims}
        if not variable.by_lead:
            del dims[layout.along]
        # One chunk of the run fills one chunk of the file.
        first = next(iter(sizes), None)
        chunks = tuple(1 if dim == layout.along else rows if dim == first else size for dim, size in dims.items())
        sink.create(name, dims, chunks, variable)


def _rows(layout: Layout, chunk: int) -> int:
    return (layout.bounds[chunk + 1] - layout.bounds[chunk]) // _width(layout)


def _width(layout: Layout) -> int:
    """Return the number of cells in a row of the first dimension."""
    return int(np.prod(layout.shape[1:], dtype=np.int64))


def _arrays(part: bytes | None, layout: Layout, chunk: int) -> dict[str, npt.NDArray[np.generic]]:
    if part is not None:
        return read_part(part)
    return {"quality": np.full(layout.bounds[chunk + 1] - layout.bounds[chunk], NOT_EVALUATED, dtype=np.int8)}


def _place(layout: Layout, chunk: int, values: npt.NDArray[np.generic]) -> tuple[Index, npt.NDArray[np.generic]]:
    """Return the position of a chunk in the file, and its values in the file's order of dimensions."""
    begin = layout.bounds[chunk] // _width(layout)
    rows = slice(begin, begin + _rows(layout, chunk))
    rest = [rows, *(slice(None) for _ in layout.shape[1:])] if layout.shape else []
    shape = (_rows(layout, chunk), *layout.shape[1:]) if layout.shape else ()
    if values.ndim == 1:
        return tuple(rest), values.reshape(shape)
    at = layout.dims.index(layout.along)
    index = (*rest[:at], slice(None), *rest[at:])
    return index, np.moveaxis(values.reshape(len(values), *shape), 0, at)
