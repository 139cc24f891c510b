"""The last window of each series, from which a network forecasts, and warnings about it."""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.models.metadata import CheckpointMetadata
from forecasting.series.batch import SeriesBatch
from forecasting.series.shape import fill_gaps, missing_runs
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, Bools, Floats, Times, short, shorts
from forecasting.series.timestep import in_words
from forecasting.series.units import outside_sea_range, range_error
from forecasting.wording import counted, too_few


@dataclass(frozen=True)
class Windows:
    """Windows without gaps.

    Attributes:
        row: index of the series of each window, ``(n,)``.
        values: °C, ``(n, window)``.
        times: valid times, ``(n, horizon)``.
        warnings: about each window.
    """

    row: npt.NDArray[np.intp]
    values: Floats
    times: Times
    warnings: list[tuple[ForecastWarning, ...]]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, usable: Bools) -> "Windows":
        """Return the windows that are ``usable``, ``(n,)``."""
        warnings = [warning for warning, keep in zip(self.warnings, usable.tolist(), strict=True) if keep]
        return Windows(self.row[usable], self.values[usable], self.times[usable], warnings)


_NONE: Final = Windows(
    np.empty(0, dtype=np.intp),
    np.empty((0, 0)),
    np.empty((0, 0), dtype="datetime64[s]"),
    [],
)


def last_windows(
    series: SeriesBatch, metadata: CheckpointMetadata, horizon: int
) -> tuple[Windows, dict[int, SeriesError]]:
    """Return the last window of each series, short gaps interpolated, and the errors of series without one, by row."""
    size, errors = metadata.window, dict[int, SeriesError]()
    if not len(series):
        return _NONE, errors
    row = np.arange(len(series))
    if series.shortest < size:
        for i in np.flatnonzero(series.lengths < size).tolist():
            errors[i] = _unsuited(series, i, metadata)
        row = np.flatnonzero(series.lengths >= size)
        if not len(row):
            return _NONE, errors
        series = series.take(row)
    ahead = series.lengths[:, None] + np.arange(horizon)
    times = series.step.shift(series.starts[:, None], ahead)
    windows = Windows(row, series.tails(size), times, _adjusted(series))
    # A sum with a NaN is NaN.
    if math.isnan(windows.values.sum()) or times.max() > LAST_TIME:
        windows, unusable = _fill_windows(series, windows, metadata)
        errors |= unusable
    return windows, errors


def within_sea_range(windows: Windows) -> tuple[Windows, dict[int, SeriesError]]:
    """Return the windows of sea temperatures, and the errors of the others, by row."""
    outside = outside_sea_range(windows.values)
    usable: Bools = np.logical_not(outside.any(axis=1))
    errors: dict[int, SeriesError] = {
        int(windows.row[i]): range_error(windows.values[i], "celsius", lambda at: f"value {at}", "leave it empty")
        for i in np.flatnonzero(~usable).tolist()
    }
    return windows.take(usable) if errors else windows, errors


def _adjusted(series: SeriesBatch) -> list[tuple[ForecastWarning, ...]]:
    warnings: list[tuple[ForecastWarning, ...]] = [()] * len(series)
    for i, notes in series.notes.items():
        warnings[i] = tuple([ForecastWarning("adjusted", note) for note in notes])
    return warnings


def _fill_windows(
    series: SeriesBatch, windows: Windows, metadata: CheckpointMetadata
) -> tuple[Windows, dict[int, SeriesError]]:
    """Return the usable windows with their gaps filled, and the errors of the others, by row."""
    size, limit, values = metadata.window, metadata.fill_limit, windows.values.copy()
    gaps = np.isnan(values)
    rows = np.flatnonzero(gaps.any(axis=1))
    if len(rows):
        # A gap that can be filled begins at most ``limit`` steps before the window.
        values[rows] = fill_gaps(series.take(rows).tails(size + limit + 1), limit)[:, -size:]
    usable: Bools = np.logical_not(np.isnan(values).any(axis=1))
    if windows.times.max() > LAST_TIME:
        usable &= windows.times[:, -1] <= LAST_TIME
    errors = {
        int(windows.row[i]): _why_unusable(series[i], values[i], metadata) for i in np.flatnonzero(~usable).tolist()
    }
    for i, warning in _gap_warnings(windows, gaps & usable[:, None], metadata):
        windows.warnings[i] += (warning,)
    filled = dataclasses.replace(windows, values=values)
    return filled if not errors else filled.take(usable), errors


def _gap_warnings(windows: Windows, gaps: Bools, metadata: CheckpointMetadata) -> Iterator[tuple[int, ForecastWarning]]:
    """Yield the index of each window that had ``gaps`` ``(n, window)``, and the warning about them."""
    rows, columns = np.nonzero(gaps)
    times = shorts(metadata.time_step.shift(windows.times[rows, 0], columns - metadata.window))
    missing: dict[int, list[str]] = {}
    for row, time in zip(rows.tolist(), times, strict=True):
        missing.setdefault(row, []).append(time)
    for row, filled in missing.items():
        shown = ", ".join(filled[:3]) + (", …" if len(filled) > 3 else "")
        yield row, ForecastWarning("gap_filled", f"{counted(len(filled), 'missing value')} interpolated: {shown}")


def _unsuited(series: SeriesBatch, row: int, metadata: CheckpointMetadata) -> SeriesError:
    if row in series.other_steps:
        step, expected = in_words(str(series.other_steps[row])), in_words(str(series.step))
        return SeriesError(f"the step is {step}, but {metadata.model} forecasts steps of {expected}")
    unsuited = series[row]
    if not len(unsuited):
        return SeriesError("the series has no values")
    if np.isnan(unsuited.values[-1]):
        return _no_last_value(unsuited)
    return SeriesError(f"{too_few(len(unsuited), 'value')}: {metadata.model} needs at least {metadata.window}")


def _no_last_value(series: SstSeries) -> SeriesError:
    return SeriesError("the last value is missing: end the series at its last observation", index=len(series) - 1)


def _why_unusable(series: SstSeries, window: Floats, metadata: CheckpointMetadata) -> SeriesError:
    """Explain what is wrong with the last ``window``, whose gaps are filled as far as possible."""
    if not np.isnan(window).any():
        return SeriesError("the forecast would extend past the year 9999: check for a wrong time")
    if np.isnan(series.values[-1]):
        return _no_last_value(series)
    offset = len(series) - len(window)
    return _gap(window, series.times[offset:], offset, metadata.fill_limit)


def _gap(window: Floats, times: Times, offset: int, fill_limit: int) -> SeriesError:
    begin, end = missing_runs(window)[0]
    where = f"from {short(times[begin])} to {short(times[end - 1])}"
    if begin == 0 and offset == 0 and end - begin <= fill_limit:
        remedy = "include the value before the gap, so that it can be interpolated"
    else:
        remedy = f"only gaps of up to {counted(fill_limit, 'value')} are interpolated; fill the gap first"
    return SeriesError(f"missing values {where}: {remedy}", index=offset + int(begin))
