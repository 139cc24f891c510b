"""The last window of each of many series: what a network forecasts from, with what is to be said about it."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries, fill_gaps, missing_runs
from forecasting.series.timestep import LAST_TIME, Bools, Floats, Times, in_words, short, shorts
from forecasting.wording import counted, too_few


@dataclass(frozen=True)
class Windows:
    """Windows without gaps.

    Attributes:
        row: which of the series each belongs to, ``(n,)``.
        values: °C, ``(n, window)``.
        times: valid times, ``(n, leads)``: as many leads as the farthest needs.
        leads: wanted of each, ``(n,)``.
        warnings: about each.
    """

    row: npt.NDArray[np.intp]
    values: Floats
    times: Times
    leads: npt.NDArray[np.int64]
    warnings: list[tuple[ForecastWarning, ...]]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, usable: Bools) -> "Windows":
        """The windows that are ``usable``, ``(n,)``."""
        warnings = [said for said, use in zip(self.warnings, usable.tolist(), strict=True) if use]
        return Windows(self.row[usable], self.values[usable], self.times[usable], self.leads[usable], warnings)


_NONE: Final = Windows(
    np.empty(0, dtype=np.intp),
    np.empty((0, 0)),
    np.empty((0, 0), dtype="datetime64[s]"),
    np.empty(0, dtype=np.int64),
    [],
)


def last_windows(
    series: SeriesBatch,
    metadata: CheckpointMetadata,
    horizons: npt.NDArray[np.int64],
    model: Callable[[int], str] | None = None,
) -> tuple[Windows, dict[int, SeriesError]]:
    """The last window of each series, short gaps interpolated; and what is wrong with those that have none, by row.

    Args:
        series: at the network's step.
        metadata: of the network that they are for, or of one that is alike.
        horizons: for how many leads each window is wanted, ``(len(series),)``.
        model: that a row is for, where it is not ``metadata``'s.
    """
    size, errors = metadata.window, dict[int, SeriesError]()
    if not len(series):
        return _NONE, errors
    row = np.arange(len(series))
    if series.shortest < size:
        for i in np.flatnonzero(series.lengths < size).tolist():
            errors[i] = _unsuited(series, i, metadata, model(i) if model else metadata.model)
        row = np.flatnonzero(series.lengths >= size)
        if not len(row):
            return _NONE, errors
        series, horizons = series.take(row), horizons[row]
    ahead = series.lengths[:, None] + np.arange(horizons.max())
    times = series.step.shift(series.starts[:, None], ahead)
    windows = Windows(row, series.tails(size), times, horizons, _adjusted(series))
    # A NaN is in every sum with it.
    if math.isnan(windows.values.sum()) or times.max() > LAST_TIME:
        windows, refused = _mend(series, windows, metadata)
        errors |= refused
    return windows, errors


def _adjusted(series: SeriesBatch) -> list[tuple[ForecastWarning, ...]]:
    warnings: list[tuple[ForecastWarning, ...]] = [()] * len(series)
    for k, notes in series.notes.items():
        warnings[k] = tuple([ForecastWarning("adjusted", note) for note in notes])
    return warnings


def _mend(
    series: SeriesBatch, windows: Windows, metadata: CheckpointMetadata
) -> tuple[Windows, dict[int, SeriesError]]:
    """The windows with their gaps filled, but for those that cannot be used: what is wrong with these, by row."""
    size, limit, values = metadata.window, metadata.fill_limit, windows.values.copy()
    gaps = np.isnan(values)
    rows = np.flatnonzero(gaps.any(axis=1))
    if len(rows):
        # A gap that may be filled begins at most so far before the window.
        values[rows] = fill_gaps(series.take(rows).tails(size + limit + 1), limit)[:, -size:]
    usable: Bools = np.logical_not(np.isnan(values).any(axis=1))
    if windows.times.max() > LAST_TIME:
        usable &= windows.times[np.arange(len(windows)), windows.leads - 1] <= LAST_TIME
    errors = {
        int(windows.row[k]): _why_unusable(series[k], values[k], metadata) for k in np.flatnonzero(~usable).tolist()
    }
    for k, said in _say_filled(windows, gaps & usable[:, None], metadata):
        windows.warnings[k] += (said,)
    mended = dataclasses.replace(windows, values=values)
    return mended if not errors else mended.take(usable), errors


def _say_filled(windows: Windows, gaps: Bools, metadata: CheckpointMetadata) -> Iterator[tuple[int, ForecastWarning]]:
    """For each of ``windows`` in which there were ``gaps`` ``(n, window)``: its place, and the warning about them."""
    where, place = np.nonzero(gaps)
    times = shorts(metadata.time_step.shift(windows.times[where, 0], place - metadata.window))
    missing: dict[int, list[str]] = {}
    for k, time in zip(where.tolist(), times, strict=True):
        missing.setdefault(k, []).append(time)
    for k, shown in missing.items():
        listed = ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")
        yield k, ForecastWarning("gap_filled", f"{counted(len(shown), 'missing value')} interpolated: {listed}")


def _unsuited(series: SeriesBatch, row: int, metadata: CheckpointMetadata, model: str) -> SeriesError:
    if row in series.other_steps:
        own, known = in_words(str(series.other_steps[row])), in_words(str(series.step))
        return SeriesError(f"the step is {own}, and {model} forecasts steps of {known}")
    one = series[row]
    if not len(one):
        return SeriesError("the series holds no values")
    if np.isnan(one.values[-1]):
        return _no_last_value(one)
    return SeriesError(f"{too_few(len(one), 'value')}: {model} needs at least {metadata.window}")


def _no_last_value(series: SstSeries) -> SeriesError:
    return SeriesError("the last value is missing: end the series at its last observation", index=len(series) - 1)


def _why_unusable(series: SstSeries, window: Floats, metadata: CheckpointMetadata) -> SeriesError:
    """``window``: the last one, as far as its gaps could be filled."""
    if not np.isnan(window).any():
        return SeriesError("the forecast would reach past the year 9999: look for a wrong time")
    if np.isnan(series.values[-1]):
        return _no_last_value(series)
    offset = len(series) - len(window)
    return _gap(window, series.times[offset:], offset, metadata.fill_limit)


def _gap(window: Floats, times: Times, offset: int, fill_limit: int) -> SeriesError:
    begin, end = missing_runs(window)[0]
    where = f"from {short(times[begin])} to {short(times[end - 1])}"
    if begin == 0 and offset == 0 and end - begin <= fill_limit:
        remedy = "send the value before it too, so that it can be interpolated"
    else:
        remedy = f"gaps of up to {fill_limit} are interpolated"
    return SeriesError(f"missing values {where}: {remedy}", index=offset + int(begin))
