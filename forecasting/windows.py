"""The last window of each of many series: what a network forecasts from, with what is to be said about it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast import ForecastWarning
from forecasting.metadata import CheckpointMetadata
from forecasting.series import SstSeries, end_aligned, fill_gaps, missing_runs
from forecasting.timestep import LAST_TIME, Floats, Times, short, shorts


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


_NONE: Final = Windows(
    np.empty(0, dtype=np.intp),
    np.empty((0, 0)),
    np.empty((0, 0), dtype="datetime64[s]"),
    np.empty(0, dtype=np.int64),
    [],
)


def last_windows(
    series: Sequence[SstSeries],
    metadata: CheckpointMetadata,
    horizons: npt.NDArray[np.int64],
    model: Callable[[int], str] | None = None,
) -> tuple[Windows, dict[int, SeriesError]]:
    """The last window of each series, short gaps interpolated; and what is wrong with those that have none, by row.

    Args:
        series: regular ones.
        metadata: of the network that they are for, or of one that is alike.
        horizons: for how many leads each window is wanted, ``(len(series),)``.
        model: that a row is for, where it is not ``metadata``'s.
    """
    step, size = metadata.time_step, metadata.window
    rows = [i for i, one in enumerate(series) if len(one.values) >= size and (one.step is step or one.step == step)]
    errors = {}
    if len(rows) < len(series):
        unsuited = sorted(set(range(len(series))).difference(rows))
        errors = {i: _unsuited(series[i], metadata, model(i) if model else metadata.model) for i in unsuited}
    if not rows:
        return _NONE, errors
    kept = [series[i] for i in rows]
    values = np.concatenate([one.values[-size:] for one in kept]).reshape(len(rows), size)
    leads = horizons[rows]
    ahead = np.add.outer([len(one.values) for one in kept], np.arange(leads.max()))
    times = step.shift(np.asarray([one.start for one in kept], dtype="datetime64[s]")[:, None], ahead)
    windows = Windows(np.asarray(rows), values, times, leads, [_adjusted(one) for one in kept])
    # A NaN is in every sum with it.
    if math.isnan(values.sum()) or times.max() > LAST_TIME:
        doubtful = np.isnan(values).any(axis=1) | (times[:, -1] > LAST_TIME)
        windows, refused = _mend(kept, windows, doubtful, metadata)
        errors |= refused
    return windows, errors


def _adjusted(series: SstSeries) -> tuple[ForecastWarning, ...]:
    return tuple([ForecastWarning("adjusted", note) for note in series.notes]) if series.notes else ()


def _mend(
    series: Sequence[SstSeries], windows: Windows, doubtful: npt.NDArray[np.bool_], metadata: CheckpointMetadata
) -> tuple[Windows, dict[int, SeriesError]]:
    """The windows with their gaps filled, but for those that cannot be used: what is wrong with these, by row."""
    rows = np.flatnonzero(doubtful)
    # A gap that may be filled begins at most so far before the window.
    tails = end_aligned([series[k].values[-metadata.window - metadata.fill_limit - 1 :] for k in rows.tolist()])
    values, warnings = windows.values.copy(), list(windows.warnings)
    values[rows] = fill_gaps(tails, metadata.fill_limit)[:, -metadata.window :]
    usable = np.ones(len(windows), dtype=np.bool_)
    late = windows.times[rows, windows.leads[rows] - 1] > LAST_TIME
    usable[rows] = ~late & ~np.isnan(values[rows]).any(axis=1)
    errors = {
        int(windows.row[k]): _why_unusable(series[k], values[k], metadata) for k in np.flatnonzero(~usable).tolist()
    }
    for k, said in _say_filled(windows, usable, metadata):
        warnings[k] += (said,)
    kept = [said for said, use in zip(warnings, usable.tolist(), strict=True) if use]
    return Windows(windows.row[usable], values[usable], windows.times[usable], windows.leads[usable], kept), errors


def _say_filled(
    windows: Windows, usable: npt.NDArray[np.bool_], metadata: CheckpointMetadata
) -> Iterator[tuple[int, ForecastWarning]]:
    """For each usable one of ``windows``, as they were before, that had gaps: its place, and the warning about them."""
    where, place = np.nonzero(np.isnan(windows.values) & usable[:, None])
    times = shorts(metadata.time_step.shift(windows.times[where, 0], place - metadata.window))
    for k, missing in groupby(zip(where.tolist(), times, strict=True), key=itemgetter(0)):
        shown = [time for _, time in missing]
        noun = "value" if len(shown) == 1 else "values"
        listed = ", ".join(shown[:3]) + (", …" if len(shown) > 3 else "")
        yield k, ForecastWarning("gap_filled", f"{len(shown)} missing {noun} interpolated: {listed}")


def _unsuited(series: SstSeries, metadata: CheckpointMetadata, model: str) -> SeriesError:
    if series.step != metadata.time_step:
        wanted = f"{model} forecasts steps of {metadata.time_step}"
        return SeriesError(f"the step is {series.step}, and {wanted}")
    if not len(series):
        return SeriesError("the series holds no values")
    if np.isnan(series.values[-1]):
        return _no_last_value(series)
    return SeriesError(f"{len(series)} values are too few: {model} needs at least {metadata.window}")


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
