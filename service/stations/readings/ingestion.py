"""Readings in: from what is accepted to what is stored."""

from collections.abc import Iterable, Mapping

import numpy as np
from sqlalchemy import Connection

from forecasting.series.times import SECONDS, iso_of
from forecasting.series.timestep import TimeStep, in_words
from service.stations.grid import PAST_STEPS, SETTLED_READINGS, between_steps, grid_of, nearby_steps
from service.stations.readings.readings import Readings
from service.store.ends import SeriesEnd, ends_of
from service.store.observations import Outcome, add_observations, latest_values
from service.store.stations import lock_stations
from service.telemetry.station_metrics import StationMetrics


def ingest(connection: Connection, readings: Mapping[str, Readings], now: int) -> dict[str, Outcome]:
    """Store the readings of stations in one transaction.

    Readings between two steps of the earlier ones move from ``accepted`` to ``refused``.

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
    outcomes = add_observations(connection, {end.number: readings[name].accepted for name, end in ends.items()}, now)
    return {name: outcomes[end.number] for name, end in ends.items() if end.number in outcomes}


def count_readings(metrics: StationMetrics, outcomes: Iterable[Outcome], refused: int) -> None:
    """Count what became of readings, once they are on disk."""
    total = {"new": 0, "revised": 0, "unchanged": 0}
    for outcome in outcomes:
        for name, count in outcome._asdict().items():
            total[name] += count
    metrics.readings(total | {"refused": refused})


def _ends(connection: Connection, stations: list[str]) -> dict[str, SeriesEnd]:
    """Return where the readings of stations end. No other transaction may begin the series of one meanwhile."""
    ends = ends_of(connection, stations)
    empty = [station for station, end in ends.items() if end.newest is None]
    if empty:
        # All of them in one order: to lock these first would let two transactions wait for each other.
        lock_stations(connection, [end.number for end in ends.values()])
        ends |= ends_of(connection, empty)
    return ends


def _refuse_between_steps(connection: Connection, readings: Readings, end: SeriesEnd) -> None:
    step = TimeStep.parse(end.step)
    doubtful = [time for time in readings.accepted if not _is_clear(time, end.newest, step)]
    if not doubtful:
        return
    start = _grid(connection, readings, end, step)
    times = np.array(doubtful, dtype=np.int64)
    for time in times[between_steps(times.view(SECONDS), start, step)].tolist():
        before, after = nearby_steps(time, start, step)
        readings.refuse(
            time,
            f"the time {iso_of(time)} is between two steps ({in_words(end.step)}) of the station, {before} and "
            f"{after}: send one reading for the step, such as the mean, at one of these times",
        )


def _is_clear(time: int, newest: int | None, step: TimeStep) -> bool:
    """Return whether a time is exactly on the grid of the newest reading, so that no others need to be read."""
    return step.calendar_month or (newest is not None and (time - newest) % step.seconds == 0)


def _grid(connection: Connection, readings: Readings, end: SeriesEnd, step: TimeStep) -> np.datetime64:
    """Return the start of the grid of the newest readings of a station; while it has few, of those and the batch."""
    times = np.array(sorted(readings.accepted), dtype=np.int64)
    if end.newest is not None:
        begin = step.shift(np.asarray(np.datetime64(end.newest, "s")), 1 - PAST_STEPS)
        stored, _ = latest_values(connection, end.number, int(begin.astype(np.int64)))
        times = stored if len(stored) >= SETTLED_READINGS else np.union1d(stored, times)
    return grid_of(times.view(SECONDS), step)
