"""Readings as clients send them: which are accepted, why others are refused, and the grid that they are on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecasts.json import rounded
from forecasting.readers.stations import describe_zeros
from forecasting.series.doubts import flat_line
from forecasting.series.observations import TOLERANCE_STEPS, anchor
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, SECONDS, Bools, Times, iso_of, seconds_of
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.series.units import Units, outside_sea_range, range_error, to_celsius
from forecasting.wording import counted
from service.http.validation import Place
from service.stations.store.observations import Observation

PAST_STEPS: Final = 1_500
"""Steps that a forecast rests on, the newest: twice what a network for days sees, and all that one for hours does.

References see all of them."""


def shifted(time: int, steps: int, step: TimeStep) -> int:
    """Return the time some steps after ``time``, both in Unix seconds."""
    return int(step.shift(np.asarray(np.datetime64(time, "s")), steps).astype(np.int64))


def between_steps(times: Times, start: np.datetime64, step: TimeStep) -> Bools:
    """Return which of ``times`` ``(n,)`` are too far from a whole number of steps after ``start``."""
    exact = step.place(times, start)
    between: Bools = np.abs(exact - np.round(exact)) > TOLERANCE_STEPS
    return between


def grid_of(times: Times, step: TimeStep) -> np.datetime64:
    """Return the start of the grid that most of the sorted ``times`` ``(n,)`` are on; of two, that of later times."""
    start = anchor(times, step)
    if not between_steps(times, start, step).any():
        return start
    # The median of all times is on no grid if some are half a step from the others.
    main = _most_common(times, step)
    return anchor(times[~between_steps(times, main, step)], step)


def _most_common(times: Times, step: TimeStep) -> np.datetime64:
    """Return the last of the times that most others are whole steps from."""
    steps = step.place(times, times[0])
    phases = steps - np.floor(steps)
    # Once more before and after: the end of a step is next to its beginning.
    around = np.sort(np.concatenate([phases - 1, phases, phases + 1]))
    last = np.searchsorted(around, phases + TOLERANCE_STEPS, "right")
    first = np.searchsorted(around, phases - TOLERANCE_STEPS, "left")
    time: np.datetime64 = times[::-1][np.argmax((last - first)[::-1])]
    return time


def check_together(times: Iterable[int], step: TimeStep) -> None:
    """Check that most readings of a batch are whole steps apart.

    Args:
        times: times of the batch, Unix seconds.
        step: step of the station.

    Raises:
        SeriesError: if most are not, so that the readings have another step.
    """
    ordered = np.array(sorted(times), dtype=np.int64).view(SECONDS)
    if not len(ordered):
        return
    between = between_steps(ordered, grid_of(ordered, step), step)
    if 2 * between.sum() > len(ordered):
        example = iso_of(int(ordered[between][0].astype(np.int64)))
        raise SeriesError(
            f"most of the readings are between two steps ({in_words(str(step))}), such as the one at {example}: send "
            f"{one_each(str(step))}, such as the mean, or create a station with the step of the readings"
        )


def used_times(times: Times, step: TimeStep) -> Bools:
    """Return which of the sorted ``times`` ``(n,)`` a forecast uses: those a whole number of steps apart, as most are.

    A reading cannot be taken back, so one at a wrong time must not stop all later forecasts. Of several readings in
    one step, the last is used.

    Raises:
        SeriesError: if the newest is between two steps.
    """
    start = grid_of(times, step)
    regular = ~between_steps(times, start, step)
    if not regular[-1]:
        newest, length = iso_of(int(times[-1].astype(np.int64))), in_words(str(step))
        usual = f", such as {iso_of(int(times[regular][-1].astype(np.int64)))}" if regular.any() else ""
        raise SeriesError(
            f"the newest reading, of {newest}, is not a whole number of steps ({length}) after the others{usual}: send "
            "readings at whole steps, or average them to whole steps"
        )
    positions = np.round(step.place(times, start))
    used = np.flatnonzero(regular)
    regular[used[:-1]] = np.diff(positions[used]) > 0
    return regular


def nearby_steps(time: int, start: np.datetime64, step: TimeStep) -> tuple[str, str]:
    """Return the steps before and after a time, in ISO 8601, of the grid that begins at ``start``."""
    moment = np.asarray(np.datetime64(time, "s"))
    whole = int(np.floor(step.place(moment, start)))
    before, after = step.shift(np.asarray(start), [whole, whole + 1]).astype(np.int64).tolist()
    return iso_of(before), iso_of(after)


@dataclass
class Readings:
    """The readings of one station in one batch.

    Attributes:
        accepted: °C by time in Unix seconds, rounded to six decimals.
        refused: all others, except missing values; each has a location in the lists ``values`` or ``timestamps``.
        indexes: indexes of the accepted ones in the batch, by time.
        warnings: one sentence for each doubt about the batch as a whole.
        doubted: those that are stored, and that the tests doubt.
    """

    accepted: dict[int, float] = field(default_factory=dict)
    refused: list[Place] = field(default_factory=list)
    indexes: dict[int, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubted: list[Observation] = field(default_factory=list)

    def refuse(self, time: int, message: str) -> None:
        """Refuse a reading that was accepted."""
        del self.accepted[time]
        self.refused.append(Place(location=f"values[{self.indexes.pop(time)}]", message=message))


def readings_at(
    values: Sequence[float | None], timestamps: Sequence[str], units: Units, step: TimeStep, now: np.datetime64
) -> Readings:
    """Read values with a time for each.

    Args:
        values: temperatures in ``units``; None is no reading.
        timestamps: a time for each value, in ISO 8601.
        units: units of the values.
        step: step of the station. Months follow the calendar, so their times ignore an offset.
        now: the time of arrival. A reading more than one step later is refused.

    Raises:
        SeriesError: if the lists have different lengths, or most readings are not whole steps apart.
    """
    if len(timestamps) != len(values):
        raise SeriesError(
            f"{counted(len(timestamps), 'timestamp')} for {counted(len(values), 'value')}: send one for each value"
        )
    times: list[int | None] = []
    readings = Readings()
    for i, text in enumerate(timestamps):
        try:
            times.append(seconds_of(text, local=step.calendar_month))
        except SeriesError as error:
            times.append(None)
            readings.refused.append(Place(location=f"timestamps[{i}]", message=str(error)))
    _accept(readings, values, times, units, step, now)
    check_together(readings.accepted, step)
    _warn(readings, units)
    return readings


def readings_from(
    values: Sequence[float | None], start: str, units: Units, step: TimeStep, now: np.datetime64
) -> Readings:
    """Read regular values, the first at ``start``. The other arguments are those of :func:`readings_at`.

    Raises:
        SeriesError: if ``start`` is not a time, or the series would end after the year 9999.
    """
    first = np.datetime64(seconds_of(start, local=step.calendar_month), "s")
    if float((LAST_TIME - first).astype(np.int64)) < float(step.seconds) * len(values):
        raise SeriesError("the values extend past the year 9999: check start and step")
    readings = Readings()
    times: list[int | None] = [*step.range(first, len(values)).astype(np.int64).tolist()]
    _accept(readings, values, times, units, step, now)
    _warn(readings, units)
    return readings


def readings_of(series: SstSeries, now: np.datetime64, warnings: Sequence[str] = ()) -> Readings:
    """Read the values of a file, with the ``warnings`` about it."""
    readings = Readings(warnings=[*warnings])
    values = [None if np.isnan(value) else value for value in series.values.tolist()]
    _accept(readings, values, [*series.times.astype(np.int64).tolist()], "celsius", series.step, now)
    return readings


def _accept(
    readings: Readings,
    values: Sequence[float | None],
    times: Sequence[int | None],
    units: Units,
    step: TimeStep,
    now: np.datetime64,
) -> None:
    """Add each value with a time to ``readings``, accepted or refused. Of two at the same time, the last counts."""
    raw = np.array(values, dtype=np.float64)
    celsius = to_celsius(raw, units)
    outside = outside_sea_range(celsius).tolist()
    latest = shifted(int(now.astype(np.int64)), 1, step)
    for i, (time, value) in enumerate(zip(times, rounded(celsius).tolist(), strict=True)):
        if time is None or values[i] is None:
            continue
        message = _refusal(raw[i : i + 1], units, time, latest, step, outside=outside[i])
        if message is not None:
            readings.refused.append(Place(location=f"values[{i}]", message=message))
            continue
        earlier = readings.indexes.get(time)
        if earlier is not None and readings.accepted[time] != value:
            message = f"values[{i}] is at the same time, {iso_of(time)}, and is stored instead: send only one of them"
            readings.refused.append(Place(location=f"values[{earlier}]", message=message))
        readings.indexes[time], readings.accepted[time] = i, value


def _warn(readings: Readings, units: Units) -> None:
    """Add the warnings that a file with these readings would have."""
    times = np.array(sorted(readings.accepted), dtype=np.int64)
    values = np.array([readings.accepted[time] for time in times.tolist()])
    line = flat_line(values)
    found = (
        line.describe(times.view(SECONDS)) if line is not None else None,
        describe_zeros(times.view(SECONDS), values) if units == "celsius" else None,
    )
    readings.warnings += filter(None, found)


def _refusal(
    value: "np.typing.NDArray[np.float64]", units: Units, time: int, latest: int, step: TimeStep, *, outside: bool
) -> str | None:
    if time > latest:
        return (
            f"the time {iso_of(time)} is more than a step ({in_words(str(step))}) in the future: "
            "check the clock and the time zone of the sender"
        )
    if outside:
        message = str(range_error(value, units, lambda _: "the reading", "leave it out"))
        return message.replace("set the units to", "set the units of the station to")
    return None
