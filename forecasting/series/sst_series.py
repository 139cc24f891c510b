"""What a valid SST series is: °C on a regular grid of times in UTC, NaN where a value is missing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import RangeError, SeriesError
from forecasting.series.timestep import (
    YEAR,
    Bools,
    Floats,
    Times,
    TimeStep,
    anchor,
    choose_clock,
    grid_positions,
    in_words,
    infer_step,
    month_of,
    short,
)
from forecasting.wording import counted

Units = Literal["celsius", "kelvin", "fahrenheit"]
UNITS: Final[tuple[Units, ...]] = get_args(Units)

SEA_RANGE: Final = (-3.0, 45.0)
"""°C. Sea water freezes at −1.9 and shallow tropical bays stay under 40; the rest is margin for sensors."""

MAX_STEPS: Final = 10_000_000
"""Steps that a grid may span: past it, one wrong time is likelier than so long a series."""


_MAX_EMPTY_STEPS: Final = 1_000
_MAX_STEPS_A_VALUE: Final = 100
"""Steps that a grid may span without any value, and for each: two times must not ask for the memory of thousands."""

_SEASON_MONTHS: Final = 3
_SEASON_YEARS: Final = 3
"""Calendar months, and years of each, that say what is usual in that part of the year."""

_SYMBOLS: Final[dict[Units, str]] = {"celsius": "°C", "kelvin": "kelvin", "fahrenheit": "°F"}


def to_celsius(values: npt.ArrayLike, units: Units) -> Floats:
    """Temperatures on ``units``' scale as °C."""
    array = np.asarray(values, dtype=np.float64)
    if units == "kelvin":
        return array - 273.15
    return (array - 32.0) / 1.8 if units == "fahrenheit" else array


def from_celsius(values: npt.ArrayLike, units: Units) -> Floats:
    """°C as temperatures on ``units``' scale."""
    array = np.asarray(values, dtype=np.float64)
    if units == "kelvin":
        return array + 273.15
    return array * 1.8 + 32.0 if units == "fahrenheit" else array


def _position(index: int) -> str:
    return f"value {index}"


@dataclass(frozen=True, eq=False)
class SstSeries:
    """A regular series of sea-surface temperature.

    Attributes:
        values: °C, float64 ``(n,)``; NaN where missing.
        start: time of the first value, UTC.
        step: what lies between two values.
        notes: what was changed on the way in, a sentence each; missing values aside.
    """

    values: Floats
    start: np.datetime64
    step: TimeStep
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.values)

    @property
    def times(self) -> Times:
        """The time of each value."""
        return self.step.range(self.start, len(self))

    @property
    def observed_years(self) -> float:
        """Julian years' worth of observed values: gaps do not count."""
        return int(np.isfinite(self.values).sum()) * self.step.seconds / YEAR

    @property
    def observed_months(self) -> tuple[int, ...]:
        """Calendar months, 1 to 12, of which any value was observed."""
        observed = self.times[np.isfinite(self.values)]
        return tuple(map(int, np.unique(month_of(observed) + 1)))

    @property
    def holds_every_season(self) -> bool:
        """Whether there is a value of every calendar month, and close to a year of them in all."""
        return len(self.observed_months) == 12 and self.observed_years >= 0.9

    @property
    def repeats_its_seasons(self) -> bool:
        """Whether a season or more was observed, and each of its calendar months in three years."""
        months = np.unique(self.times[np.isfinite(self.values)].astype("datetime64[M]").astype(np.int64)) % 12
        _, years = np.unique(months, return_counts=True)
        return len(years) >= _SEASON_MONTHS and bool(years.min() >= _SEASON_YEARS)

    @property
    def seasonal_years(self) -> float:
        """How many years say what is usual: the observed ones, where one at least is, and every season among them.

        Of a series without some seasons, the years in which the others were seen, where those are three; otherwise 0.
        """
        if self.holds_every_season:
            return self.observed_years if self.observed_years >= 1 else 0.0
        return self.observed_years * 12 / len(self.observed_months) if self.repeats_its_seasons else 0.0

    def part(self, begin: int, end: int) -> "SstSeries":
        """The values from position ``begin`` up to ``end``, as a series of their own."""
        return SstSeries(self.values[begin:end], self.times[begin], self.step)

    def until_last_observation(self) -> "SstSeries":
        """The series without missing values at its end."""
        observed = np.flatnonzero(np.isfinite(self.values))
        return SstSeries(self.values[: observed[-1] + 1], self.start, self.step, self.notes)

    def describe(self) -> tuple[str, ...]:
        """The notes, and a sentence on the missing values where there are any."""
        runs = missing_runs(self.values)
        if not len(runs):
            return self.notes
        lengths = runs[:, 1] - runs[:, 0]
        longest = short(self.times[runs[lengths.argmax(), 0]])
        count = f"{lengths.sum()} of {len(self)} values are missing, in {counted(len(runs), 'gap')}"
        return (*self.notes, f"{count}; the longest, of {lengths.max()}, begins {longest}")

    def to_pandas(self) -> "pd.Series[float]":
        """The values with their times (UTC) as index."""
        index = pd.DatetimeIndex(self.times, name="time").tz_localize("UTC")
        return pd.Series(self.values, index=index, name="sst")

    @classmethod
    def from_pandas(
        cls, series: "pd.Series[float]", *, units: Units = "celsius", step: TimeStep | None = None
    ) -> "SstSeries":
        """A series from a pandas Series whose index holds times (UTC where without a zone), or monthly periods.

        Raises:
            SeriesError: if the index holds no times, or the values make no valid series.
        """
        index = series.index
        if isinstance(index, pd.PeriodIndex):
            index = index.to_timestamp()
        if not isinstance(index, pd.DatetimeIndex):
            raise SeriesError("the index of the Series must hold times: set it with pandas.to_datetime")
        times = index.to_numpy() if index.tz is None else index.tz_convert("UTC").tz_localize(None).to_numpy()
        local = index.tz_localize(None).to_numpy()
        clock = choose_clock(times.astype("datetime64[s]"), local.astype("datetime64[s]"))
        try:
            values = np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SeriesError(f"the values of the Series must be numbers: {error}") from None
        return cls.from_observations(clock, values, units=units, step=step)

    @classmethod
    def from_observations(
        cls,
        times: Times,
        values: Floats,
        *,
        units: Units = "celsius",
        step: TimeStep | None = None,
        place: Callable[[int], str] = _position,
    ) -> "SstSeries":
        """Put observations on a regular grid.

        Unsorted times are sorted; a repeated time keeps its first value; a time that is absent becomes a missing
        value. Sorting and repeats leave a note.

        Args:
            times: of the observations, UTC, ``(n,)``, in any order.
            values: in ``units``, ``(n,)``, NaN where missing.
            units: of the values.
            step: of the grid; told from the times where None.
            place: says in words where the i-th observation stands in the caller's input.

        Raises:
            SeriesError: if a value is no sea temperature, the times are not regular, or nothing is observed.
        """
        values = sea_temperatures(values, units, place)
        if np.isnat(times).any():
            i = int(np.isnat(times).argmax())
            raise SeriesError(f"{place(i)} has no time", index=i)
        if not len(times):
            raise SeriesError("the series holds no values")
        if not np.isfinite(values).any():
            raise SeriesError("every value of the series is missing")
        if step is not None and (times == step.range(times[0], len(times))).all():
            return cls(values, times[0], step)
        order, notes = in_order(times, place)
        times, values = times[order], values[order]

        def original(i: int) -> str:
            return place(int(order[i]))

        step = step or infer_step(times, original)
        start = anchor(times, step)
        positions = grid_positions(times, start, step, original)
        positions -= positions[0]
        if positions[-1] >= most_steps(len(times)):
            raise SeriesError(
                f"from {short(times[0])} to {short(times[-1])} there are {positions[-1]:,} steps of "
                f"{in_words(str(step))}, and only {len(times)} values: look for a wrong time at either end"
            )
        grid = np.full(positions[-1] + 1, np.nan)
        grid[positions] = values
        return cls(grid, start, step, notes)


def most_steps(n: int) -> int:
    """Steps that the grid of ``n`` observations may span."""
    return min(MAX_STEPS, _MAX_EMPTY_STEPS + _MAX_STEPS_A_VALUE * n)


def in_order(times: Times, place: Callable[[int], str]) -> tuple[npt.NDArray[np.intp], tuple[str, ...]]:
    """Positions that sort ``times`` and keep the first of each, and what to say where that changes anything.

    Raises:
        SeriesError: if over a hundredth of the times are repeated.
    """
    order = np.argsort(times, kind="stable")
    notes = () if (order[:-1] < order[1:]).all() else ("the times were not in order and have been sorted",)
    repeated = np.concatenate(([False], np.diff(times[order]).astype(np.int64) == 0))
    if not repeated.any():
        return order, notes
    return order[~repeated], (*notes, _describe_repeats(times[order], order, repeated, place))


def sea_temperatures(
    values: Floats, units: Units, place: Callable[[int], str], absent: str = "leave it empty or name it as missing"
) -> Floats:
    """Temperatures in ``units`` as °C, each one that a sea can have, or NaN.

    ``place`` says in words where the i-th value stands in the caller's input, ``absent`` what to do there with a number
    that stands for a missing value.

    Raises:
        RangeError: naming the first value that is none, with the likely remedy.
    """
    celsius = to_celsius(values, units)
    low, high = SEA_RANGE
    if len(celsius) and np.fmin.reduce(celsius) >= low and np.fmax.reduce(celsius) <= high:
        return celsius
    wrong = ~np.isnan(celsius) & ~((celsius >= low) & (celsius <= high))
    if not wrong.any():
        return celsius
    i = int(wrong.argmax())
    least, most = from_celsius(SEA_RANGE, units)
    remedy, option = _remedy(values, wrong, units, absent)
    raise RangeError(
        f"{place(i)} is {values[i]:g} {_SYMBOLS[units]}, which no sea has ({least:g} to {most:g}); {remedy}",
        index=i,
        option=option,
    )


def _remedy(values: Floats, wrong: Bools, units: Units, absent: str) -> tuple[str, str | None]:
    """What to do about values out of range: in words, and as an option."""
    median = float(np.nanmedian(values))
    typical: dict[Units, tuple[float, float]] = {"celsius": (-3, 45), "kelvin": (268, 320), "fahrenheit": (30, 110)}
    for other, (least, most) in typical.items():
        if other != units and wrong.mean() > 0.5 and least <= median <= most:
            return f"the values look like {_SYMBOLS[other]}: give their units as {other}", f"--units {other}"
    if wrong.mean() > 0.5:
        return f"check that these are sea temperatures in {_SYMBOLS[units]}", None
    low = values[values < SEA_RANGE[0]]
    if units == "celsius" and abs(median) < 3 and len(np.unique(low)) > 1 and low.min() > -20:
        return "check that these are sea temperatures, and no differences from what is usual", None
    sentinel = f"--missing {float(values[wrong][0])!r}".removesuffix(".0")
    fitting = _fitting(values, wrong, units)
    if fitting is None:
        return f"if it stands for a missing value, {absent}", sentinel
    said = (
        f"if the values are in {_SYMBOLS[fitting]}, give their units as {fitting}; if it stands for a missing value, "
    )
    return f"{said}{absent}", f"--units {fitting} or {sentinel}"


def _fitting(values: Floats, wrong: Bools, units: Units) -> Units | None:
    """Other units in which every value is a sea's; a number that stands for a missing value is the same each time."""
    if len(np.unique(values[wrong])) < 2:
        return None
    low, high = SEA_RANGE
    for other in UNITS:
        celsius = to_celsius(values[np.isfinite(values)], other)
        if other != units and celsius.min() >= low and celsius.max() <= high:
            return other
    return None


def _describe_repeats(
    times: Times, order: npt.NDArray[np.intp], repeated: npt.NDArray[np.bool_], place: Callable[[int], str]
) -> str:
    count, first = int(repeated.sum()), int(repeated.argmax())
    where = f"{place(int(order[first]))} ({short(times[first])})"
    if count > 1 and count > 0.01 * len(times):
        raise SeriesError(
            f"{count} of {len(times)} times are repeated, the first at {where}: "
            "does the input hold several stations or depths? Keep one",
            index=int(order[first]),
        )
    return f"{counted(count, 'repeated time')}, the first value of each kept: {where}"


def missing_runs(values: Floats) -> npt.NDArray[np.intp]:
    """Begin and end (exclusive) of each run of NaN: ``(runs, 2)``."""
    edges = np.diff(np.concatenate(([0], np.isnan(values).astype(np.int8), [0])))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def fill_gaps(values: Floats, limit: int) -> Floats:
    """Interpolate linearly across gaps of up to ``limit`` values that have a value on either side.

    A gap at the start or end, and a longer one, stays. A window that ends in an observed value is thereby filled from
    its own past alone. Series ``(n,)``, or many at once ``(…, n)``.
    """
    filled = values.copy()
    missing, length = np.flatnonzero(np.isnan(values)), values.shape[-1]
    if not len(missing):
        return filled
    # Gaps as they lie in memory, each ending with its series at the latest: which one each missing value is in.
    gap = np.zeros(len(missing), dtype=np.int64)
    np.cumsum((missing[1:] - missing[:-1] > 1) | (missing[1:] % length == 0), out=gap[1:])
    lengths = np.bincount(gap)
    before = missing[lengths.cumsum() - lengths] - 1
    after = before + lengths + 1
    fillable = (lengths <= limit) & ((before + 1) % length > 0) & (after % length > 0)
    flat = filled.reshape(-1)
    first = np.where(fillable, flat.take(before, mode="clip"), np.nan)
    slope = (flat.take(after, mode="clip") - first) / (lengths + 1)
    flat[missing] = slope[gap] * (missing - before[gap]) + first[gap]
    return filled
