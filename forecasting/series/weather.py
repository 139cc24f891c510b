"""Weather over a series: air temperature and wind speed at its time step, in the past and ahead of its end.

Values up to the last observation of the series are what happened, those after it a forecast.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.series.observations import max_steps
from forecasting.series.times import DAY, SECONDS, Floats, Times, short
from forecasting.series.timestep import TimeStep, in_words, length_of
from forecasting.series.units import SYMBOLS, UNITS, Units, from_celsius, to_celsius, unbracketed
from forecasting.wording import counted

COVARIATES: Final = ("air_temperature", "wind_speed")
"""The names of the weather that a series may carry, in the order of the columns of :attr:`Weather.values`."""

AIR, WIND = COVARIATES

WindUnits = Literal["m/s", "km/h", "knots"]
WIND_UNITS: Final[tuple[WindUnits, ...]] = get_args(WindUnits)

WIND_UNITS_REMEDY: Final = "Set wind_units, or convert it to m/s"
"""What to do about winds that are too strong, where there is a parameter ``wind_units``."""

_METRES_PER_SECOND: Final[dict[WindUnits, float]] = {"m/s": 1.0, "km/h": 1 / 3.6, "knots": 1852 / 3600}

_SPELLINGS: Final[dict[str, WindUnits]] = {
    **dict.fromkeys(("m/s", "ms-1", "m.s-1", "mps", "meters/second", "metres/second", "meters-1", "metres-1"), "m/s"),
    **dict.fromkeys(("km/h", "kmh", "kph", "kmh-1", "km.h-1", "km/hr"), "km/h"),
    **dict.fromkeys(("knots", "knot", "kn", "kt", "kts"), "knots"),
}


def parse_wind_units(text: str) -> WindUnits | None:
    """Parse m/s, km/h or knots in the spellings of CF, UDUNITS and people; None for anything else."""
    return _SPELLINGS.get(unbracketed(text).lower().replace(" ", "").replace("**", "").replace("^", ""))


def to_metres_per_second(values: Floats, units: WindUnits) -> Floats:
    """Convert wind speeds from ``units`` to m/s."""
    return values * _METRES_PER_SECOND[units]


COLDEST_AIR, WARMEST_AIR = -70.0, 55.0
"""°C. No air at the surface of a sea or of land near it was ever colder or warmer, nor close to that."""

STRONGEST_WIND: Final = 75.0
"""m/s. The strongest winds over a minute in tropical cyclones reach it."""

_STRONGEST_MEAN: Final = 20.0
_ENOUGH_FOR_MEAN: Final = 20
"""m/s, and the fewest values whose mean counts: the windiest places at sea have 12 m/s."""

_FINER: Final = 0.75
"""Share of a step below which rows are apart if they are averaged over each step."""

_OBSERVED: Final = 0.5
"""Share of its rows that a step needs for its mean to count."""

_MAX_GAP: Final = 1_000
"""Steps between an issue and its first value, beyond which it is left out."""

_FURTHEST_FROM_WATER: Final = 35.0
"""°C. Cold air may be this much colder than open water for days, but not in the mean over a series."""

_FAR_FROM_WATER, _NEAR_WATER = 20.0, 10.0
"""°C. Air further from the water than the first in the mean, but nearer than the second in another unit, is in that."""


def steps_at(step: TimeStep, times: Times, start: np.datetime64, *, averaged: bool) -> npt.NDArray[np.int64]:
    """Return the step of a series that each time belongs to, counted from ``start``, ``(times,)``.

    A step may be labelled by its begin or by its middle, in the series as well as in the weather. Without averaging, a
    time belongs to the nearest label. A time between two labels belongs to the step that begins before it.

    Args:
        step: of the series.
        times: UTC ``(times,)``.
        start: time of step 0, UTC.
        averaged: whether there are several times to each step, which belong to the step that they are within.
    """
    positions = step.position(times.astype(SECONDS), start)
    unit = min(step.seconds, DAY)
    into_unit = int((start.astype(SECONDS) - start.astype("datetime64[D]")).astype(np.int64)) % unit
    if step.seconds % unit == 0 and 2 * into_unit == unit:
        # The labels are the middles of the steps: weather half a step before one is labelled by its begin.
        found = np.floor(positions + 0.5 + 1e-9)
    else:
        found = np.floor(positions + 1e-9) if averaged else np.ceil(positions - 0.5 - 1e-9)
    return found.astype(np.int64)


def _refuse_others(names: Iterable[str]) -> None:
    for name in names:
        if name not in COVARIATES:
            raise SeriesError(f"weather: {name[:64]!r} is not a known covariate: weather takes {AIR} and {WIND}")


@dataclass(frozen=True, eq=False)
class IssuedWeather:
    """An older forecast of the weather, as it was issued.

    Attributes:
        issued: a step of the series, UTC; the values begin one step after it.
        values: °C and m/s, float64 ``(steps, 2)``, columns in the order of :data:`COVARIATES`; NaN where not known.
    """

    issued: np.datetime64
    values: Floats


@dataclass(frozen=True, eq=False)
class Weather:
    """The weather over one series, at its time step.

    Attributes:
        start: time of the first value, UTC, on the grid of the series.
        values: °C and m/s, float64 ``(steps, 2)``, columns in the order of :data:`COVARIATES`; NaN where not known. A
            column is all NaN where it was not given.
        issued: older forecasts, oldest first.
        source: where the weather comes from, as the caller wrote it.
    """

    start: np.datetime64
    values: Floats
    issued: tuple[IssuedWeather, ...] = ()
    source: str | None = None

    def over(self, step: TimeStep, start: np.datetime64, steps: int) -> Floats:
        """Return the values at ``steps`` steps from ``start`` on, ``(steps, 2)``; NaN where there are none."""
        table = np.full((steps, len(COVARIATES)), np.nan)
        lay_over(table, self.values, round(float(step.position(np.asarray(self.start), start))))
        return table


def lay_over(table: Floats, values: Floats, first: int) -> None:
    """Copy ``values`` into ``table`` from the row ``first`` on, which may be negative, as far as both reach."""
    begin, end = max(first, 0), min(first + len(values), len(table))
    if begin < end:
        table[begin:end] = values[begin - first : end - first]


@dataclass(frozen=True)
class WeatherReader:
    """Reads the weather over one series.

    Attributes:
        step: of the series.
        start: time of the first value of the series, UTC.
        sst: °C, the values of the series, ``(n,)``.
        units: of air temperatures.
        wind_units: of wind speeds.
        wind_remedy: what to do if wind speeds are in other units.
        missing_remedy: what to do about a number that marks a missing value; empty where there are no such numbers.
        has_header: whether the header of a column can state the units of air temperatures.
    """

    step: TimeStep
    start: np.datetime64
    sst: Floats
    units: Units = "celsius"
    wind_units: WindUnits = "m/s"
    wind_remedy: str = "Convert it to m/s"
    missing_remedy: str = ""
    has_header: bool = False

    def of_arrays(
        self,
        columns: Mapping[str, Sequence[float | None] | npt.ArrayLike],
        start: np.datetime64 | None = None,
        issued: Sequence[tuple[np.datetime64, Mapping[str, Sequence[float | None] | npt.ArrayLike]]] = (),
        source: str | None = None,
    ) -> Weather:
        """Return weather from arrays that have a value for each step.

        Args:
            columns: the values by name, ``(steps,)`` each, None or NaN where missing.
            start: time of the first of them, UTC; that of the series if None.
            issued: older forecasts: the time of issue, and the values from the first step after it.
            source: where the weather comes from.
        """
        begin = self._on_grid(self.start if start is None else start)
        values = self._table(columns, begin)
        older = []
        for time, forecast in issued:
            when = self._time(int(np.floor(self._position(time))))
            older.append(IssuedWeather(when, self._table(forecast, self._time(1, when))))
        return self._checked(begin, values, older, source)

    def of_rows(
        self,
        times: Times,
        columns: Mapping[str, Floats],
        issued: Times | None = None,
        source: str | None = None,
    ) -> Weather | None:
        """Return weather from the rows of a table, in any order; None if they have no value.

        Args:
            times: UTC ``(rows,)``. A row belongs to the step of the series that :func:`steps_at` finds. Rows that are
                closer together are averaged over each step. Of a repeated time, the first row counts.
            columns: the values by name, ``(rows,)`` each, NaN where missing.
            issued: the time of issue of rows of older forecasts, NaT for the others; None without any.
            source: where the weather comes from.
        """
        _refuse_others(columns)
        values = self._converted(columns)
        known = np.isfinite(values).any(axis=1)
        if not known.any():
            return None
        times, values = times[known].astype(SECONDS), values[known]
        if np.isnat(times).any():
            raise SeriesError("weather: a row has no time")
        of_issue = np.full(len(times), "NaT", SECONDS) if issued is None else issued[known].astype(SECONDS)
        newest, older = np.isnat(of_issue), []
        if not newest.any():
            raise SeriesError(
                "weather: every row has a time of issue: leave `issued` empty in the rows of the newest weather"
            )
        for time in np.unique(of_issue[~newest]):
            when, rows = self._time(int(np.floor(self._position(time)))), of_issue == time
            begin, table = self._spread(times[rows], values[rows])
            skipped = round(float(self._position(self._time(1, when)) - self._position(begin)))
            if -_MAX_GAP < skipped < len(table):
                ahead = table[max(skipped, 0) :]
                older.append(
                    IssuedWeather(when, np.pad(ahead, ((max(-skipped, 0), 0), (0, 0)), constant_values=np.nan))
                )
        return self._checked(*self._spread(times[newest], values[newest]), older, source)

    def _position(self, times: Times | np.datetime64) -> Floats:
        return self.step.position(np.asarray(times, dtype=SECONDS), self.start)

    def _time(self, steps: int, start: np.datetime64 | None = None) -> np.datetime64:
        """Return the time so many steps after ``start``, by default that of the series."""
        time: np.datetime64 = self.step.shift(np.asarray([self.start if start is None else start]), steps)[0]
        return time

    def _on_grid(self, start: np.datetime64) -> np.datetime64:
        """Return the start of the weather, if it is a time of the series."""
        position = float(self._position(start))
        if not position.is_integer():
            raise SeriesError(
                f"weather: it begins {short(start)}, which is not a whole number of steps "
                f"({in_words(str(self.step))}) from {short(self.start)}, where the series begins"
            )
        return self._time(int(position))

    def _table(self, columns: Mapping[str, Sequence[float | None] | npt.ArrayLike], begin: np.datetime64) -> Floats:
        """Return arrays as a table ``(steps, 2)``, °C and m/s, whose first values are of the time ``begin``."""
        _refuse_others(columns)
        arrays = {name: np.asarray(values, dtype=np.float64) for name, values in columns.items() if values is not None}
        if not arrays:
            raise SeriesError(f"weather: it has no values: give {AIR}, {WIND} or both")
        empty = [name for name, array in arrays.items() if not np.isfinite(array).any()]
        if empty:
            out = "the weather" if len(empty) == len(arrays) else empty[0]
            raise SeriesError(f"weather: every value of {' and '.join(empty)} is missing: leave {out} out")
        lengths = {name: len(array) for name, array in arrays.items()}
        if len({*lengths.values()}) > 1:
            raise SeriesError(
                f"weather: {AIR} has {counted(lengths[AIR], 'value')} and {WIND} has {lengths[WIND]}, both from "
                f"{short(begin)}: send one for each step, with null where it is missing"
            )
        return self._converted(arrays)

    def _converted(self, columns: Mapping[str, Floats]) -> Floats:
        """Return columns of the same length as a table ``(rows, 2)``, °C and m/s; NaN where a column is not given."""
        table = np.full((len(next(iter(columns.values()), ())), len(COVARIATES)), np.nan)
        if AIR in columns:
            table[:, 0] = to_celsius(columns[AIR], self.units)
        if WIND in columns:
            table[:, 1] = to_metres_per_second(columns[WIND], self.wind_units)
        table[~np.isfinite(table)] = np.nan
        return table

    def _spread(self, times: Times, values: Floats) -> tuple[np.datetime64, Floats]:
        """Return rows as a table ``(steps, 2)``, NaN between them, and the time of its first step."""
        columns = []
        for column in values.T:
            known = np.flatnonzero(np.isfinite(column))
            distinct, first = np.unique(times[known], return_index=True)
            columns.append(self._at_steps(distinct, column[known][first]))
        places = np.concatenate([of_column for of_column, _ in columns])
        least, size = int(places.min()), int(places.max() - places.min()) + 1
        if size > max_steps(len(places)):
            raise SeriesError(
                f"weather: there are {size:,} steps of {in_words(str(self.step))} from {short(times.min())} to "
                f"{short(times.max())}, but only {len(places)} rows: check for a wrong time at either end"
            )
        table = np.full((size, len(COVARIATES)), np.nan)
        for i, (of_column, column) in enumerate(columns):
            table[of_column - least, i] = column
        return self._time(least), table

    def _at_steps(self, times: Times, values: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return the steps of the series that values at distinct ascending times belong to, and the value of each."""
        interval = float(np.median(np.diff(times).astype(np.int64))) if len(times) > 1 else np.inf
        is_finer = interval < _FINER * self.step.seconds
        places = steps_at(self.step, times, self.start, averaged=is_finer)
        steps, first, counts = np.unique(places, return_index=True, return_counts=True)
        if is_finer:
            enough = counts >= _OBSERVED * self.step.seconds / interval
            return steps[enough], np.add.reduceat(values, first)[enough] / counts[enough]
        if (counts > 1).any():
            i = int(first[counts > 1][0]) + 1
            length = length_of(str(self.step))
            raise SeriesError(
                f"weather: several rows belong to the same {length}, the second at {short(times[i])}: keep one value "
                f"for each {length}, such as its mean"
            )
        return steps, values

    def _checked(self, begin: np.datetime64, values: Floats, older: list[IssuedWeather], source: str | None) -> Weather:
        """Return the weather without missing values at its ends, if it can be that of the series."""
        known = np.flatnonzero(np.isfinite(values).any(axis=1))
        values = values[known[0] : known[-1] + 1]
        begin = self._time(int(known[0]), begin)
        first = round(float(self._position(begin)))
        if first > len(self.sst):
            end = self._time(len(self.sst) - 1)
            raise SeriesError(
                f"weather: it begins {short(begin)}, after the series ends, {short(end)}: let it begin with the "
                "series, or at the latest one step after its end"
            )
        if first + len(values) <= 0:
            end = self._time(len(values) - 1, begin)
            raise SeriesError(
                f"weather: it ends {short(end)}, before the series begins, {short(self.start)}: check its times"
            )
        older.sort(key=lambda forecast: forecast.issued)
        self._check_range(begin, values)
        for forecast in older:
            self._check_range(self._time(1, forecast.issued), forecast.values)
        self._check_against_water(first, values[:, 0])
        return Weather(begin, values, tuple(older), source)

    def _check_range(self, begin: np.datetime64, values: Floats) -> None:
        air, wind = values.T
        cold, warm = from_celsius([COLDEST_AIR, WARMEST_AIR], self.units)
        if (outside := (air < COLDEST_AIR) | (air > WARMEST_AIR)).any():
            i = int(outside.argmax())
            written, own = float(from_celsius(air[i], self.units)), SYMBOLS[self.units]
            units = self._other_units(float(np.nanmedian(air)), COLDEST_AIR, WARMEST_AIR)
            remedy = (
                self._conversion(units) if units else f"give it in {own}, the units of the series{self.missing_remedy}"
            )
            raise SeriesError(
                f"weather: {AIR} is {written:g} {own} at {short(self._time(i, begin))}, outside the range of air "
                f"temperatures ({cold:g} to {warm:g} {own}); {remedy}"
            )
        if (wind < 0).any():
            raise SeriesError(
                f"weather: {WIND} is negative at {short(self._time(int((wind < 0).argmax()), begin))}: give the "
                f"speed of the wind, which no direction has below 0{self.missing_remedy}"
            )
        strong, mean = wind > STRONGEST_WIND, 0.0
        if np.isfinite(wind).sum() >= _ENOUGH_FOR_MEAN:
            mean = float(np.nanmean(wind))
        if not strong.any() and mean <= _STRONGEST_MEAN:
            return
        others = " or ".join(units for units in WIND_UNITS[::-1] if units != self.wind_units)
        question = f"is it in {others}? {self.wind_remedy}"
        if strong.any():
            i = int(strong.argmax())
            when = short(self._time(i, begin))
            raise SeriesError(
                f"weather: {WIND} is {wind[i]:.4g} m/s at {when}, more than any wind lasts: {question}"
                f"{self.missing_remedy}"
            )
        raise SeriesError(f"weather: {WIND} is {mean:.3g} m/s in the mean, more than at any sea: {question}")

    def _other_units(self, air: float, lowest: float, highest: float) -> Units | None:
        """Return the units in which an air temperature, °C, would be within limits; None if it is, or in none."""
        if lowest <= air <= highest:
            return None
        written = from_celsius(air, self.units)
        return next((units for units in UNITS if lowest < to_celsius(written, units) < highest), None)

    def _conversion(self, units: Units) -> str:
        """Return what to do about air temperatures that are in other units."""
        own, other = SYMBOLS[self.units], SYMBOLS[units]
        if self.has_header:
            return (
                f"the values look like {other}: state it, as in the header `{AIR} ({other})`, or convert them to {own}"
            )
        return f"the values look like {other}: convert them to {own}, the units of the series"

    def _check_against_water(self, first: int, air: Floats) -> None:
        begin, end = max(first, 0), min(first + len(air), len(self.sst))
        if begin >= end:
            return
        both = np.stack([air[begin - first : end - first], self.sst[begin:end]])
        both = both[:, np.isfinite(both).all(axis=0)]
        if not both.size:
            return
        of_air, of_water = both.mean(axis=1).tolist()
        apart, units = abs(of_air - of_water), None
        if apart > _FAR_FROM_WATER:
            units = self._other_units(of_air, of_water - _NEAR_WATER, of_water + _NEAR_WATER)
        if apart > _FURTHEST_FROM_WATER or units is not None:
            symbol = SYMBOLS[self.units]
            written = from_celsius([of_air, of_water], self.units)
            remedy = f"give both in {symbol}, or set the units to those of both"
            raise SeriesError(
                f"weather: {AIR} is {written[0]:.1f} {symbol} in the mean, and the water {written[1]:.1f} {symbol} at "
                f"the same times, which is too far apart: {self._conversion(units) if units else remedy}"
            )
