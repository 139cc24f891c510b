"""Series as they came over the wire, many at once."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, pairwise
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.batch import SeriesBatch
from forecasting.series.sea_range import sea_temperatures
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import SECONDS, Floats, Times, all_seconds_of, seconds_of
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.series.units import Units, to_celsius
from service.engine.series_schema import SeriesIn

_ABSENT: Final = "send null in its place"

_FEWEST_NEIGHBOURS: Final = 0.1
"""Of a series' intervals, the share that is one step, at least."""

_SHORTER: Final = 0.75
"""Of a step: what lies closer together than that comes more often."""

Errors = dict[int, SeriesError]
"""What is wrong with series, by their place among those of a batch."""


def parse_all(series: Sequence[SeriesIn], units: Units, step: TimeStep) -> list[SstSeries | SeriesError]:
    """Each of ``series`` at ``step``, or what is wrong with it."""
    batch, errors = parse(series, [units] * len(series), step)
    return [errors[i] if i in errors else batch[i] for i in range(len(series))]


def parse(series: Sequence[SeriesIn], units: Sequence[Units], step: TimeStep) -> tuple[SeriesBatch, Errors]:
    """All of ``series``, each in its ``units``, at ``step``; those with which something is wrong hold no values."""
    lengths = [len(one.values) for one in series]
    ends = [*accumulate(lengths)]
    begins = [0, *ends]
    errors: Errors = {}
    starts, told = _starts(series, step, errors)
    given = np.array([*chain.from_iterable([one.values for one in series])], dtype=np.float64)
    values = _celsius(given, begins, units, errors)
    notes: dict[int, tuple[str, ...]] = {}
    grids = _grids(told, values, begins, step, errors)
    if grids:
        end = len(values)
        values = np.concatenate([values, *[grid.values for grid in grids.values()]])
        for i, grid in grids.items():
            ends[i] = end = end + len(grid)
            starts[i], lengths[i], notes[i] = int(grid.start.astype(np.int64)), len(grid), grid.notes
    for i in errors:
        lengths[i] = 0
    when = np.array(starts, dtype=np.int64).view(SECONDS)
    return SeriesBatch(step, values, np.array(ends), np.array(lengths), when, notes), errors


def _starts(series: Sequence[SeriesIn], step: TimeStep, errors: Errors) -> tuple[list[int], dict[int, list[int]]]:
    """Unix seconds of each series' first value; and of all its values, where it has them."""
    starts, told = [0] * len(series), dict[int, list[int]]()
    for i, one in enumerate(series):
        try:
            if one.step is not None and TimeStep.parse(one.step) != step:
                own, known = in_words(one.step), in_words(str(step))
                raise SeriesError(f"the step is {own}, and this model forecasts steps of {known}")
            if one.start is not None and one.timestamps is None:
                starts[i] = seconds_of(one.start, local=step.calendar_month)
            elif one.timestamps is None or one.start is not None:
                raise SeriesError("give either start, or timestamps with one time for each value")
            else:
                told[i] = times = _times(one.timestamps, len(one.values), step)
                starts[i] = times[0]
        except SeriesError as error:
            errors[i] = error
    return starts, told


def _times(timestamps: list[str], n: int, step: TimeStep) -> list[int]:
    if len(timestamps) != n:
        raise SeriesError(f"there are {len(timestamps)} timestamps for {n} values; send one for each")
    try:
        return all_seconds_of(timestamps, local=step.calendar_month)
    except SeriesError:
        for i, text in enumerate(timestamps):
            try:
                seconds_of(text, local=step.calendar_month)
            except SeriesError as error:
                raise SeriesError(f"timestamps[{i}]: {error}") from None
        raise


def _celsius(given: Floats, begins: Sequence[int], units: Sequence[Units], errors: Errors) -> Floats:
    """The values of all series in °C, as far as a sea can have them."""
    if len(set(units)) == 1:
        celsius = to_celsius(given, units[0])
    else:
        parts = zip(_parts(given, begins), units, strict=True)
        celsius = np.concatenate([to_celsius(own, unit) for own, unit in parts])
    try:
        # Looked at together, which costs less; where one is wrong, each is looked at for itself.
        return sea_temperatures(celsius, "celsius", _place, _ABSENT)
    except SeriesError:
        for i, (own, unit) in enumerate(zip(_parts(given, begins), units, strict=True)):
            try:
                sea_temperatures(own, unit, _place, _ABSENT)
            except SeriesError as error:
                errors.setdefault(i, error)
        return celsius


def _parts(values: Floats, begins: Sequence[int]) -> list[Floats]:
    return [values[begin:end] for begin, end in pairwise(begins)]


def _grids(
    told: Mapping[int, list[int]], values: Floats, begins: Sequence[int], step: TimeStep, errors: Errors
) -> dict[int, SstSeries]:
    """The series whose ``told`` times do not simply follow one another, on a regular grid."""
    grids: dict[int, SstSeries] = {}
    if not told:
        return grids
    for (i, times), is_regular in zip(told.items(), _are_regular([*told.values()], step), strict=True):
        own = values[begins[i] : begins[i + 1]]
        # Where the last value is none that is missing, not all are.
        if i in errors or (is_regular and own[-1] == own[-1]):
            continue
        when = np.array(times, dtype=np.int64).view(SECONDS)
        try:
            grids[i] = SstSeries.from_observations(when, own, step=step, place=_place)
            _refuse_longer_steps(when, step)
        except SeriesError as error:
            errors[i] = _shorter_steps(when, step) or error
    return grids


def _refuse_longer_steps(when: Times, step: TimeStep) -> None:
    """Refuse times that hardly ever follow each other by a step: half of the window and more would be made up."""
    ordered = np.sort(when)
    apart = np.round(np.diff(step.place(ordered, ordered[0])))
    if len(apart) and (apart <= 1).mean() < _FEWEST_NEIGHBOURS:
        raise SeriesError(
            f"its times lie {np.median(apart):.0f} steps apart, and this model needs {one_each(str(step))}; "
            "send null where one is missing"
        )


def _shorter_steps(when: Times, step: TimeStep) -> SeriesError | None:
    """What is wrong with times most of which lie closer together than ``step``; None where they do not."""
    apart = np.diff(np.sort(when)).astype(np.int64)
    pace = int(np.median(apart)) if len(apart) else 0
    if not 0 < pace < _SHORTER * step.seconds:
        return None
    return SeriesError(
        f"its times lie {in_words(str(TimeStep(pace)))} apart, and this model needs {one_each(str(step))}: send means, "
        "ask for a dataset that has this step, or train one"
    )


def _are_regular(told: Sequence[list[int]], step: TimeStep) -> list[bool]:
    """Which of several series, none of them empty, have a time at each step from their first on, and no other."""
    lengths = np.array([len(one) for one in told])
    ends = lengths.cumsum()
    begins = ends - lengths
    times = np.array([*chain.from_iterable(told)], dtype=np.int64).view(SECONDS)
    expected = step.shift(times[begins].repeat(lengths), np.arange(len(times)) - begins.repeat(lengths))
    regular: list[bool] = np.logical_and.reduceat(times == expected, begins).tolist()
    return regular


def _place(index: int) -> str:
    return f"values[{index}]"
