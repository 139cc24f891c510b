"""Readings in: from what is accepted to what is stored, with the flags of the tests."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from sqlalchemy import Connection

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.universal.checks import plausible_range
from forecasting.qartod import FAIL, GOOD, SUSPECT
from forecasting.series.doubts import LEAST_REPEATS
from forecasting.series.quality import LEAST, LEAST_CHANGE, REACH, Places, QualityCheck, Range
from forecasting.series.times import SECONDS, Floats, Times, iso_of, seconds_of
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import SYMBOLS, Units, from_celsius
from forecasting.wording import counted
from service.stations.readings import PAST_STEPS, Readings, between_steps, grid_of, nearby_steps, shifted
from service.stations.recalibration import levels_of, probabilities_of, quantiles_of
from service.stations.store.errors import UnknownStationError
from service.stations.store.forecasts import last_forecast
from service.stations.store.observations import (
    PERSON,
    Change,
    Integers,
    Observation,
    Outcome,
    Row,
    add_observations,
    correct_observation,
    flag_observations,
    latest_values,
    observations_around,
)
from service.stations.store.stations import SeriesEnd, ends_of, lock_stations
from service.telemetry.station_metrics import StationMetrics

_BEFORE_ONE: Final = LEAST + 5

_BEFORE: Final = REACH + 20

_BEFORE_FLAT: Final = 400
"""Rows before the first new reading that are read; those that repeat one value are compared with more."""

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


def ingest(connection: Connection, readings: Mapping[str, Readings], now: int) -> dict[str, Outcome]:
    """Store and test the readings of stations in one transaction.

    Readings between two steps of the earlier ones move from ``accepted`` to ``refused``. Those that the tests doubt
    are added to ``doubted``.

    Args:
        connection: connection of a writing transaction.
        readings: readings of each station, by ID.
        now: when they arrived, Unix seconds.

    Returns:
        What they changed, by station; a station that does not exist is left out.
    """
    ends = _ends(connection, sorted(readings))
    for station, end in ends.items():
        _refuse_between_steps(connection, readings[station], end)
    names = {end.number: name for name, end in ends.items()}

    def test(station: int, changes: Sequence[Change]) -> None:
        name = names[station]
        readings[name].doubted += check_readings(connection, ends[name], changes, now)

    accepted = {end.number: readings[name].accepted for name, end in ends.items()}
    outcomes = add_observations(connection, accepted, now, test)
    return {name: outcomes[end.number] for name, end in ends.items() if end.number in outcomes}


def correct(
    connection: Connection, station: str, time: int, now: int, *, value: float | None, flag: int
) -> Observation:
    """Store what a person decides of a reading, and test those around it that were suspect.

    The arguments are those of :func:`~service.stations.store.observations.correct_observation`, with the station's ID.

    Raises:
        UnknownStationError: if there is no such station.
        UnknownReadingError: if it has no reading at this time.
    """
    ends = ends_of(connection, [station])
    if station not in ends:
        raise UnknownStationError(station)
    reading = correct_observation(connection, ends[station].number, time, now, value=value, flag=flag)
    check_readings(connection, ends[station], (), now, time)
    return reading


def count_readings(metrics: StationMetrics, outcomes: Iterable[Outcome], refused: int) -> None:
    """Count what became of readings, once they are on disk."""
    total = {"new": 0, "revised": 0, "unchanged": 0}
    for outcome in outcomes:
        for name, count in outcome._asdict().items():
            total[name] += count
    metrics.readings(total | {"refused": refused})


def _ends(connection: Connection, stations: list[str]) -> dict[str, SeriesEnd]:
    """Return where the readings of stations end. No other transaction may settle the steps of one meanwhile."""
    ends = ends_of(connection, stations)
    unsettled = [station for station, end in ends.items() if end.settling is None]
    if unsettled:
        # All of them in one order: to lock these first would let two transactions wait for each other.
        lock_stations(connection, [end.number for end in ends.values()])
        ends |= ends_of(connection, unsettled)
    return ends


def _refuse_between_steps(connection: Connection, readings: Readings, end: SeriesEnd) -> None:
    step = TimeStep.parse(end.step)
    if step.calendar_month or not readings.accepted:
        return
    times = np.array(sorted(readings.accepted), dtype=np.int64)
    if end.settling is not None and _agree(connection, times, end.number, end.settling, step):
        return
    start = _grid(connection, times, end, step)
    for time in times[between_steps(times.view(SECONDS), start, step)].tolist():
        before, after = nearby_steps(time, start, step)
        readings.refuse(
            time,
            f"the time {iso_of(time)} is between two steps ({in_words(end.step)}) of the station, {before} and "
            f"{after}: send one reading for the step, such as the mean, at one of these times",
        )


def _agree(connection: Connection, times: Integers, station: int, settling: int, step: TimeStep) -> bool:
    """Return whether times are exactly whole steps from all newest readings that settle a grid.

    No more need to be read then: fewer than these are off the grid of a station.
    """
    newest, _ = latest_values(connection, station, settling, worst=FAIL)
    return not bool(((np.concatenate([newest, times]) - settling) % step.seconds).any())


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
    connection: Connection, end: SeriesEnd, new: Sequence[Change], now: int, begin: int | None = None
) -> list[Observation]:
    """Store the flags of new readings of a station, and of those before them that were suspect.

    Args:
        connection: connection of a writing transaction that has locked the station.
        end: the station before it had them.
        new: readings, which are stored.
        now: when they arrived.
        begin: the time of a reading that a person has corrected, if there are no new ones.

    Returns:
        Those of the new ones that are suspect or fail.
    """
    new_times = sorted(change.time for change in new)
    first = new_times[0] if begin is None else begin
    since: list[Row] | None = None
    if begin is None and (end.newest is None or end.newest < first):
        since = [(change.time, change.value, change.revision, now, GOOD, None) for change in sorted(new)]
    known = observations_around(connection, end.number, first, _BEFORE_ONE, since)
    if not known or _is_plain(known, new_times):
        return []
    known = observations_around(connection, end.number, first, _BEFORE, since)
    times, values, *_, stored, names = zip(*known, strict=True)
    if len({*values[-LEAST_REPEATS:]}) == 1:
        known = observations_around(connection, end.number, first, _BEFORE_FLAT, since)
        times, values, *_, stored, names = zip(*known, strict=True)
    step, moments = TimeStep.parse(end.step), np.array(times, dtype=np.int64).view(SECONDS)
    # What a person doubts, no later reading confirms.
    by_person = np.array([name == PERSON for name in names])
    flags = np.where(by_person & (np.array(stored) == SUSPECT), FAIL, stored)
    fresh = np.isin(moments.view(np.int64), new_times)
    check = QualityCheck(
        np.array(values),
        step.place(moments, moments[0]),
        step.seconds,
        flags.copy(),
        fresh,
        partial(_usual, end, moments),
        lambda i: _expected(connection, end, moments[i]),
    )
    check.run()
    changed = {
        i: Observation(*known[i])._replace(flag=int(check.flags[i]), tests=",".join(check.tests.get(i, ())) or None)
        for i in np.flatnonzero(check.flags != flags).tolist()
    }
    flag_observations(connection, end.number, [*changed.values()])
    return [each for i, each in changed.items() if fresh[i] and each.flag >= SUSPECT]


def _is_plain(known: Sequence[Row], new: Sequence[int]) -> bool:
    """Return whether one reading is new, the last, and good without a test: it differs a little from the one before."""
    if len(new) != 1 or len(known) <= LEAST or known[-1][0] != new[0] or known[-1][5] is not None:
        return False
    change = abs(known[-1][1] - known[-2][1])
    return 0 < change <= LEAST_CHANGE and all(row[4] == GOOD for row in known[-LEAST - 1 :])


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


def _usual(end: SeriesEnd, times: Times, rows: Places) -> Floats:
    if end.latitude is None or end.longitude is None:
        return np.full(len(rows), np.nan)
    coefficients = GlobalClimatology.load().coefficients(end.latitude, end.longitude)
    return evaluate(coefficients, times[rows]).astype(np.float64)


def _expected(connection: Connection, end: SeriesEnd, time: np.datetime64) -> Range | None:
    """Return the range of the forecast that was issued before a reading and reaches it."""
    forecast = last_forecast(connection, end.number, int(time.astype(np.int64)))
    if forecast is None or not forecast.content["intervals"]:
        return None
    intervals = forecast.content["intervals"]
    start = np.datetime64(seconds_of(forecast.content["timestamps"][0]), "s")
    lead = round(float(TimeStep.parse(end.step).place(np.array([time]), start)[0]))
    quantiles = quantiles_of(intervals)
    if not 0 <= lead < len(quantiles):
        return None
    low, high = plausible_range(quantiles[lead], probabilities_of(levels_of(intervals)), 0.0)
    return float(low), float(high)
