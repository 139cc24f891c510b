"""Where the readings of stations end, in the database."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from forecasting.qartod import MISSING
from service.store.database.tables import OBSERVATIONS, STATIONS

_IDS_AT_ONCE: Final = 500
"""IDs in one statement."""

SETTLED_READINGS: Final = 14
"""Readings that settle the steps of a station. Until then, one at a wrong time must not refuse all that follow."""

_NEWEST: Final = (
    select(OBSERVATIONS.c.time)
    .where(OBSERVATIONS.c.station == STATIONS.c.number, OBSERVATIONS.c.flag != MISSING)
    .order_by(OBSERVATIONS.c.time.desc())
)

# To build the statement takes longer than to run it for one station.
_ENDS: Final = select(
    STATIONS.c.id,
    STATIONS.c.number,
    STATIONS.c.step,
    _NEWEST.limit(1).scalar_subquery(),
    _NEWEST.where(OBSERVATIONS.c.revision == 0).limit(1).offset(SETTLED_READINGS - 1).scalar_subquery(),
    STATIONS.c.latitude,
    STATIONS.c.longitude,
).where(STATIONS.c.id.in_(bindparam("ids", expanding=True)))


class SeriesEnd(NamedTuple):
    """Where the readings of a station end.

    Attributes:
        number: of the station.
        step: between its readings.
        newest: time of the newest, Unix seconds; None if there is none.
        settling: time of the last of the newest :data:`SETTLED_READINGS`; None if there are fewer.
        latitude: of the station, degrees north; None if it is not known.
        longitude: degrees east.
    """

    number: int
    step: str
    newest: int | None
    settling: int | None
    latitude: float | None
    longitude: float | None

    @property
    def is_settled(self) -> bool:
        """Whether there are so many readings that the next must be whole steps from them."""
        return self.settling is not None


def ends_of(connection: Connection, station_ids: Sequence[str]) -> dict[str, SeriesEnd]:
    """Return where the readings of those stations end that exist, by ID."""
    ends: dict[str, SeriesEnd] = {}
    for begin in range(0, len(station_ids), _IDS_AT_ONCE):
        rows = connection.execute(_ENDS, {"ids": station_ids[begin : begin + _IDS_AT_ONCE]})
        ends |= {station: SeriesEnd(*end) for station, *end in rows}
    return ends
