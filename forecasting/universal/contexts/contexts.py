"""Contexts: the values that forecasts of many series start from, right-aligned in one array."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.doubts import flat_end, may_end_flat, step_warnings
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats, Times, shorts
from forecasting.series.timestep import TimeStep
from forecasting.series.units import ICE_CELSIUS, outside_sea_range, to_celsius
from forecasting.universal.contexts.lateness import late_warning
from forecasting.universal.contexts.position_check import Agreement, compare_with_climatology
from forecasting.universal.contexts.refusals import (
    constant_error,
    other_step_error,
    outside_error,
    too_late_error,
    too_short_error,
)
from forecasting.universal.network.forecaster import Coefficients
from forecasting.universal.network.metadata import UniversalMetadata
from forecasting.wording import counted

_MONTHS_WITHOUT_POSITION: Final = 24
"""Monthly values needed where no climatology tells the season."""

_LENGTH_RATIO: Final = 1.2
"""Series of one group differ in length by no more than this factor, so that little is padded."""

_SHOWN_GAPS: Final = 3

Indices = npt.NDArray[np.int64]
Failures = dict[int, SeriesError]


@dataclass(frozen=True, eq=False)
class Contexts:
    """Series of similar length and one step, each of which ends in an observed value.

    Attributes:
        step: of all series.
        row: index of each in the request, ``(n,)``.
        values: °C, ``(n, steps)``; NaN where missing and before shorter series.
        last_time: of the last value, UTC ``(n,)``.
        missing_after: steps between the last value and the end of the series, ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``; NaN where it is not known or disagrees with the values.
        warnings: for each series, by index in the request.
    """

    step: TimeStep
    row: Indices
    values: Floats
    last_time: Times
    missing_after: Indices
    coefficients: Coefficients
    warnings: dict[int, tuple[ForecastWarning, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, places: "Indices | slice") -> "Contexts":
        """Return the contexts at ``places``, without steps before all of them."""
        selected = self.take_whole(places)
        first = int(np.isfinite(selected.values).any(axis=0).argmax())
        return replace(selected, values=selected.values[:, first:])

    def take_whole(self, places: "Indices | slice") -> "Contexts":
        """Return the contexts at ``places`` with all steps."""
        return Contexts(
            self.step,
            self.row[places],
            self.values[places],
            self.last_time[places],
            self.missing_after[places],
            self.coefficients[places],
            self.warnings,
        )

    def chunks(self, size: int) -> Iterator["Contexts"]:
        """Yield groups of at most ``size`` contexts of similar length."""
        lengths = self.values.shape[1] - np.isfinite(self.values).argmax(axis=1)
        groups = np.ceil(np.log(lengths) / np.log(_LENGTH_RATIO)).astype(np.int64)
        for group in np.unique(groups).tolist():
            places = np.flatnonzero(groups == group)
            for begin in range(0, len(places), size):
                yield self.take(places[begin : begin + size])


def read_contexts(
    series: Sequence[SstSeries], coefficients: Coefficients, horizon: int, metadata: UniversalMetadata, longest: int
) -> tuple[list[Contexts], Failures]:
    """Check ``series`` and combine those of equal length.

    Args:
        series: to forecast.
        coefficients: climatology of each, °C, ``(n, 7)``; NaN where it is not known.
        horizon: number of steps after the end of each series.
        metadata: of the networks.
        longest: number of values, at the end of a series, that are used.

    Returns:
        The contexts, and the error of each series that cannot be forecast from, by index.
    """
    failures: Failures = {}
    rows_by_length: dict[int, list[int]] = defaultdict(list)
    step = metadata.time_step
    for i, member in enumerate(series):
        if member.step != step:
            failures[i] = other_step_error(member.step, metadata)
        else:
            rows_by_length[len(member.values)].append(i)
    groups = []
    for length, rows in rows_by_length.items():
        row = np.asarray(rows, dtype=np.int64)
        values = np.stack([series[i].values for i in rows]) if length else np.empty((len(rows), 0))
        starts = np.asarray([series[i].start for i in rows], dtype="datetime64[s]")
        group = _Group(step, row, values, starts, coefficients[row])
        contexts = group.contexts(horizon, metadata, longest, failures)
        _warn_of_gaps(contexts, metadata.maximum)
        _warn_of_steps(contexts)
        groups.append(contexts)
    return [group for group in groups if len(group)], failures


def contexts_of_rows(
    values: Floats,
    start: np.datetime64,
    step: TimeStep,
    coefficients: Coefficients,
    horizon: int,
    metadata: UniversalMetadata,
) -> tuple[Contexts, Failures]:
    """Check many series that share their times, such as the cells of a grid.

    There are no warnings of gaps, which would take longer than the rest; see :func:`gaps_within`.

    Args:
        values: °C, ``(n, steps)``; NaN where missing.
        start: time of the first step.
        step: of the series and of the networks.
        coefficients: climatology of each, °C, ``(n, 7)``; NaN where it is not known.
        horizon: number of steps after the end of each series.
        metadata: of the networks.

    Returns:
        The contexts, and the error of each series that cannot be forecast from, by row.
    """
    failures: Failures = {}
    group = _Group(step, np.arange(len(values)), values, np.full(len(values), start), coefficients)
    return group.contexts(horizon, metadata, metadata.maximum, failures), failures


@dataclass(frozen=True, eq=False)
class _Group:
    """Series of equal length: index in the request, values °C ``(n, length)``, first times, and climatologies."""

    step: TimeStep
    row: Indices
    values: Floats
    starts: Times
    coefficients: Coefficients

    def contexts(self, horizon: int, metadata: UniversalMetadata, longest: int, failures: Failures) -> Contexts:
        """Return the contexts of the series that can be forecast from; add the errors of the others."""
        observed = np.isfinite(self.values)
        last = self.values.shape[1] - 1 - observed[:, ::-1].argmax(axis=1) if self.values.shape[1] else self.row * 0
        fit = np.ones(len(self.row), dtype=np.bool_)
        self._refuse(
            ~observed.any(axis=1), fit, failures, lambda i: SeriesError("every value of the series is missing")
        )
        outside = outside_sea_range(self.values).any(axis=1)
        self._refuse(outside, fit, failures, lambda i: outside_error(self.values[i]))
        missing_after = self.values.shape[1] - 1 - last
        too_late = missing_after + horizon > metadata.horizon
        self._refuse(too_late, fit, failures, lambda i: too_late_error(int(missing_after[i]), horizon, metadata))
        contexts = self._aligned(np.flatnonzero(fit), last, longest)
        contexts = _with_agreeing_climatology(contexts)
        _warn_of_flat_ends(contexts)
        return _without_short_or_constant(_with_late(contexts), metadata, failures)

    def _refuse(
        self, wrong: npt.ArrayLike, fit: Bools, failures: Failures, error: Callable[[int], SeriesError]
    ) -> None:
        for i in np.flatnonzero(np.asarray(wrong) & fit).tolist():
            failures[int(self.row[i])] = error(i)
            fit[i] = False

    def _aligned(self, places: Indices, last: Indices, longest: int) -> Contexts:
        """Return the contexts at ``places``, moved so that their last observed values share a column."""
        if len(places) == len(self.row) and (last == self.values.shape[1] - 1).all():
            values = self.values[:, -longest:]
        else:
            columns = last[places, None] + np.arange(1 - min(longest, self.values.shape[1]), 1)
            values = np.take_along_axis(self.values[places], np.maximum(columns, 0), axis=1)
            values[columns < 0] = np.nan
        return Contexts(
            self.step,
            self.row[places],
            values,
            self.step.shift(self.starts[places], last[places]),
            self.values.shape[1] - 1 - last[places],
            self.coefficients[places],
        )


def _with_agreeing_climatology(contexts: Contexts) -> Contexts:
    known = np.flatnonzero(np.isfinite(contexts.coefficients[:, 0]))
    if not len(known):
        return contexts
    agreement = _agreements(contexts, known, contexts.values[known])
    doubtful = np.flatnonzero(agreement != Agreement.AGREES)
    coefficients = contexts.coefficients
    if len(doubtful):
        coefficients = coefficients.copy()
        in_fahrenheit = _suiting_fahrenheit(contexts, known[doubtful])
    for place in doubtful.tolist():
        i = int(known[place])
        ignored = agreement[place] == Agreement.IGNORED
        if ignored:
            coefficients[i] = np.nan
        _warn(contexts, i, _doubtful_position(ignored, i in in_fahrenheit))
    return Contexts(
        contexts.step,
        contexts.row,
        contexts.values,
        contexts.last_time,
        contexts.missing_after,
        coefficients,
        contexts.warnings,
    )


def _agreements(contexts: Contexts, rows: Indices, values: Floats) -> Indices:
    """Return how the ``values`` of the contexts at ``rows`` agree with their climatologies."""
    return compare_with_climatology(values, contexts.last_time[rows], contexts.coefficients[rows], contexts.step)


def _suiting_fahrenheit(contexts: Contexts, rows: Indices) -> set[int]:
    """Return which of ``rows`` would agree with their climatologies if their values were in °F."""
    celsius = to_celsius(contexts.values[rows], "fahrenheit")
    possible = ~outside_sea_range(celsius).any(axis=1)
    if not possible.any():
        return set()
    agreement = _agreements(contexts, rows[possible], celsius[possible])
    return set(rows[possible][agreement == Agreement.AGREES].tolist())


def _warn_of_flat_ends(contexts: Contexts) -> None:
    length = contexts.values.shape[1]
    for i in may_end_flat(contexts.values).tolist():
        line = flat_end(contexts.values[i])
        if line is not None:
            _warn(contexts, i, line.warning(contexts.step.shift(contexts.last_time[i], np.arange(1 - length, 1))))


def _with_late(contexts: Contexts) -> Contexts:
    for i in np.flatnonzero(contexts.missing_after).tolist():
        _warn(contexts, i, late_warning(contexts.last_time[i], int(contexts.missing_after[i]), contexts.step))
    return contexts


def _without_short_or_constant(contexts: Contexts, metadata: UniversalMetadata, failures: Failures) -> Contexts:
    if not len(contexts):
        return contexts
    recent = contexts.values[:, -metadata.maximum :]
    count = np.isfinite(recent).sum(axis=1)
    needed = np.full(len(contexts), metadata.minimum)
    if contexts.step.calendar_month:
        needed[np.isnan(contexts.coefficients[:, 0])] = max(metadata.minimum, _MONTHS_WITHOUT_POSITION)
    short_of = count < needed
    warmest = np.nanmax(recent, axis=1)
    constant = ~short_of & (warmest == np.nanmin(recent, axis=1)) & (warmest > ICE_CELSIUS)
    for i in np.flatnonzero(short_of).tolist():
        failures[int(contexts.row[i])] = too_short_error(int(count[i]), int(needed[i]), recent.shape[1], metadata)
    for i in np.flatnonzero(constant).tolist():
        failures[int(contexts.row[i])] = constant_error(int(count[i]), float(recent[i, -1]))
    fit = ~(short_of | constant)
    return contexts if fit.all() else contexts.take(np.flatnonzero(fit)) if fit.any() else contexts.take(slice(0))


def gaps_within(contexts: Contexts, maximum: int) -> Bools:
    """Return which of the last ``maximum`` values are missing after an observed one, ``(n, steps)``."""
    missing = np.isnan(contexts.values[:, -maximum:])
    gaps: Bools = missing & np.maximum.accumulate(~missing, axis=1)
    return gaps


def _warn_of_gaps(contexts: Contexts, maximum: int) -> None:
    """Warn of missing values between the observed ones of the part that networks see."""
    gaps = gaps_within(contexts, maximum)
    for i in np.flatnonzero(gaps.any(axis=1)).tolist():
        places = np.flatnonzero(gaps[i])
        times = shorts(contexts.step.shift(contexts.last_time[i], places[:_SHOWN_GAPS] - gaps.shape[1] + 1))
        shown = ", ".join(times) + (", …" if len(places) > _SHOWN_GAPS else "")
        _warn(contexts, i, ForecastWarning("gap_filled", f"{counted(len(places), 'missing value')} bridged: {shown}"))


def _warn_of_steps(contexts: Contexts) -> None:
    for i, warning in step_warnings(contexts.values, contexts.step).items():
        _warn(contexts, i, warning)


def _warn(contexts: Contexts, place: int, warning: ForecastWarning) -> None:
    row = int(contexts.row[place])
    contexts.warnings[row] = (*contexts.warnings.get(row, ()), warning)


def _doubtful_position(ignored: bool, in_fahrenheit: bool) -> ForecastWarning:
    sentence = "the values disagree with the usual temperatures of this position"
    if in_fahrenheit:
        sentence += ", but would agree if they were in °F: check the units"
    else:
        sentence += ": check latitude and longitude, and the step"
    if ignored:
        return ForecastWarning("no_climatology", f"{sentence}; the forecast ignores the position")
    return ForecastWarning(
        "doubtful_position", f"{sentence}; the series is too short to be sure, so the forecast uses the position"
    )
