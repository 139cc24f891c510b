"""Readings in: from what is accepted to what is stored."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from service.store.observations import Outcome, add_observations
from service.store.stations import numbers_of
from service.telemetry.station_metrics import StationMetrics


def ingest(connection: Connection, readings: Mapping[str, Mapping[int, float]], now: int) -> dict[str, Outcome]:
    """Store the readings of stations in one transaction.

    Args:
        connection: of a writing transaction.
        readings: °C by time, for each station.
        now: when they arrived, Unix seconds.

    Returns:
        What they changed, by station; a station that does not exist is left out.
    """
    numbers = numbers_of(connection, sorted(readings))
    outcomes = add_observations(connection, {number: readings[name] for name, number in numbers.items()}, now)
    return {name: outcomes[number] for name, number in numbers.items() if number in outcomes}


def count_readings(metrics: StationMetrics, outcomes: Iterable[Outcome], refused: int) -> None:
    """Count what became of readings, once they are on disk."""
    total = {"new": 0, "revised": 0, "unchanged": 0}
    for outcome in outcomes:
        for name, count in outcome._asdict().items():
            total[name] += count
    metrics.readings(total | {"refused": refused})
