"""Stations in the database. Each function works in the transaction of the connection that it is given."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, exists, func, or_, select

from forecasting.qartod import MISSING
from forecasting.series.units import Units
from service.stations.store.database import insert_into, parts
from service.stations.store.errors import NotOwnerError, StepChangeError, StoreError, UnknownStationError
from service.stations.store.fetches import schedule_fetch
from service.stations.store.tables import OBSERVATIONS, STATIONS

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

_LOCK: Final = (
    select(STATIONS.c.number)
    .where(STATIONS.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(STATIONS.c.number)
    .with_for_update()
)


class SeriesEnd(NamedTuple):
    """Where the readings of a station end.

    Attributes:
        number: number of the station in other tables.
        step: between its readings.
        newest: time of the newest, Unix seconds; None if there is none.
        settling: time of the last of the newest :data:`SETTLED_READINGS`; None if there are fewer.
        latitude: degrees north; None if it is not known.
        longitude: degrees east.
    """

    number: int
    step: str
    newest: int | None
    settling: int | None
    latitude: float | None
    longitude: float | None


def ends_of(connection: Connection, station_ids: Sequence[str]) -> dict[str, SeriesEnd]:
    """Return where the readings of those stations end that exist, by ID."""
    ends: dict[str, SeriesEnd] = {}
    for ids in parts(station_ids):
        ends |= {station: SeriesEnd(*end) for station, *end in connection.execute(_ENDS, {"ids": ids})}
    return ends


@dataclass(frozen=True, slots=True)
class StationSettings:
    """The settings of a station, as clients send them.

    Attributes:
        step: between its values, as :meth:`forecasting.series.timestep.TimeStep.parse` reads it.
        name: display name.
        latitude: degrees north.
        longitude: degrees east.
        units: units of the readings that are sent, and of responses.
        model: ``best``, a cell or a full name.
        horizon: steps to forecast; None for all that the model forecasts.
        events: events that it watches, as clients send them; None for none.
        baseline: baseline of the events, as clients send it.
        webhooks: where alerts are sent: ``url``, ``secret``, and ``events`` or None for all.
        source: where its readings are fetched, as :meth:`service.stations.sources.Source.load` reads it.
    """

    step: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    units: Units = "celsius"
    model: str = "best"
    horizon: int | None = None
    events: list[dict[str, Any]] | None = None
    baseline: dict[str, Any] | None = None
    webhooks: list[dict[str, Any]] | None = None
    source: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes a station.

    Attributes:
        name: name of the key, by which stations are owned; None without keys. A new key of the same name owns them too.
        may_all: whether it may write the stations of others: an admin key does, and everyone without keys.
    """

    name: str | None = None
    may_all: bool = True

    def check(self, station: str, owner: str | None) -> None:
        """Raise NotOwnerError if a station belongs to another key."""
        if not self.may_all and self.name != owner:
            raise NotOwnerError(station)


EVERYONE: Final = Writer()
"""The only writer where there are no keys."""

_SETTINGS: Final = tuple(STATIONS.c[name] for name in StationSettings.__slots__)

# To build these statements takes longer than to run them for one station.
_SETTINGS_OF: Final = select(STATIONS.c.id, STATIONS.c.owner, *_SETTINGS).where(
    STATIONS.c.id.in_(bindparam("ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Observed:
    """The newest observation of a station: its time, its value in °C, when it arrived, and its QARTOD flag."""

    time: int
    value: float
    received: int
    flag: int


@dataclass(frozen=True, slots=True)
class Station:
    """A station in the database.

    Attributes:
        id: chosen by clients.
        number: its number in other tables.
        settings: as clients sent them.
        created: when it was created, Unix seconds.
        changed: when its settings last changed.
        batches: number of batches that brought new or revised readings.
        received: when the last of them arrived.
        newest: its newest observation; None if it has none.
    """

    id: str
    number: int
    settings: StationSettings
    created: int
    changed: int
    batches: int
    received: int | None
    newest: Observed | None


_NEWEST_OBSERVED: Final = [
    select(column)
    .where(OBSERVATIONS.c.station == STATIONS.c.number, OBSERVATIONS.c.flag != MISSING)
    .order_by(OBSERVATIONS.c.time.desc(), OBSERVATIONS.c.revision.desc())
    .limit(1)
    .scalar_subquery()
    .label(f"newest_{column.name}")
    for column in (OBSERVATIONS.c[name] for name in Observed.__slots__)
]

ALL_STATIONS: Final = select(
    *_NEWEST_OBSERVED,
    *(STATIONS.c[name] for name in ("id", "number", "created", "changed", "batches", "received")),
    *_SETTINGS,
)
"""Selects stations, for :func:`fetch_stations`; add conditions about their table."""

NUMBERED_STATIONS: Final = ALL_STATIONS.where(STATIONS.c.number.in_(bindparam("ids", expanding=True)))


def put_station(
    connection: Connection, station_id: str, settings: StationSettings, now: int, writer: Writer = EVERYONE
) -> bool:
    """Create a station, which then belongs to ``writer``, or give it other settings. Return whether it is new.

    Raises:
        NotOwnerError: if it belongs to another writer.
        StepChangeError: if it has readings, which belong to another step.
    """
    values = asdict(settings)
    while True:
        new = {"id": station_id, "owner": writer.name, "created": now, "changed": now, **values}
        number = _insert_new(connection, new)
        if number is not None:
            if settings.source is not None:
                schedule_fetch(connection, number, now)
            return True
        row = _lock_owned(connection, station_id, writer)
        # None if another process has deleted it since.
        if row is not None:
            break
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    if row.step != settings.step and _has_readings(connection, row.number):
        raise StepChangeError(
            f"station {station_id!r} has readings at the step {row.step!r}, which cannot change: send "
            f'"step": "{row.step}", create another station, or delete this one first'
        )
    connection.execute(STATIONS.update().where(STATIONS.c.number == row.number).values(changed=now, **values))
    if row.source != settings.source:
        schedule_fetch(connection, row.number, None if settings.source is None else now)
    return False


def get_station(connection: Connection, station_id: str) -> Station:
    """Return a station.

    Raises:
        UnknownStationError: if there is none with this ID.
    """
    row = connection.execute(ALL_STATIONS.where(STATIONS.c.id == station_id)).one_or_none()
    if row is None:
        raise UnknownStationError(station_id)
    return _station_of(row)


def list_stations(connection: Connection, limit: int, after: str = "", search: str = "") -> list[Station]:
    """Return the first ``limit`` stations after an ID, in the database's order, with ``search`` in their IDs or names.

    Upper and lower case are the same to ``search``.
    """
    query = ALL_STATIONS.where(STATIONS.c.id > after).order_by(STATIONS.c.id).limit(limit)
    if search:
        query = query.where(or_(*(c.icontains(search, autoescape=True) for c in (STATIONS.c.id, STATIONS.c.name))))
    return [_station_of(row) for row in connection.execute(query)]


def fetch_stations(connection: Connection, statement: Select[Any], ids: Sequence[str | int]) -> list[Station]:
    """Return the stations that a statement with the parameter ``ids`` selects, in no particular order."""
    return [_station_of(row) for some in parts(ids) for row in connection.execute(statement, {"ids": some})]


def lock_webhooks(connection: Connection, station_id: str, writer: Writer = EVERYONE) -> list[dict[str, Any]] | None:
    """Return the webhooks of a station, if it exists, and let other transactions wait that write to it.

    Raises:
        NotOwnerError: if it belongs to another writer.
    """
    owned = _lock_owned(connection, station_id, writer)
    webhooks: list[dict[str, Any]] | None = None if owned is None else owned.webhooks
    return webhooks


def delete_station(connection: Connection, station_id: str, writer: Writer = EVERYONE) -> None:
    """Delete a station with all that belongs to it.

    Raises:
        UnknownStationError: if there is none with this ID.
        NotOwnerError: if it belongs to another writer.
    """
    if _lock_owned(connection, station_id, writer) is None:
        raise UnknownStationError(station_id)
    connection.execute(STATIONS.delete().where(STATIONS.c.id == station_id))


def settings_to_write(
    connection: Connection, station_ids: Sequence[str], writer: Writer
) -> dict[str, StationSettings | StoreError]:
    """Return the settings of each station by ID, or the error that keeps ``writer`` from writing it."""
    settings: dict[str, StationSettings | StoreError] = {name: UnknownStationError(name) for name in station_ids}
    for ids in parts(station_ids):
        for name, owner, *values in connection.execute(_SETTINGS_OF, {"ids": ids}):
            try:
                writer.check(name, owner)
                settings[name] = StationSettings(*values)
            except NotOwnerError as error:
                settings[name] = error
    return settings


def oldest_newest(connection: Connection) -> tuple[int, int | None]:
    """Return how many stations there are, and the oldest time of the newest observations of each; None without any."""
    newest = select(func.max(OBSERVATIONS.c.time)).where(OBSERVATIONS.c.station == STATIONS.c.number).scalar_subquery()
    each = select(newest.label("newest")).select_from(STATIONS).subquery()
    count, oldest = connection.execute(select(func.count(), func.min(each.c.newest)).select_from(each)).one()
    return count, oldest


def lock_stations(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Let other transactions wait that write to these stations; return the numbers of those that exist.

    SQLite has one writer at a time anyway. All lock in the order of the numbers, so that they never wait in a circle.
    """
    locked: list[int] = []
    for some in parts(sorted(numbers)):
        locked += connection.scalars(_LOCK, {"numbers": some})
    return locked


def _insert_new(connection: Connection, values: dict[str, Any]) -> int | None:
    """Insert a station, and return its number; None if there is one with its ID."""
    statement = insert_into(connection, STATIONS).values(**values).on_conflict_do_nothing(index_elements=["id"])
    number: int | None = connection.scalar(statement.returning(STATIONS.c.number))
    return number


def _lock_owned(connection: Connection, station_id: str, writer: Writer) -> Row[Any] | None:
    """Return the row of a station that ``writer`` may write, and lock it; None if there is no such station."""
    row = connection.execute(select(STATIONS).where(STATIONS.c.id == station_id).with_for_update()).one_or_none()
    if row is not None:
        writer.check(station_id, row.owner)
    return row


def _has_readings(connection: Connection, number: int) -> bool:
    return bool(connection.scalar(select(exists().where(OBSERVATIONS.c.station == number))))


def _station_of(row: Sequence[Any]) -> Station:
    # By position: thousands of stations are read at once.
    newest = None if row[0] is None else Observed(*row[:4])
    station_id, number, created, changed, batches, received = row[4:10]
    return Station(station_id, number, StationSettings(*row[10:]), created, changed, batches, received, newest)
