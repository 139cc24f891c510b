"""A chunk of a grid: consecutive cells, scored together."""

import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RangeError, SeriesError
from forecasting.events.baseline import DAYS, PERCENTILES, days_from
from forecasting.events.columns import Column
from forecasting.events.detection import DAYS_AFTER
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import Model, weather_ignored
from forecasting.models.universal.pooled import PooledMixture
from forecasting.qartod import FAIL, MISSING, SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Floats
from forecasting.series.weather import Weather, WeatherReader
from scoring.errors import in_one_line, kind_of
from scoring.events import EventRequest
from scoring.grids.events import Cells
from scoring.job import WEATHER_IGNORED, Counts, Job, Part, Staged
from scoring.quality import climatology_of, flags_by_past

CELLS: Final = "cells.f4"
WEATHER: Final = "{}.f4"
"""The file of a covariate, by its name: °C or m/s, as that of the cells, with the steps ahead."""
POSITIONS: Final = "positions.f4"
BASELINES: Final = "baselines.f4"
WARMEST: Final = "warmest.f4"
"""Maximum monthly means, °C."""
NAMES: Final = ("climatology", "threshold")
COLD: Final = "cold_threshold"
"""The variables of the file of baselines for each day, in this order; the last may be absent."""

Values = npt.NDArray[np.float32]
Positions = npt.NDArray[np.float32]

LAYOUT: Final = "layout.json"


@dataclass(frozen=True)
class Layout(Staged):
    """The content of a staged grid, whose chunks are whole rows of the first dimension."""

    steps: int
    valid_times: tuple[int, ...]
    start: int
    issued: int
    every: int
    placed: bool
    dims: tuple[str, ...]
    along: str
    shape: tuple[int, ...]
    name: str
    averaged: bool = False
    weather: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    baselines: int = 0
    mixture: PooledMixture | None = None

    @property
    def days(self) -> npt.NDArray[np.int64]:
        """The days of the year that baselines are staged for: of the past, of the leads, and of those that decide."""
        count = self.steps + len(self.valid_times) + DAYS_AFTER
        return np.unique(days_from(np.datetime64(self.start, "s"), min(count, 2 * DAYS)))

    @property
    def width(self) -> int:
        """Number of cells in a row of the first dimension."""
        return int(np.prod(self.shape[1:], dtype=np.int64))

    def rows(self, chunk: int) -> slice:
        """Return the rows of the first dimension that a chunk consists of."""
        return slice(self.bounds[chunk] // self.width, self.bounds[chunk + 1] // self.width)


@dataclass(frozen=True, eq=False)
class CellBaselines:
    """Climatology and threshold of some cells."""

    values: Values
    warmest: Floats | None

    @classmethod
    def read(cls, folder: Path, cells: slice, layout: Layout) -> "CellBaselines":
        """Read those of some cells from the folder of the staged input."""
        days, count = layout.days, layout.bounds[-1]
        shape = (layout.baselines, len(days), count)
        known = np.memmap(folder / BASELINES, dtype="<f4", mode="r", shape=shape)[:, :, cells]
        values = np.full((len(known), DAYS, known.shape[2]), np.nan, dtype=np.float32)
        values[:, days] = known
        warmest = None
        if (folder / WARMEST).exists():
            warmest = np.memmap(folder / WARMEST, dtype="<f4", mode="r", shape=(count,))[cells].astype(np.float64)
        return cls(values, warmest)

    @cached_property
    def percentile(self) -> float:
        """The 90th if thresholds are above the climatology, else the 10th; of all cells, as one of them may be land."""
        climatology, threshold = self.values[:2]
        is_above = np.nansum(threshold - climatology) >= 0
        return PERCENTILES["marine_heatwave" if is_above else "marine_cold_spell"]


Arrays = dict[str, npt.NDArray[Any]]


LAND: Final = "no value at any time (land)"
_PIECE_VALUES: Final = 1_000_000
"""Values that are forecast together, which bounds the memory of long contexts."""


@dataclass(frozen=True)
class GridJob(Job):
    """The forecasts to make for the cells of a staged grid: °C as raw float32, ``(steps, cells)``."""

    layout: Layout

    def score(self, chunk: int) -> Part:
        """Return the forecasts of a chunk; see :func:`read_part`."""
        past, n = self.staged(slice(self.bounds[chunk], self.bounds[chunk + 1])), self.places(chunk)
        arrays = _missing(n, self.horizon, self.levels, self.events, self.layout.references)
        recent = past[-self.model.span.longest :]
        sea = np.flatnonzero(np.isfinite(recent).any(axis=0))
        counts = Counts(n, missing={LAND: n - len(sea)} if len(sea) < n else {})
        size = max(_PIECE_VALUES // len(recent), self.layout.every)
        baselines = self._baselines(chunk)
        for begin in range(0, len(sea), size):
            cells = sea[begin : begin + size]
            self._forecast(chunk, cells, recent[:, cells], past, baselines, arrays, counts)
        return Part(_to_bytes(arrays), counts)

    def _forecast(
        self,
        chunk: int,
        cells: npt.NDArray[np.intp],
        recent: Values,
        past: Values,
        baselines: CellBaselines | None,
        arrays: Arrays,
        counts: Counts,
    ) -> None:
        """Forecast some cells of a chunk."""
        mixture = self.layout.mixture
        model = self.model.universal(mixture) if mixture else self.model.model_of(self.model.releases[0])
        batch, unusable = self.batch(self.bounds[chunk] + cells, recent, model.covariates)
        counts.count("warnings", WEATHER_IGNORED, len(unusable))
        if unusable:
            counts.examples.setdefault(WEATHER_IGNORED, unusable[0])
        forecasts = model.forecast_batch(batch, ForecastOptions(self.horizon, self.levels, concise=True))
        evaluated = flags_by_past(model, batch, forecasts, len(recent), self.layout.every)
        cell = cells[forecasts.row]
        arrays["quality"][cell] = np.where(forecasts.quality == SUSPECT, SUSPECT, evaluated)
        arrays["sst"][:, cell] = forecasts.sst.T
        for level in self.levels:
            arrays[f"lower_{level}"][:, cell], arrays[f"upper_{level}"][:, cell] = (
                b.T for b in forecasts.bounds(level)
            )
        for name, values in self._references(model, batch, forecasts).items():
            arrays[name][:, cell] = values.T
        for row, error in forecasts.errors.items():
            counts.count("missing", kind_of(str(error)))
            if isinstance(error, RangeError):
                arrays["quality"][cells[row]] = FAIL
        counts.forecast += len(cell)
        distinct, which = forecasts.distinct_warnings
        for warnings, number in zip(distinct, np.bincount(which, minlength=len(distinct)).tolist(), strict=True):
            for warning in warnings:
                counts.count("warnings", warning.code, number)
        counts.count("warnings", "reference_is_better", int((evaluated == SUSPECT).sum()))
        if self.events:
            coefficients = climatology_of(batch.take(forecasts.row), forecasts.coefficients, model)
            forecasts = replace(forecasts, coefficients=coefficients)
            positions = self.positions(self.bounds[chunk] + cell)
            self._evaluate(forecasts, cell, positions, past, baselines, arrays, counts)

    def _references(self, model: Model, batch: SeriesBatch, forecasts: Forecasts) -> dict[str, Floats]:
        """Return what the references that are asked for forecast, °C ``(n, horizon)`` by name."""
        if not self.layout.references:
            return {}
        known = model.reference_forecasts(batch.take(forecasts.row), forecasts.coefficients, self.horizon)
        return {name: values for name, values in known.items() if name in self.layout.references}

    def _evaluate(
        self,
        forecasts: Forecasts,
        cell: npt.NDArray[np.intp],
        positions: Floats | None,
        past: Values,
        baselines: CellBaselines | None,
        arrays: Arrays,
        counts: Counts,
    ) -> None:
        """Evaluate the events of the cells with these ``forecasts``, whose indices in the chunk are ``cell``."""
        cells = Cells(
            self.events,
            forecasts,
            past[:, cell],
            np.datetime64(self.layout.start, "s"),
            self.model.span.step,
            np.full((len(cell), 2), np.nan) if positions is None else positions,
            None if baselines is None else (baselines.values[:, :, cell], baselines.percentile),
            None if baselines is None or baselines.warmest is None else baselines.warmest[cell],
        )
        evaluated, unknown = cells.evaluate()
        for name, values in evaluated.items():
            arrays[name][..., cell] = values.T
        counts.add(unknown)

    def _baselines(self, chunk: int) -> CellBaselines | None:
        """Return the baselines of the cells of a chunk; None if no file was given."""
        if self.events.baseline_file is None:
            return None
        return CellBaselines.read(self.folder, slice(self.bounds[chunk], self.bounds[chunk + 1]), self.layout)

    def batch(
        self, cells: npt.NDArray[np.intp], recent: Values, covariates: tuple[str, ...]
    ) -> tuple[SeriesBatch, list[str]]:
        """Return the series of some cells with their weather, and why it is not used, for each where it is not."""
        step = self.model.span.step
        first = np.asarray([self.layout.start], dtype="datetime64[s]")
        starts = np.repeat(step.shift(first, self.layout.steps - len(recent)), len(cells))
        batch = SeriesBatch.of_rows(recent.T.astype(np.float64), starts, step, self.positions(cells))
        if not self.layout.weather:
            return batch, []
        if not covariates:
            return batch, [weather_ignored(self.model.name).message] * len(cells)
        return self.with_weather(batch, cells)

    def with_weather(self, batch: SeriesBatch, cells: npt.NDArray[np.intp]) -> tuple[SeriesBatch, list[str]]:
        """Return the series of some cells with their weather, and why it cannot be used, for each where it cannot."""
        shape = (self.layout.steps + self.horizon, self.bounds[-1])
        first = self.layout.steps - batch.longest
        staged = {
            name: np.memmap(self.folder / WEATHER.format(name), dtype="<f4", mode="r", shape=shape)[first:, cells]
            for name in self.layout.weather
        }
        weather: dict[int, Weather] = {}
        unusable, positions = list[str](), self.positions(cells)
        for i in range(len(batch)):
            columns = {name: values[:, i].astype(np.float64) for name, values in staged.items()}
            known = {name: column for name, column in columns.items() if np.isfinite(column).any()}
            if known:
                series = batch[i]
                try:
                    weather[i] = WeatherReader(series.step, series.start, series.values).of_arrays(known)
                except SeriesError as error:
                    where = "" if positions is None else "the cell at {:g}, {:g}: ".format(*positions[i].tolist())
                    unusable.append(f"{where}{in_one_line(error)}")
        return replace(batch, weather=weather), unusable

    def positions(self, cells: npt.NDArray[np.intp] | slice) -> Floats | None:
        """Return the positions of cells of the grid, ``(n, 2)``; None if they are not known."""
        if not self.layout.placed:
            return None
        return np.memmap(self.folder / POSITIONS, dtype="<f4", mode="r", shape=(self.bounds[-1], 2))[cells].astype(
            np.float64
        )

    def staged(self, cells: slice) -> Values:
        """Return °C of consecutive cells of the grid, ``(all steps, cells)``."""
        return np.array(self.mapped()[:, cells])

    def mapped(self) -> Values:
        """Return °C of all cells, ``(all steps, cells)``, which are read as they are used."""
        try:
            shape = (self.layout.steps, self.bounds[-1])
            return np.memmap(self.folder / CELLS, dtype="<f4", mode="r", shape=shape)
        except OSError:
            raise FileNotFoundError(
                f"{self.folder / CELLS} does not exist here: OUTPUT must be on storage that all workers share"
            ) from None


def _missing(
    n: int, horizon: int, levels: tuple[int, ...], events: EventRequest, references: tuple[str, ...]
) -> Arrays:
    """Return the arrays of :func:`read_part` for ``n`` cells without forecasts."""
    names = ["sst", *(f"{side}_{level}" for level in levels for side in ("lower", "upper")), *references]
    arrays: Arrays = {"quality": np.full(n, MISSING, dtype=np.int8)}
    arrays |= {name: np.full((horizon, n), np.nan, dtype=np.float32) for name in names}
    for column in events.columns:
        arrays[column.name] = np.ascontiguousarray(column.empty(n, horizon).T).astype(stored_type(column))
    return arrays


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


def stored_type(column: Column) -> str:
    """Return the type of a variable of an event; times of seconds need all digits."""
    return "float32" if column.dtype == "float64" and column.form != "time" else column.dtype
