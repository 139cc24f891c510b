"""The last window of each of many series: what a network forecasts from, with what is to be said about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecast import ForecastWarning
from forecasting.metadata import CheckpointMetadata
from forecasting.series import SstSeries, fill_gaps, missing_runs
from forecasting.timestep import Floats, Times, short

_LAST_TIME: Final = np.datetime64("9999-12-31T23:59:59", "s")


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
    series: Sequence[SstSeries], metadata: CheckpointMetadata, horizons: npt.NDArray[np.int64]
) -> tuple[Windows, dict[int, SeriesError]]:
    """The last window of each series, short gaps interpolated; and what is wrong with those that have none, by row.

    Each window is wanted for as many leads as ``horizons`` ``(len(series),)`` says.
    """
    step, size = metadata.time_step, metadata.window
    rows = [i for i, one in enumerate(series) if len(one.values) >= size and (one.step is step or one.step == step)]
    errors = {}
    if len(rows) < len(series):
        errors = {i: _unsuited(series[i], metadata) for i in set(range(len(series))).difference(rows)}
    if not rows:
        return _NONE, errors
    kept = [series[i] for i in rows]
    values = np.concatenate([one.values[-size:] for one in kept]).reshape(len(rows), size)
    leads = horizons[rows]
    ahead = np.add.outer([len(one.values) for one in kept], np.arange(leads.max()))
    times = step.shift(np.asarray([one.start for one in kept], dtype="datetime64[s]")[:, None], ahead)
    windows = Windows(np.asarray(rows), values, times, leads, [_adjusted(one) for one in kept])
    doubtful = np.isnan(values.min(axis=1)) | (times[:, -1] > _LAST_TIME)
    if doubtful.any():
        windows, refused = _mend(kept, windows, doubtful, metadata)
        errors |= refused
    return windows, errors


def _adjusted(series: SstSeries) -> tuple[ForecastWarning, ...]:
    return tuple([ForecastWarning("adjusted", note) for note in series.notes]) if series.notes else ()


def _mend(
    series: Sequence[SstSeries], windows: Windows, doubtful: npt.NDArray[np.bool_], metadata: CheckpointMetadata
) -> tuple[Windows, dict[int, SeriesError]]:
    """The windows with their gaps filled, but for those that cannot be used: what is wrong with these, by row."""
    values, warnings = windows.values.copy(), list(windows.warnings)
    usable = np.ones(len(windows), dtype=np.bool_)
    errors = {}
    for k in np.flatnonzero(doubtful).tolist():
        try:
            if windows.times[k, windows.leads[k] - 1] > _LAST_TIME:
                raise SeriesError("the forecast would reach past the year 9999: look for a wrong time")
            if np.isnan(values[k]).any():
                values[k], said = _fill(series[k], metadata)
                warnings[k] += (said,)
        except SeriesError as error:
            usable[k] = False
            errors[int(windows.row[k])] = error
    kept = [said for said, use in zip(warnings, usable, strict=True) if use]
    return Windows(windows.row[usable], values[usable], windows.times[usable], windows.leads[usable], kept), errors


def _unsuited(series: SstSeries, metadata: CheckpointMetadata) -> SeriesError:
    if series.step != metadata.time_step:
        wanted = f"{metadata.model} forecasts steps of {metadata.time_step}"
        return SeriesError(f"the step is {series.step}, and {wanted}")
    if not len(series):
        return SeriesError("the series holds no values")
    if np.isnan(series.values[-1]):
        return _no_last_value(series)
    return SeriesError(f"{len(series)} values are too few: {metadata.model} needs at least {metadata.window}")


def _no_last_value(series: SstSeries) -> SeriesError:
    return SeriesError("the last value is missing: end the series at its last observation", index=len(series) - 1)


def _fill(series: SstSeries, metadata: CheckpointMetadata) -> tuple[Floats, ForecastWarning]:
    """The last window with its gaps filled, and the warning that says so.

    Raises:
        SeriesError: if a gap cannot be filled.
    """
    size = metadata.window
    if np.isnan(series.values[-1]):
        raise _no_last_value(series)
    # A gap that may be filled begins at most so far before the window.
    tail = series.values[-size - metadata.fill_limit - 1 :]
    window = fill_gaps(tail, metadata.fill_limit)[-size:]
    offset = len(series) - size
    if np.isnan(window).any():
        raise _gap(window, series.times[offset:], offset, metadata.fill_limit)
    missing = series.step.shift(np.asarray(series.start), offset + np.flatnonzero(np.isnan(series.values[offset:])))
    shown = ", ".join(short(time) for time in missing[:3]) + (", …" if len(missing) > 3 else "")
    noun = "value" if len(missing) == 1 else "values"
    return window, ForecastWarning("gap_filled", f"{len(missing)} missing {noun} interpolated: {shown}")


def _gap(window: Floats, times: Times, offset: int, fill_limit: int) -> SeriesError:
    begin, end = missing_runs(window)[0]
    where = f"from {short(times[begin])} to {short(times[end - 1])}"
    if begin == 0 and offset == 0 and end - begin <= fill_limit:
        remedy = "send the value before it too, so that it can be interpolated"
    else:
        remedy = f"gaps of up to {fill_limit} are interpolated"
    return SeriesError(f"missing values {where}: {remedy}", index=offset + int(begin))
