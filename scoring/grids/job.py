"""A chunk of a grid: consecutive cells, scored together."""

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.series.times import Times
from scoring.grids.positions import POSITIONS, climatology_of
from scoring.models.cell_windows import LAND
from scoring.models.model import CellModel, Cells
from scoring.models.quality import FAIL, MISSING
from scoring.work.job import Counts, Job, Part

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class GridJob(Job):
    """The forecasts to make for the cells of a staged grid: °C as raw float32, ``(steps, cells)``.

    Attributes:
        model: forecasts the cells.
        steps: number of staged steps; forecasts are issued from the last.
        valid_times: Unix seconds, ``(horizon,)``.
        start: time of the first step, Unix seconds.
        every: the past of one in so many cells is forecast.
        placed: whether the positions of cells are known.
    """

    model: CellModel
    steps: int
    valid_times: tuple[int, ...]
    start: int
    every: int
    placed: bool

    @property
    def times(self) -> Times:
        """Valid times, ``(horizon,)``."""
        return np.asarray(self.valid_times, dtype="datetime64[s]")

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk; see :func:`read_part`."""
        forecaster = self.model.load()
        tail, n = self._read(chunk), self.places(chunk)
        sea = np.flatnonzero(np.isfinite(tail).any(axis=0))
        coefficients, on_land = self._climatology(self.bounds[chunk] + sea)
        values = tail[:, sea].T.astype(np.float64)
        start = np.datetime64(self.start, "s")
        cells = Cells(values, start, coefficients, on_land, self.every)
        forecasts = forecaster.forecast_cells(cells, self.times, self.levels)
        cell = sea[forecasts.cell]
        quality = np.full(n, MISSING, dtype=np.int8)
        quality[sea[forecasts.bad]] = FAIL
        quality[cell] = forecasts.quality
        arrays: Arrays = {"quality": quality, "sst": _on_grid(forecasts.sst, cell, n)}
        for level, (lower, upper) in forecasts.bounds.items():
            arrays[f"lower_{level}"] = _on_grid(lower, cell, n)
            arrays[f"upper_{level}"] = _on_grid(upper, cell, n)
        missing = Counter({LAND: n - len(sea)}) + Counter(forecasts.missing)
        return Part(_to_bytes(arrays), Counts(n, len(cell), dict(missing), forecasts.warnings))

    def _climatology(self, cells: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the climatology of cells, and which of them are on land."""
        if not self.placed:
            return np.full((len(cells), COEFFICIENTS), np.nan, dtype=np.float32), np.zeros(len(cells), dtype=np.bool_)
        file = Path(self.staged).with_name(POSITIONS)
        return climatology_of(np.array(np.memmap(file, dtype="<f4", mode="r", shape=(self.bounds[-1], 2))[cells]))

    def _read(self, chunk: int) -> npt.NDArray[np.float32]:
        begin, end = self.bounds[chunk], self.bounds[chunk + 1]
        try:
            shape = (self.steps, self.bounds[-1])
            return np.array(np.memmap(self.staged, dtype="<f4", mode="r", shape=shape)[:, begin:end])
        except OSError:
            raise FileNotFoundError(
                f"{self.staged} does not exist here: OUTPUT must be on storage that all workers share"
            ) from None


def _on_grid(values: npt.NDArray[np.float64], cell: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.float32]:
    """Return ``(len(cell), horizon)`` as ``(horizon, n)``, NaN elsewhere."""
    field = np.full((values.shape[1], n), np.nan, dtype=np.float32)
    field[:, cell] = values.T
    return field


def _to_bytes(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    for name, array in arrays.items():
        file.write(f"{name}\n".encode())
        np.save(file, array, allow_pickle=False)
    return file.getvalue()


def read_part(content: bytes) -> Arrays:
    """Return the arrays of a chunk: ``quality`` ``(cells,)``; ``sst``, ``lower_80``, …, °C ``(horizon, cells)``."""
    file = io.BytesIO(content)
    arrays: Arrays = {}
    while name := file.readline().decode().strip():
        arrays[name] = np.load(file, allow_pickle=False)
    return arrays
