"""Readings in: from what is accepted to what is stored, with the flags of the tests."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from forecasting.qartod import FAIL
from forecasting.series.times import SECONDS, iso_of
from forecasting.series.timestep import TimeStep, in_words
from service.stations.grid import PAST_STEPS, between_steps, grid_of, nearby_steps
from service.stations.readings.quality import check_readings
from service.stations.readings.readings import Readings
from service.store.database.errors import UnknownStationError
from service.store.ends import SeriesEnd, ends_of
from service.store.observations import (
    Change,
    Integers,
    Observation,
    Outcome,
    add_observations,
    correct_observation,
    latest_values,
)
from service.store.stations import lock_stations
from service.telemetry.station_metrics import StationMetrics


def ingest(connection: Connection, readings: Mapping[str, Readings], now: int) -> dict[str, Outcome]:
    """Store and test the readings of stations in one transaction.

    Readings between two steps of the earlier ones move from ``accepted`` to ``refused``. Those that the tests doubt
    are added to ``doubted``.

    Args:
        connection: of a writing transaction.
        readings: of each station.
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

    The arguments are those of :func:`~service.store.observations.correct_observation`, with the ID of the station.

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
    unsettled = [station for station, end in ends.items() if not end.is_settled]
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
    begin = step.shift(np.asarray(np.datetime64(end.newest, "s")), 1 - PAST_STEPS)
    stored, _ = latest_values(connection, end.number, int(begin.astype(np.int64)), worst=FAIL)
    if end.is_settled:
        return grid_of(stored.view(SECONDS), step)
    both = grid_of(np.union1d(stored, times).view(SECONDS), step)
    return min(both, batch, key=lambda start: int(between_steps(times.view(SECONDS), start, step).sum()))
