"""Many regular series of one step, stored together, those of a request by step, and those that end in the future."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.doubts import FILLS, fill_values
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SECONDS, Floats, Times, short
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather

Known = TypeVar("Known")

_FEW: Final = 64
"""Series below which the general computation costs less than finding out whether a simpler one is enough."""


@dataclass(frozen=True, eq=False)
class SeriesBatch:
    """Series of one step, with all values in one array.

    The values of each series follow those of the one before, so that series of different lengths waste no memory.

    Attributes:
        values: °C, float64 ``(total,)``; NaN where missing.
        ends: end (exclusive) of each series in ``values``, ``(n,)``.
        starts: time of the first value of each, UTC ``(n,)``.
        notes: what was changed when reading, by series; see :class:`~forecasting.series.sst_series.SstSeries`.
        other_steps: the step of each series at another step, by series; such a series has no values here.
        positions: degrees north and east of each series, ``(n, 2)``, NaN where they are not known; None without any.
        errors: why a series could not be read, by series; such a series has no values here.
        weather: over those series that have any.
    """

    step: TimeStep
    values: Floats
    ends: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    starts: Times
    notes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    other_steps: Mapping[int, TimeStep] = field(default_factory=dict)
    positions: Floats | None = None
    errors: Mapping[int, SeriesError] = field(default_factory=dict)
    weather: Mapping[int, Weather] = field(default_factory=dict)
    shortest: int = field(init=False)
    longest: int = field(init=False)

    def __post_init__(self) -> None:
        if len(self.lengths) < _FEW:
            lengths = self.lengths.tolist()
            shortest, longest = min(lengths, default=0), max(lengths, default=0)
        else:
            shortest, longest = int(self.lengths.min()), int(self.lengths.max())
        object.__setattr__(self, "shortest", shortest)
        object.__setattr__(self, "longest", longest)

    @classmethod
    def of(cls, series: Sequence[SstSeries], step: TimeStep, positions: Floats | None = None) -> "SeriesBatch":
        """Combine any number of ``series`` with their ``positions``; those at another ``step`` contribute no values."""
        other_steps = {i: member.step for i, member in enumerate(series) if member.step != step}
        values = [member.values[:0] if i in other_steps else member.values for i, member in enumerate(series)]
        lengths = [len(member) for member in values]
        return cls(
            step=step,
            values=np.concatenate([np.empty(0), *values]),
            ends=np.asarray([*accumulate(lengths)], dtype=np.int64),
            lengths=np.asarray(lengths, dtype=np.int64),
            starts=np.asarray([member.start for member in series], dtype=SECONDS),
            notes={i: member.notes for i, member in enumerate(series) if member.notes},
            other_steps=other_steps,
            positions=positions,
            weather={i: member.weather for i, member in enumerate(series) if member.weather is not None},
        )

    @classmethod
    def of_rows(cls, values: Floats, starts: Times, step: TimeStep, positions: Floats | None = None) -> "SeriesBatch":
        """Return series of the same length, °C ``(n, steps)``, from their first times ``(n,)`` on."""
        n, steps = values.shape
        lengths = np.full(n, steps, dtype=np.int64)
        return cls(step, values.reshape(-1), np.cumsum(lengths), lengths, starts, positions=positions)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> SstSeries:
        """Return the series at a ``row`` of the batch."""
        begin, end = self.ends[row] - self.lengths[row], self.ends[row]
        values, notes, weather = self.values[begin:end], self.notes.get(row, ()), self.weather.get(row)
        return SstSeries(values, self.starts[row], self.step, notes, weather=weather)

    def take(self, rows: npt.NDArray[np.intp]) -> "SeriesBatch":
        """Return the series at ``rows``, which may repeat, without their errors."""
        positions = None if self.positions is None else self.positions[rows]
        return SeriesBatch(
            step=self.step,
            values=self.values,
            ends=self.ends[rows],
            lengths=self.lengths[rows],
            starts=self.starts[rows],
            notes=_at(self.notes, rows),
            other_steps=_at(self.other_steps, rows),
            positions=positions,
            weather=_at(self.weather, rows),
        )

    def with_errors(self, errors: Mapping[int, SeriesError]) -> "SeriesBatch":
        """Return the batch with ``errors`` of some series beside those it has."""
        return replace(self, errors={**errors, **self.errors}) if errors else self

    def without_fills(self, *, doubtful: bool) -> "tuple[SeriesBatch, dict[int, ForecastWarning]]":
        """Return the batch without values that mark missing ones, and a warning for each series with such values.

        The rule is that of :func:`~forecasting.series.doubts.fill_values`; with ``doubtful``, all of them are left out.
        """
        warnings = dict[int, ForecastWarning]()
        if not np.isin(self.values, FILLS).any():
            return self, warnings
        values = self.values.copy()
        for row in self.usable.tolist():
            member = self[row]
            fills = fill_values(member.values)
            if fills is not None:
                fills = fills._replace(is_certain=fills.is_certain or doubtful)
                warnings[row] = fills.warning(member.times)
                if fills.is_certain:
                    values[self.ends[row] - self.lengths[row] + fills.indices] = np.nan
        return replace(self, values=values), warnings

    @property
    def usable(self) -> npt.NDArray[np.intp]:
        """The rows of the series without an error, ascending."""
        rows = np.arange(len(self))
        return np.delete(rows, [*self.errors]) if self.errors else rows

    def tails(self, count: int) -> Floats:
        """Return the last ``count`` values of each series, °C ``(n, count)``, with NaN before shorter series.

        Each series must have at least one value. The result may be a view of :attr:`values`.
        """
        if count <= self.shortest == self.longest and self._is_table:
            return self.values.reshape(len(self), self.longest)[:, self.longest - count :]
        table = self.values.take(self.ends[:, None] + np.arange(-count, 0), mode="clip")
        if self.shortest < count:
            table[np.arange(count) < (count - self.lengths)[:, None]] = np.nan
        return table

    @property
    def _is_table(self) -> bool:
        """Whether :attr:`values` are those of many series of the same length, in their order, and no others."""
        n, length = len(self), self.longest
        if n < _FEW or len(self.values) != n * length:
            return False
        return bool((self.ends == np.arange(length, n * length + 1, length)).all())


def _at(known: Mapping[int, Known], rows: npt.NDArray[np.intp]) -> dict[int, Known]:
    """Return what is known of the series at ``rows``, by their new rows."""
    return {new: known[old] for new, old in enumerate(rows.tolist()) if old in known} if known else {}


_SHORTER_MONTHS: Final = 5 * DAY
"""How much a few calendar months may be shorter than that many of mean length."""


def future_error(
    series: SstSeries, as_of: int | None = None, remedy: str = ", or send the time that counts as now in as_of"
) -> SeriesError | None:
    """Return the error of a series whose last observation is more than one step, and at least a day, after now.

    Args:
        series: the series with or without observations.
        as_of: the time that counts as now, Unix seconds; None for the clock.
        remedy: what the caller can do besides checking the times.
    """
    observed = np.flatnonzero(np.isfinite(series.values))
    if not len(observed):
        return None
    now = np.datetime64(int(time.time()) if as_of is None else as_of, "s")
    last: np.datetime64 = series.step.shift(np.asarray([series.start]), int(observed[-1]))[0]
    if last <= series.step.shift(np.asarray([now]), 1)[0] or last <= now + np.timedelta64(DAY, "s"):
        return None
    than = "in the future" if as_of is None else f"after {short(now)}, the time in as_of"
    return SeriesError(
        f"the last observation, of {short(last)}, is {than}: check the times{remedy}",
        index=int(observed[-1]),
    )


def refuse_future(series: SstSeries, as_of: np.datetime64 | None) -> None:
    """Raise the :func:`future_error` of a series, if it has one at ``as_of``, in UTC; never without."""
    if as_of is None:
        return
    error = future_error(series, int(as_of.astype(SECONDS).astype(np.int64)))
    if error is not None:
        raise error


def future_errors(series: SeriesBatch, as_of: int | None = None) -> dict[int, SeriesError]:
    """Return the :func:`future_error` of each of ``series`` that has one, by row."""
    now, step = int(time.time()) if as_of is None else as_of, series.step.seconds
    ends = series.starts.view(np.int64) + (series.lengths - 1) * step
    latest = now + max(step, DAY) - (_SHORTER_MONTHS if series.step.calendar_month else 0)
    rows = np.flatnonzero(ends > latest).tolist()
    return {i: error for i in rows if (error := future_error(series[i], as_of)) is not None}


class SeriesByStep(NamedTuple):
    """Series that were read, in batches of one step.

    Attributes:
        batches: the i-th series of a batch is the one at ``rows[i]`` of the request.
        errors: why other series could not be read, by their row in the request.
    """

    batches: Sequence[tuple[npt.NDArray[np.intp], SeriesBatch]]
    errors: Mapping[int, SeriesError]

    @classmethod
    def of(cls, series: Sequence[SstSeries | SeriesError], positions: Floats | None = None) -> "SeriesByStep":
        """Group series, or the errors of some, by their step.

        Args:
            series: in °C.
            positions: degrees north and east of each, ``(n, 2)``, NaN where they are not known; None without any.
        """
        errors = {i: member for i, member in enumerate(series) if isinstance(member, SeriesError)}
        members: dict[TimeStep, list[tuple[int, SstSeries]]] = {}
        for i, member in enumerate(series):
            if isinstance(member, SstSeries):
                members.setdefault(member.step, []).append((i, member))
        batches = []
        for step, group in members.items():
            rows = np.asarray([i for i, _ in group], dtype=np.intp)
            of_batch = None if positions is None else positions[rows]
            batches.append((rows, SeriesBatch.of([member for _, member in group], step, of_batch)))
        return cls(batches, errors)

    @classmethod
    def at_one_step(cls, batch: SeriesBatch, errors: Mapping[int, SeriesError]) -> "SeriesByStep":
        """Return the series of a request that were all read at one step, with the ``errors`` of some."""
        return cls([(np.arange(len(batch)), batch.with_errors(errors))], {})

    def complete(self, positions: Floats, as_of: int | None) -> "SeriesByStep":
        """Return the series with what a forecast needs to know of them.

        Args:
            positions: degrees north and east of each series of the request, ``(n, 2)``; NaN where they are not known.
            as_of: the time that counts as now, Unix seconds; None for the clock. A series that ends after it is an
                error.
        """
        batches = [
            (rows, replace(batch, positions=positions[rows]).with_errors(future_errors(batch, as_of)))
            for rows, batch in self.batches
        ]
        return self._replace(batches=batches)

    def each(self) -> list[SstSeries | SeriesError]:
        """Return each series, or its error, in the order of the request."""
        found: dict[int, SstSeries | SeriesError] = dict(self.errors)
        for rows, batch in self.batches:
            found |= {row: batch.errors[i] if i in batch.errors else batch[i] for i, row in enumerate(rows.tolist())}
        return [found[row] for row in range(len(found))]
