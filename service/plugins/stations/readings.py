"""Readings: which are accepted, the grid that they are on, and how they are stored with the flags of their tests."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from sqlalchemy import Connection

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.forecasts.json import rounded
from forecasting.models.universal.checks import plausible_range
from forecasting.qartod import FAIL, GOOD, MISSING, SUSPECT
from forecasting.series.doubts import LEAST_REPEATS, fill_values, flat_line
from forecasting.series.observations import TOLERANCE_STEPS, anchor
from forecasting.series.quality import LEAST, LEAST_CHANGE, REACH, Indices, QualityCheck, Range
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, SECONDS, Bools, Floats, Times, iso_of, seconds_of
from forecasting.series.timestep import TimeStep, in_words, one_each
from forecasting.series.units import SYMBOLS, Units, from_celsius, outside_sea_range, range_error, to_celsius
from forecasting.wording import counted
from service.http.problems import Place
from service.plugins.stations.durations import shifted
from service.plugins.stations.metrics import StationMetrics
from service.plugins.stations.store.audit import ANYONE, Action, Author, Entry, add_entries
from service.plugins.stations.store.database import AFTER_ALL, UnknownStationError, parts
from service.plugins.stations.store.forecasts import last_forecast, levels_of, probabilities_of, quantiles_of
from service.plugins.stations.store.observations import (
    PERSON,
    Integers,
    Outcome,
    add_observations,
    correct_observation,
    flag_observations,
    latest_values,
    recent_observations,
)
from service.plugins.stations.store.stations import Observation, SeriesEnd, ends_of, lock_stations

PAST_STEPS: Final = 1_500
"""Steps that a forecast rests on, the newest: twice what a network for days sees, and all that one for hours does.

References see all of them."""


def between_steps(times: Times, start: np.datetime64, step: TimeStep) -> Bools:
    """Return which of ``times`` ``(n,)`` are too far from a whole number of steps after ``start``."""
    exact = step.position(times, start)
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
    steps = step.position(times, times[0])
    phases = steps - np.floor(steps)
    # Once more before and after: the end of a step is next to its beginning.
    around = np.sort(np.concatenate([phases - 1, phases, phases + 1]))
    last = np.searchsorted(around, phases + TOLERANCE_STEPS, "right")
    first = np.searchsorted(around, phases - TOLERANCE_STEPS, "left")
    time: np.datetime64 = times[::-1][np.argmax((last - first)[::-1])]
    return time


def check_together(times: Iterable[int], step: TimeStep) -> None:
    """Raise SeriesError if most ``times`` of a batch, Unix seconds, are not whole steps apart."""
    ordered = np.array(sorted(times), dtype=np.int64).view(SECONDS)
    between = between_steps(ordered, grid_of(ordered, step), step) if len(ordered) else np.zeros(0, np.bool_)
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
    positions = np.round(step.position(times, start))
    used = np.flatnonzero(regular)
    regular[used[:-1]] = np.diff(positions[used]) > 0
    return regular


def nearby_steps(time: int, start: np.datetime64, step: TimeStep) -> tuple[str, str]:
    """Return the steps before and after a time, in ISO 8601, of the grid that begins at ``start``."""
    moment = np.asarray(np.datetime64(time, "s"))
    whole = int(np.floor(step.position(moment, start)))
    before, after = step.shift(np.asarray(start), [whole, whole + 1]).astype(np.int64).tolist()
    return iso_of(before), iso_of(after)


@dataclass
class Readings:
    """The readings of one station in one batch."""

    accepted: dict[int, float] = field(default_factory=dict)
    refused: list[Place] = field(default_factory=list)
    indexes: dict[int, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubted: list[Observation] = field(default_factory=list)
    location: str = ""

    def refuse(self, time: int, message: str) -> None:
        """Refuse a reading that was accepted."""
        del self.accepted[time]
        self.refused.append(Place(location=f"values[{self.indexes.pop(time)}]", message=message))


def read_readings(
    values: Sequence[float | None],
    timestamps: Sequence[str] | None,
    start: str | None,
    units: Units,
    step: TimeStep,
    now: int,
) -> Readings:
    """Read values with a time for each, or regular ones from a ``start``."""
    if (timestamps is None) == (start is None):
        raise SeriesError("give either start, or timestamps with one time for each value")
    readings, times = Readings(), list[int | None]()
    if start is not None:
        first = np.datetime64(seconds_of(start, local=step.calendar_month), "s")
        if float((LAST_TIME - first).astype(np.int64)) < float(step.seconds) * len(values):
            raise SeriesError("the values extend past the year 9999: check start and step")
        times += step.range(first, len(values)).astype(np.int64).tolist()
    elif timestamps is not None and len(timestamps) != len(values):
        raise SeriesError(
            f"{counted(len(timestamps), 'timestamp')} for {counted(len(values), 'value')}: send one for each value"
        )
    for i, text in enumerate(timestamps or ()):
        try:
            times.append(seconds_of(text, local=step.calendar_month))
        except SeriesError as error:
            times.append(None)
            readings.refused.append(Place(location=f"timestamps[{i}]", message=str(error)))
    _accept(readings, values, times, units, step, now)
    check_together(readings.accepted, step)
    # A file with these readings would have the same warnings.
    accepted = sorted(readings.accepted.items())
    at = np.array([time for time, _ in accepted], dtype=np.int64).view(SECONDS)
    celsius = np.array([value for _, value in accepted])
    line, fills = flat_line(celsius), fill_values(celsius) if units == "celsius" else None
    readings.warnings += filter(None, (line.describe(at) if line else None, fills.advise(at) if fills else None))
    return readings


def readings_of(series: SstSeries, now: int, warnings: Sequence[str] = ()) -> Readings:
    """Read the values of a file, with the ``warnings`` about it."""
    readings = Readings(warnings=[*warnings])
    values = [None if np.isnan(value) else value for value in series.values.tolist()]
    times = [*series.times.astype(np.int64).tolist()]
    # Its place in the series does not tell the line of the file.
    _accept(readings, values, times, "celsius", series.step, now, lambda time: f"the reading of {iso_of(time)}")
    return readings


def _accept(
    readings: Readings,
    values: Sequence[float | None],
    times: Sequence[int | None],
    units: Units,
    step: TimeStep,
    now: int,
    named: Callable[[int], str] = lambda _: "the reading",
) -> None:
    """Add each value with a time to ``readings``, accepted or refused. Of two at the same time, the last counts."""
    raw = np.array(values, dtype=np.float64)
    celsius = to_celsius(raw, units)
    outside = outside_sea_range(celsius).tolist()
    latest = shifted(now, 1, step)
    for i, (time, value) in enumerate(zip(times, rounded(celsius).tolist(), strict=True)):
        if time is None or values[i] is None:
            continue
        if time > latest:
            message = (
                f"the time {iso_of(time)} is more than a step ({in_words(str(step))}) in the future: "
                "check the clock and the time zone of the sender"
            )
        elif outside[i]:
            message = str(range_error(raw[i : i + 1], units, lambda _: "the reading", "leave it out"))
            message = f"{named(time)}{message.removeprefix('the reading')}"
            message = message.replace("set the units to", "set the units of the station to")
        else:
            message = ""
        if message:
            readings.refused.append(Place(location=f"values[{i}]", message=message))
            continue
        earlier = readings.indexes.get(time)
        if earlier is not None and readings.accepted[time] != value:
            message = f"values[{i}] is at the same time, {iso_of(time)}, and is stored instead: send only one of them"
            readings.refused.append(Place(location=f"values[{earlier}]", message=message))
        readings.indexes[time], readings.accepted[time] = i, value


_BEFORE: Final = REACH + 20
_BEFORE_FLAT: Final = 400
"""Rows before the first new reading that it is compared with; those that repeat one value are compared with more."""

_AT_ONCE: Final = 200
"""Stations whose earlier readings are in memory at once."""

_WORDS: Final = {
    "gross_range": "outside the range of nearly all seas",
    "rate_of_change": "a larger change than the readings before it make",
    "climatology": "far from what is usual at the position",
    "forecast": "outside the range of the forecast before it",
    "flat_line": "the same value for so long that the sensor may be stuck",
    "spike": "contradicted by the readings after it",
    PERSON: "doubted by a person",
}

_SUSPECT: Final = (
    "no forecast uses it and no event changes by it until the next readings confirm it, or you do with the flag 1"
)

_FAILED: Final = "it is stored, but not used; if it is right, give it the flag 1"


def ingest(
    connection: Connection, readings: Mapping[str, Readings], now: int, author: Author = ANYONE
) -> dict[str, Outcome]:
    """Store and test the readings of stations in one transaction.

    Readings between two steps of the earlier ones move from ``accepted`` to ``refused``. Those that the tests doubt
    are added to ``doubted``.
    """
    ends = ends_of(connection, [*readings])
    present = {*lock_stations(connection, [end.number for end in ends.values()])}
    # Before the lock, another transaction may have settled the steps of a station.
    ends |= ends_of(connection, [name for name, end in ends.items() if end.settling is None])
    batches = [(end, readings[name]) for name, end in ends.items() if end.number in present]
    outcomes = dict[int, Outcome]()
    for some in parts(batches, _AT_ONCE):
        outcomes |= _ingest(connection, some, now)
    stored = {name: outcomes[end.number] for name, end in ends.items() if end.number in present}
    add_entries(
        connection,
        [
            Entry(now, author, name, ends[name].owner, "readings", _batch_content(readings[name], outcome))
            for name, outcome in stored.items()
            if outcome.new or outcome.revised
        ],
    )
    return stored


def _batch_content(batch: Readings, outcome: Outcome) -> dict[str, int]:
    """Return what the audit says of a batch: short, since a station may get one every few minutes for years."""
    counts = outcome._asdict() | {"refused": len(batch.refused)}
    return counts | {"first": min(batch.accepted), "last": max(batch.accepted)}


def _ingest(connection: Connection, batches: Sequence[tuple[SeriesEnd, Readings]], now: int) -> dict[int, Outcome]:
    """Store and test the readings of some stations; returns what they changed, by the number of the station."""
    periods = {end.number: _period(end, batch) for end, batch in batches if batch.accepted}
    known = recent_observations(connection, periods, _BEFORE)
    whole = {number for number, (_, last) in periods.items() if last == AFTER_ALL}
    for end, batch in batches:
        _refuse_between_steps(connection, batch, end, known.get(end.number, ()) if end.number in whole else None)
    added = add_observations(connection, {end.number: batch.accepted for end, batch in batches}, known, now)
    flagged = dict[int, list[Observation]]()
    for end, batch in batches:
        if changes := added[end.number][1]:
            first, fresh = min(each.time for each in changes), {each.time for each in changes}
            earlier = known.get(end.number, ())
            if end.number not in whole:
                earlier = recent_observations(connection, {end.number: (first, AFTER_ALL)}, _BEFORE)[end.number]
            flagged[end.number] = check_readings(connection, end, earlier, changes, first)
            batch.doubted += [each for each in flagged[end.number] if each.time in fresh and each.flag >= SUSPECT]
    flag_observations(connection, flagged)
    return {number: outcome for number, (outcome, _) in added.items()}


def _period(end: SeriesEnd, batch: Readings) -> tuple[int, int]:
    """Return the period of the readings to compare a batch with: to the newest, unless there may be many of them."""
    begin = min(batch.accepted)
    is_recent = end.newest is None or end.newest - begin <= _BEFORE * TimeStep.parse(end.step).seconds
    return begin, AFTER_ALL if is_recent else max(batch.accepted)


def correct(
    connection: Connection,
    station: str,
    time: int,
    now: int,
    author: Author = ANYONE,
    *,
    value: float | None,
    flag: int,
) -> Observation:
    """Store what a person decides of a reading, and test those around it that were suspect.

    The arguments are those of ``correct_observation`` of the store, with the station's ID and the person.
    """
    ends = ends_of(connection, [station])
    if station not in ends:
        raise UnknownStationError(station)
    number = ends[station].number
    before, reading = correct_observation(connection, number, time, now, value=value, flag=flag)
    if reading != before:
        old, new = ({"value": each.value, "flag": each.flag} for each in (before, reading))
        content = {"time": time, "old": old, "new": new}
        action: Action = "taken_back" if flag == MISSING else "corrected"
        add_entries(connection, [Entry(now, author, station, ends[station].owner, action, content)])
    known = recent_observations(connection, {number: (time, AFTER_ALL)}, _BEFORE).get(number, ())
    flag_observations(connection, {number: check_readings(connection, ends[station], known, (), time)})
    return reading


def count_readings(metrics: StationMetrics, outcomes: Iterable[Outcome], refused: int) -> None:
    """Count what became of readings, once they are on disk."""
    total = Outcome(*map(sum, zip(*outcomes, strict=True)))
    metrics.readings(total._asdict() | {"refused": refused})


def _refuse_between_steps(
    connection: Connection, readings: Readings, end: SeriesEnd, known: Sequence[Observation] | None
) -> None:
    """Refuse readings between two steps of the earlier ones; these are read if ``known`` does not hold the newest."""
    step = TimeStep.parse(end.step)
    if step.calendar_month or not readings.accepted:
        return
    times, settling = sorted(readings.accepted), end.settling
    # Fewer than the readings that settle a grid are off it: if none is, and no new one, no more need to be read.
    if (
        known is not None
        and settling is not None
        and not any(
            (time - settling) % step.seconds
            for time in (*times, *(each.time for each in _latest(known) if each.time >= settling))
        )
    ):
        return
    ordered = np.array(times, dtype=np.int64)
    start = _grid(connection, ordered, end, step)
    for time in ordered[between_steps(ordered.view(SECONDS), start, step)].tolist():
        before, after = nearby_steps(time, start, step)
        readings.refuse(
            time,
            f"the time {iso_of(time)} is between two steps ({in_words(end.step)}) of the station, {before} and "
            f"{after}: send one reading for the step, such as the mean, at one of these times",
        )


def _grid(connection: Connection, times: Integers, end: SeriesEnd, step: TimeStep) -> np.datetime64:
    """Return the start of the grid that the sorted times of a batch must be on.

    It is that of the newest readings. While the station has few, these may be the wrong ones: if more of the batch are
    on a grid of their own, it is that one.
    """
    batch = grid_of(times.view(SECONDS), step)
    if end.newest is None:
        return batch
    stored, _ = latest_values(connection, end.number, shifted(end.newest, 1 - PAST_STEPS, step), worst=FAIL)
    if end.settling is not None:
        return grid_of(stored.view(SECONDS), step)
    both = grid_of(np.union1d(stored, times).view(SECONDS), step)
    return min(both, batch, key=lambda start: int(between_steps(times.view(SECONDS), start, step).sum()))


def check_readings(
    connection: Connection, end: SeriesEnd, known: Sequence[Observation], new: Sequence[Observation], first: int
) -> list[Observation]:
    """Return the new readings of a station, and the suspect ones before them, to which the tests give another flag."""
    latest, times = _latest([*known, *new]), {each.time for each in new}
    if not latest or _is_plain(latest, times):
        return []
    if len({each.value for each in latest[-LEAST_REPEATS:]}) == 1:
        period = {end.number: (first, AFTER_ALL)}
        latest = _latest(recent_observations(connection, period, _BEFORE_FLAT)[end.number])
    else:
        latest = latest[max(sum(each.time < first for each in latest) - _BEFORE, 0) :]
    step, moments = TimeStep.parse(end.step), np.array([each.time for each in latest], dtype=np.int64).view(SECONDS)
    # What a person doubts, no later reading confirms.
    flags = np.array(
        [FAIL if each.tests == PERSON and each.flag == SUSPECT else each.flag for each in latest], dtype=np.int64
    )
    check = QualityCheck(
        np.array([each.value for each in latest]),
        step.position(moments, moments[0]),
        step.seconds,
        flags.copy(),
        np.array([each.time in times for each in latest]),
        partial(_usual, end, moments),
        lambda i: _expected(connection, end, moments[i]),
    )
    check.run()
    return [
        latest[i]._replace(flag=int(check.flags[i]), tests=",".join(check.tests.get(i, ())) or None)
        for i in np.flatnonzero(check.flags != flags).tolist()
    ]


def _latest(observations: Iterable[Observation]) -> list[Observation]:
    """Return the latest revision of each time, in chronological order, unless it was taken back."""
    latest = {each.time: each for each in observations}
    return sorted(each for each in latest.values() if each.flag != MISSING)


def _is_plain(known: Sequence[Observation], new: Collection[int]) -> bool:
    """Return whether one reading is new, the last, and good without a test: it differs a little from the one before."""
    if len(new) != 1 or len(known) <= LEAST or known[-1].time not in new or known[-1].tests is not None:
        return False
    change = abs(known[-1].value - known[-2].value)
    return 0 < change <= LEAST_CHANGE and all(each.flag == GOOD for each in known[-LEAST - 1 :])


def doubts_in_words(doubted: Sequence[Observation], units: Units) -> list[str]:
    """Return a sentence for the readings of a batch that are suspect, and one for those that fail."""
    sentences = []
    for flag, result in ((SUSPECT, _SUSPECT), (FAIL, _FAILED)):
        found = [each for each in doubted if each.flag == flag]
        if found:
            others = f", and {counted(len(found) - 1, 'reading')} before it" if found[1:] else ""
            sentences.append(f"{doubt_in_words(found[-1], units)}{others}: {result}")
    return sentences


def doubt_in_words(reading: Observation, units: Units) -> str:
    """Return which reading is doubted, and why."""
    value = f"{float(from_celsius(reading.value, units)):.6g} {SYMBOLS[units]}"
    reasons = ", ".join(_WORDS[test] for test in (reading.tests or "").split(",") if test)
    kind = "suspect" if reading.flag == SUSPECT else "wrong"
    return f"the reading of {iso_of(reading.time)}, {value}, is {kind} ({reasons})"


def _usual(end: SeriesEnd, times: Times, rows: Indices) -> Floats:
    if end.latitude is None or end.longitude is None:
        return np.full(len(rows), np.nan)
    coefficients = GlobalClimatology.load().coefficients(end.latitude, end.longitude)
    return evaluate(coefficients, TimeStep.parse(end.step).middle(times[rows])).astype(np.float64)


def _expected(connection: Connection, end: SeriesEnd, time: np.datetime64) -> Range | None:
    """Return the range of the forecast that was issued before a reading and reaches it."""
    forecast = last_forecast(connection, end.number, int(time.astype(np.int64)))
    if forecast is None or not forecast.content["intervals"]:
        return None
    intervals = forecast.content["intervals"]
    start = np.datetime64(seconds_of(forecast.content["timestamps"][0]), "s")
    lead = round(float(TimeStep.parse(end.step).position(np.array([time]), start)[0]))
    quantiles = quantiles_of(intervals)
    if not 0 <= lead < len(quantiles):
        return None
    low, high = plausible_range(quantiles[lead], probabilities_of(levels_of(intervals)), 0.0)
    return float(low), float(high)
