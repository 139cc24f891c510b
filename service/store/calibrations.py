"""Calibrations in the database: the spread of stations' next forecasts, learned from those already verified.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Executable, bindparam, select

from service.store.database.inserting import insert_with
from service.store.database.tables import CALIBRATIONS

_STATIONS_AT_ONCE: Final = 500
"""Stations in one statement."""

# To build the statement takes longer than to run it for one station.
_OF_STATIONS: Final = select(CALIBRATIONS).where(CALIBRATIONS.c.station.in_(bindparam("stations", expanding=True)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration learned from the forecasts of one model at one station.

    Attributes:
        station: the number of the station.
        model: the network or reference that made the forecasts.
        version: of its release.
        until: the time of the last observation that it has learned from, Unix seconds.
        content: an :class:`~forecasting.universal.online_calibration.OnlineCalibration` as JSON.
    """

    station: int
    model: str
    version: str
    until: int
    content: dict[str, Any]


def get_calibrations(connection: Connection, stations: Sequence[int]) -> dict[tuple[int, str], Calibration]:
    """Return the calibrations of stations, by number of the station and model."""
    calibrations: dict[tuple[int, str], Calibration] = {}
    for begin in range(0, len(stations), _STATIONS_AT_ONCE):
        for row in connection.execute(_OF_STATIONS, {"stations": stations[begin : begin + _STATIONS_AT_ONCE]}):
            calibrations[row.station, row.model] = Calibration(*(getattr(row, name) for name in Calibration.__slots__))
    return calibrations


def put_calibrations(connection: Connection, calibrations: Sequence[Calibration]) -> None:
    """Store calibrations in place of those of the same stations and models."""
    if not calibrations:
        return
    # dataclasses.asdict would copy the content, value by value.
    rows = [{name: getattr(each, name) for name in Calibration.__slots__} for each in calibrations]
    connection.execute(_replacement(connection.dialect.name), rows)


@lru_cache(maxsize=2)
def _replacement(dialect: str) -> Executable:
    insert = insert_with(dialect, CALIBRATIONS)
    changed = {name: insert.excluded[name] for name in ("version", "until", "content")}
    return insert.on_conflict_do_update(index_elements=["station", "model"], set_=changed)
