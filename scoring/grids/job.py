"""A chunk of a grid: consecutive cells, scored together."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import DAYS, PERCENTILES, Baseline
from forecasting.events.outlook import JointForecast
from forecasting.qartod import FAIL, MISSING
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.units import outside_sea_range
from scoring.events import Column, EvaluatedEvents, EventRequest, Place, evaluate_events
from scoring.job import Counts, Job, Part
from scoring.models.model import LAND, CellForecasts, CellModel, Cells

CELLS: Final = "cells.f4"
POSITIONS: Final = "positions.f4"
BASELINES: Final = "baselines.f4"
NAMES: Final = ("climatology", "threshold")
"""The variables of the file for each day, in this order."""

Values = npt.NDArray[np.float32]
Positions = npt.NDArray[np.float32]

LAYOUT: Final = "layout.json"


@dataclass(frozen=True)
class Layout:
    """The content of a staged grid.

    Attributes:
        steps: number of staged steps; forecasts are issued from the last.
        bounds: index of the first cell of each chunk, and the end of the last; whole rows of the first dimension.
        valid_times: Unix seconds, one per lead.
        start: time of the first staged step, Unix seconds.
        issued: Unix seconds.
        every: the past of one in so many cells is forecast, to evaluate it and its neighbours.
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

    @property
    def times(self) -> npt.NDArray[np.datetime64]:
        """Valid times, ``(horizon,)``."""
        return np.asarray(self.valid_times, dtype="datetime64[s]")

    @property
    def width(self) -> int:
        """Number of cells in a row of the first dimension."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def rows(self, chunk: int) -> slice:
        """Return the rows of the first dimension that a chunk consists of."""
        return slice(self.bounds[chunk] // self.width, self.bounds[chunk + 1] // self.width)


@dataclass(frozen=True, eq=False)
class CellBaselines:
    """Climatology and threshold of some cells.

    Attributes:
        values: °C, ``(2, 366, n)``.
    """

    values: Values

    @classmethod
    def read(cls, staged: Path, cells: slice, count: int) -> "CellBaselines":
        """Read those of some of ``count`` cells, beside the ``staged`` input."""
        shape = (len(NAMES), DAYS, count)
        return cls(np.array(np.memmap(staged.with_name(BASELINES), dtype="<f4", mode="r", shape=shape)[:, :, cells]))

    def of(self, cell: int) -> Baseline:
        """Return the baseline of a cell; all values are NaN if the file has none there."""
        climatology, threshold = self.values[:, :, cell].astype(np.float64)
        return Baseline(climatology, threshold, None, self._percentile)

    @cached_property
    def _percentile(self) -> float:
        """The 90th if thresholds are above the climatology, else the 10th; of all cells, as one of them may be land."""
        climatology, threshold = self.values
        is_above = np.nansum(threshold - climatology) >= 0
        return PERCENTILES["marine_heatwave" if is_above else "marine_cold_spell"]


_PATHS: Final = 100
"""Sample paths that events of a cell are evaluated by."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class GridJob(Job):
    """The forecasts to make for the cells of a staged grid: °C as raw float32, ``(steps, cells)``.

    Attributes:
        model: forecasts the cells.
        layout: of the staged grid.
    """

    model: CellModel
    layout: Layout

    @property
    def bounds(self) -> tuple[int, ...]:
        """See :class:`~scoring.job.Job`."""
        return self.layout.bounds

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk; see :func:`read_part`."""
        forecaster = self.model.load()
        past, n = self._read(chunk), self.places(chunk)
        sea, cells = self._cells(chunk, past)
        forecasts = forecaster.forecast_cells(cells, self.layout.times, self.levels, joint=bool(self.events))
        cell = sea[forecasts.cell]
        arrays = _arrays(forecasts, cell, n)
        arrays["quality"][sea[forecasts.bad]] = FAIL
        missing = Counter({LAND: n - len(sea)}) + Counter(forecasts.missing)
        counts = Counts(n, len(cell), dict(missing), forecasts.warnings)
        if self.events:
            evaluated = self._evaluate(chunk, forecasts.joint, cell, past, cells.coefficients[forecasts.cell])
            arrays |= event_fields(self.events, evaluated, cell, n)
            counts.unjudged = evaluated.unjudged(self.events)
            for kinds in evaluated.warnings:
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
        first = np.asarray([self.layout.start], dtype="datetime64[s]")
        start: np.datetime64 = span.step.shift(first, len(past) - len(recent))[0]
        values = recent[:, sea].T.astype(np.float64)
        return sea, Cells(values, start, self._positions(self.bounds[chunk] + sea), self.layout.every)

    def _evaluate(
        self,
        chunk: int,
        forecasts: Sequence[JointForecast],
        cell: npt.NDArray[np.intp],
        past: npt.NDArray[np.float32],
        coefficients: npt.NDArray[np.float32],
    ) -> EvaluatedEvents:
        """Judge the events of some cells of a chunk by their ``forecasts``.

        Args:
            chunk: number of the chunk.
            forecasts: of the cells.
            cell: index of each cell in the chunk, ``(len(forecasts),)``.
            past: of all cells, °C ``(steps, cells)``.
            coefficients: climatology of the cells, °C ``(len(forecasts), 7)``.
        """
        baselines = self._baselines(chunk)
        start, step = np.datetime64(self.layout.start, "s"), self.model.span().step
        places = (
            Place(
                forecast,
                SstSeries(_sea_only(past[:, i]), start, step),
                self.events.period if baselines is None else baselines.of(i),
                climatology,
            )
            for forecast, i, climatology in zip(forecasts, cell.tolist(), coefficients, strict=True)
        )
        return evaluate_events(
            self.events, places, len(cell), len(self.layout.valid_times), self.events.paths or _PATHS
        )

    def _baselines(self, chunk: int) -> CellBaselines | None:
        """Return the baselines of the cells of a chunk; None if no file was given."""
        if self.events.baseline_file is None:
            return None
        return CellBaselines.read(Path(self.staged), slice(self.bounds[chunk], self.bounds[chunk + 1]), self.bounds[-1])

    def _positions(self, cells: npt.NDArray[np.intp]) -> Positions:
        """Return the positions of cells, NaN where they are not known."""
        if not self.layout.placed:
            return np.full((len(cells), 2), np.nan, dtype=np.float32)
        file = Path(self.staged).with_name(POSITIONS)
        positions: Positions = np.memmap(file, dtype="<f4", mode="r", shape=(self.bounds[-1], 2))[cells]
        return np.array(positions)

    def _read(self, chunk: int) -> npt.NDArray[np.float32]:
        begin, end = self.bounds[chunk], self.bounds[chunk + 1]
        try:
            shape = (self.layout.steps, self.bounds[-1])
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


def event_fields(events: EventRequest, evaluated: EvaluatedEvents, cell: npt.NDArray[np.intp], n: int) -> Arrays:
    """Return the values of each variable: ``(n,)``, or ``(horizon, n)``, missing where no event was evaluated.

    Args:
        events: that were evaluated.
        evaluated: of some cells.
        cell: index of each of them, ``(len(cell),)``.
        n: number of cells.
    """
    fields: Arrays = {}
    for column in events.columns:
        values = evaluated.values[column.name]
        field = column.empty(n, values.shape[-1]).astype(stored_type(column))
        field[cell] = values
        fields[column.name] = np.ascontiguousarray(field.T)
    return fields


def stored_type(column: Column) -> str:
    """Return the type of a variable of an event; times of seconds need all digits."""
    return "float32" if column.dtype == "float64" and column.form != "time" else column.dtype
