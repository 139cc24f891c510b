"""A chunk of a grid: consecutive cells, scored together."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.events.outlook import JointForecast
from forecasting.qartod import FAIL, MISSING
from forecasting.series.sea_range import outside_sea_range
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from scoring.events.judging import Judged, Place, judge_places
from scoring.grids.baselines import CellBaselines
from scoring.grids.event_variables import event_fields
from scoring.grids.positions import POSITIONS, Positions
from scoring.models.cell_forecasts import CellForecasts
from scoring.models.cell_windows import LAND
from scoring.models.cells import Cells
from scoring.models.model import CellModel
from scoring.work.job import Counts, Job, Part

_PATHS: Final = 100
"""Sample paths that events of a cell are judged by."""

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
        past, n = self._read(chunk), self.places(chunk)
        sea, cells = self._cells(chunk, past)
        forecasts = forecaster.forecast_cells(cells, self.times, self.levels, joint=bool(self.events))
        cell = sea[forecasts.cell]
        arrays = _arrays(forecasts, cell, n)
        arrays["quality"][sea[forecasts.bad]] = FAIL
        missing = Counter({LAND: n - len(sea)}) + Counter(forecasts.missing)
        counts = Counts(n, len(cell), dict(missing), forecasts.warnings)
        if self.events:
            judged = self._judge(chunk, forecasts.joint, cell, past, cells.coefficients[forecasts.cell])
            arrays |= event_fields(self.events, judged, cell, n)
            counts.unjudged = judged.unjudged(self.events)
            for kinds in judged.warnings:
                counts.add(Counts(warnings=dict.fromkeys(sorted(kinds), 1)))
        return Part(_to_bytes(arrays), counts)

    def _cells(self, chunk: int, past: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.intp], Cells]:
        """Return the cells of a chunk that have values in the steps that the model uses, with their indices.

        Args:
            chunk: number of the chunk.
            past: of all cells, °C ``(steps, cells)``.
        """
        span = self.model.span()
        recent = past[-span.longest :]
        sea = np.flatnonzero(np.isfinite(recent).any(axis=0))
        first = np.asarray([self.start], dtype="datetime64[s]")
        start: np.datetime64 = span.step.shift(first, len(past) - len(recent))[0]
        values = recent[:, sea].T.astype(np.float64)
        return sea, Cells(values, start, self._positions(self.bounds[chunk] + sea), self.every)

    def _judge(
        self,
        chunk: int,
        forecasts: Sequence[JointForecast],
        cell: npt.NDArray[np.intp],
        past: npt.NDArray[np.float32],
        coefficients: npt.NDArray[np.float32],
    ) -> Judged:
        """Judge the events of some cells of a chunk by their ``forecasts``.

        Args:
            chunk: number of the chunk.
            forecasts: of the cells.
            cell: index of each cell in the chunk, ``(len(forecasts),)``.
            past: of all cells, °C ``(steps, cells)``.
            coefficients: climatology of the cells, °C ``(len(forecasts), 7)``.
        """
        baselines = self._baselines(chunk)
        start, step = np.datetime64(self.start, "s"), self.model.span().step
        places = (
            Place(
                forecast,
                SstSeries(_sea_only(past[:, i]), start, step),
                self.events.period if baselines is None else baselines.of(i),
                climatology,
            )
            for forecast, i, climatology in zip(forecasts, cell.tolist(), coefficients, strict=True)
        )
        return judge_places(self.events, places, len(cell), len(self.valid_times), self.events.paths or _PATHS)

    def _baselines(self, chunk: int) -> CellBaselines | None:
        """Return the baselines of the cells of a chunk; None if no file was given."""
        if self.events.baseline_file is None:
            return None
        return CellBaselines.read(Path(self.staged), slice(self.bounds[chunk], self.bounds[chunk + 1]), self.bounds[-1])

    def _positions(self, cells: npt.NDArray[np.intp]) -> Positions:
        """Return the positions of cells, NaN where they are not known."""
        if not self.placed:
            return np.full((len(cells), 2), np.nan, dtype=np.float32)
        file = Path(self.staged).with_name(POSITIONS)
        positions: Positions = np.memmap(file, dtype="<f4", mode="r", shape=(self.bounds[-1], 2))[cells]
        return np.array(positions)

    def _read(self, chunk: int) -> npt.NDArray[np.float32]:
        begin, end = self.bounds[chunk], self.bounds[chunk + 1]
        try:
            shape = (self.steps, self.bounds[-1])
            return np.array(np.memmap(self.staged, dtype="<f4", mode="r", shape=shape)[:, begin:end])
        except OSError:
            raise FileNotFoundError(
                f"{self.staged} does not exist here: OUTPUT must be on storage that all workers share"
            ) from None


def _arrays(forecasts: CellForecasts, cell: npt.NDArray[np.intp], n: int) -> Arrays:
    """Return the arrays of :func:`read_part` for ``n`` cells; ``cell`` has the index of each that was forecast."""
    quality = np.full(n, MISSING, dtype=np.int8)
    quality[cell] = forecasts.quality
    arrays: Arrays = {"quality": quality, "sst": _on_grid(forecasts.sst, cell, n)}
    for level, (lower, upper) in forecasts.bounds.items():
        arrays[f"lower_{level}"] = _on_grid(lower, cell, n)
        arrays[f"upper_{level}"] = _on_grid(upper, cell, n)
    return arrays


def _sea_only(values: npt.NDArray[np.float32]) -> Floats:
    """Return °C in float64, with NaN instead of temperatures that no sea has."""
    celsius = values.astype(np.float64)
    celsius[outside_sea_range(celsius)] = np.nan
    return celsius


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
    """Return the arrays of a chunk: ``quality`` ``(cells,)``; ``sst``, ``lower_80``, …, °C ``(horizon, cells)``.

    Those of events are ``(cells,)``, or ``(horizon, cells)``.
    """
    file = io.BytesIO(content)
    arrays: Arrays = {}
    while name := file.readline().decode().strip():
        arrays[name] = np.load(file, allow_pickle=False)
    return arrays
