"""Series as they came over the wire, many at once."""

from collections.abc import Sequence
from itertools import chain

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series import SstSeries, Units, sea_temperatures
from forecasting.timestep import Floats, TimeStep, parse_time
from service.schemas import SeriesIn


def parse_all(series: Sequence[SeriesIn], units: Units, step: TimeStep) -> list[SstSeries | SeriesError]:
    """Each of ``series`` at ``step``, or what is wrong with it."""
    values = np.array([*chain.from_iterable([one.values for one in series])], dtype=np.float64)
    # Looked at together, which costs less; where one is wrong, each is looked at for itself.
    celsius = _if_all_sound(values, units)
    checked = celsius is not None
    values = values if celsius is None else celsius
    starts = [_start(one, step) for one in series]
    told = [start for start in starts if isinstance(start, list)]
    regular = iter(_are_regular(told, step) if told else ())
    parsed: list[SstSeries | SeriesError] = []
    end = 0
    for one, start in zip(series, starts, strict=True):
        begin, end = end, end + len(one.values)
        own = values[begin:end]
        try:
            if isinstance(start, SeriesError):
                raise start
            if not isinstance(start, list):
                celsius = own if checked else sea_temperatures(own, units, _place)
                parsed.append(SstSeries(celsius, start, step))
            elif next(regular) and checked and own[-1] == own[-1]:
                # The last value is none that is missing, and so not all are.
                parsed.append(SstSeries(own, start[0], step))
            else:
                times = np.asarray(start, dtype="datetime64[s]")
                left = "celsius" if checked else units
                parsed.append(SstSeries.from_observations(times, own, units=left, step=step, place=_place))
        except SeriesError as error:
            parsed.append(error)
    return parsed


def _if_all_sound(values: Floats, units: Units) -> Floats | None:
    try:
        return sea_temperatures(values, units, _place)
    except SeriesError:
        return None


def _start(series: SeriesIn, step: TimeStep) -> np.datetime64 | list[np.datetime64] | SeriesError:
    """The time of the first value, or those of all."""
    try:
        if series.step is not None and TimeStep.parse(series.step) != step:
            raise SeriesError(f"the step is {series.step}, and this model forecasts steps of {step}")
        if series.start is not None and series.timestamps is None:
            return parse_time(series.start, local=step.calendar_month)
        if series.timestamps is None or series.start is not None:
            raise SeriesError("give either start, or timestamps with one time for each value")
        return _times(series.timestamps, len(series.values), step)
    except SeriesError as error:
        return error


def _times(timestamps: list[str], n: int, step: TimeStep) -> list[np.datetime64]:
    if len(timestamps) != n:
        raise SeriesError(f"there are {len(timestamps)} timestamps for {n} values; send one for each")
    times: list[np.datetime64] = []
    try:
        for text in timestamps:
            times.append(parse_time(text, local=step.calendar_month))  # noqa: PERF401
    except SeriesError as error:
        raise SeriesError(f"timestamps[{len(times)}]: {error}") from None
    return times


def _are_regular(times: Sequence[list[np.datetime64]], step: TimeStep) -> list[bool]:
    """Which of several series, none of them empty, have a time at each step from their first on, and no other."""
    lengths = np.asarray([len(one) for one in times])
    ends = np.cumsum(lengths)
    begins = ends - lengths
    told = np.asarray([*chain.from_iterable(times)], dtype="datetime64[s]")
    expected = step.shift(np.repeat(told[begins], lengths), np.arange(len(told)) - np.repeat(begins, lengths))
    regular: list[bool] = np.logical_and.reduceat(told == expected, begins).tolist()
    return regular


def _place(index: int) -> str:
    return f"values[{index}]"
