"""Series as columns: one after another in arrays, without an object for each value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch, SeriesByStep
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import FIRST_TIME, LAST_TIME, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units
from forecasting.series.weather import WeatherReader
from service.engine.forecasting import Job
from service.engine.reading import Errors, are_regular, by_own_step, celsius_of, join_grids, on_grid, step_of
from service.engine.weather import ReadWeather, with_weather

if TYPE_CHECKING:
    import pyarrow as pa


_FIRST_SECOND: Final = int(FIRST_TIME.astype(np.int64))
_LAST_SECOND: Final = int(LAST_TIME.astype(np.int64))


@dataclass(frozen=True, eq=False)
class SeriesColumns:
    """Several series, none of them empty, one after another."""

    ids: "pa.StringArray"
    ends: npt.NDArray[np.int64]
    times: Times
    local: Times
    values: Floats
    latitudes: Floats
    longitudes: Floats
    errors: dict[int, SeriesError] = field(default_factory=dict)
    weather: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def joined(cls, parts: Sequence["SeriesColumns"]) -> "SeriesColumns":
        """Return the series of all ``parts``, at least one, in order."""
        if len(parts) == 1:
            return parts[0]
        import pyarrow as pa

        rows = np.cumsum([0, *(len(part.times) for part in parts)])
        places = np.cumsum([0, *map(len, parts)]).tolist()
        times = np.concatenate([part.times for part in parts])
        is_local = any(part.local is not part.times for part in parts)
        return cls(
            ids=pa.concat_arrays([part.ids for part in parts]),
            ends=np.concatenate([part.ends + row for part, row in zip(parts, rows, strict=False)]),
            times=times,
            local=np.concatenate([part.local for part in parts]) if is_local else times,
            values=np.concatenate([part.values for part in parts]),
            latitudes=np.concatenate([part.latitudes for part in parts]),
            longitudes=np.concatenate([part.longitudes for part in parts]),
            errors={
                place + i: error for part, place in zip(parts, places, strict=False) for i, error in part.errors.items()
            },
            weather={name: np.concatenate([part.weather[name] for part in parts]) for name in parts[0].weather},
        )

    def part(self, begin: int, end: int) -> "SeriesColumns":
        """Return the series from place ``begin`` to ``end`` (exclusive)."""
        if begin == 0 and end >= len(self):
            return self
        first = int(self.ends[begin - 1]) if begin else 0
        rows = slice(first, int(self.ends[min(end, len(self)) - 1]))
        return SeriesColumns(
            self.ids[begin:end],
            self.ends[begin:end] - first,
            self.times[rows],
            self.local[rows],
            self.values[rows],
            self.latitudes[begin:end],
            self.longitudes[begin:end],
            {i - begin: error for i, error in self.errors.items() if begin <= i < end},
            {name: column[rows] for name, column in self.weather.items()},
        )

    @property
    def begins(self) -> npt.NDArray[np.int64]:
        """First row of each series."""
        return np.concatenate([[0], self.ends[:-1]])

    def take(self, places: Sequence[int]) -> "SeriesColumns":
        """Return the series at ``places``, which ascend."""
        if len(places) == len(self):
            return self
        begins, lengths = self.begins[places], (self.ends - self.begins)[places]
        ends = lengths.cumsum()
        rows = np.arange(int(ends[-1])) + (begins - (ends - lengths)).repeat(lengths)
        return SeriesColumns(
            self.ids.take(np.asarray(places)),
            ends,
            self.times[rows],
            self.local[rows],
            self.values[rows],
            self.latitudes[places],
            self.longitudes[places],
            {new: self.errors[old] for new, old in enumerate(places) if old in self.errors},
            {name: column[rows] for name, column in self.weather.items()},
        )

    def parse(self, units: Units, step: TimeStep, catalog: Catalog | None = None) -> tuple[SeriesBatch, Errors]:
        """Return all series at ``step``, °C, and errors of some, which have no values in the batch.

        An error of a series at another step names the release in ``catalog`` that forecasts it.
        """
        ends, begins = self.ends.copy(), self.begins
        lengths = ends - begins
        errors = {**self.wrong_times(), **self.errors}
        values = celsius_of(self.values, [0, *ends.tolist()], units, errors)
        times = self.local if step.calendar_month else self.times
        readers = self._weather_readers(times)
        grids: dict[int, SstSeries] = {}
        simple = are_regular(times, lengths, step) & ~np.isnan(values[ends - 1])
        for i in np.flatnonzero(~simple).tolist():
            rows = slice(begins[i], ends[i])
            if i in errors:
                continue
            try:
                grid = on_grid(times[rows], values[rows], step, catalog)
                grids[i] = grid.until_last_observation() if i in readers else grid
            except SeriesError as error:
                # The frames of its traceback would keep what has been read in memory.
                errors[i] = error.with_traceback(None)
        batch = join_grids(step, values, ends, lengths, times[begins].copy(), grids, errors)
        return with_weather(batch, readers, units, errors) if readers else batch, errors

    def _weather_readers(self, times: Times) -> dict[int, ReadWeather]:
        """Return what reads the weather of each series that has any, by place; a series ends where its SST does."""
        readers: dict[int, ReadWeather] = {}
        if not self.weather:
            return readers
        known = np.logical_or.reduce([np.isfinite(column) for column in self.weather.values()])
        for i in np.flatnonzero(np.logical_or.reduceat(known, self.begins)).tolist():
            rows = slice(self.begins[i], self.ends[i])
            columns = {name: column[rows] for name, column in self.weather.items()}
            readers[i] = partial(WeatherReader.of_rows, times=times[rows], columns=columns)
        return readers

    def wrong_times(self) -> Errors:
        """Return an error for each series with a time that is missing or out of range."""
        errors: Errors = {}
        seconds = self.times.view(np.int64)
        # NaT is the least of all numbers.
        if len(seconds) and seconds.min() >= _FIRST_SECOND and seconds.max() <= _LAST_SECOND:
            return errors
        wrong = (seconds < _FIRST_SECOND) | (seconds > _LAST_SECOND)
        rows = np.flatnonzero(wrong)
        places = np.searchsorted(self.ends, rows, side="right")
        begins = self.begins
        for row, i in zip(rows.tolist(), places.tolist(), strict=True):
            what = "missing" if np.isnat(self.times[row]) else "outside the years 1 to 9999"
            errors.setdefault(i, SeriesError(f"time {row - int(begins[i])} of the series, counted from 0, is {what}"))
        return errors

    def read(self, job: Job) -> SeriesByStep:
        """Return the series for the models of ``job``, each at its own step unless they have one."""
        selection, (asked, _, as_of) = job.selection, job.options
        positions = np.stack([self.latitudes, self.longitudes], axis=1)
        if selection.reads_at is not None:
            parsed = self.parse(asked.units, selection.reads_at, selection.catalog)
            return SeriesByStep.at_one_step(*parsed).complete(positions, as_of)
        failed = self.wrong_times() | {**self.errors}
        begins, ends = self.begins.tolist(), self.ends.tolist()

        def step_of_series(i: int) -> TimeStep:
            if i in failed:
                raise failed[i]
            return self._step_of(begins[i], ends[i], selection.default_step)

        def parse_at(rows: Sequence[int], step: TimeStep) -> tuple[SeriesBatch, Errors]:
            return self.take(rows).parse(asked.units, step)

        refusal = partial(selection.refusal, horizon=asked.horizon)
        return by_own_step(len(self), step_of_series, parse_at, asked.horizon, refusal).complete(positions, as_of)

    def _step_of(self, begin: int, end: int, default: TimeStep | None) -> TimeStep:
        try:
            return step_of(self.times[begin:end], self.local[begin:end])
        except SeriesError:
            if default is None:
                raise
            return default
