"""Stations and their fetches in the database. Each function works in the transaction of the connection that it gets."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, func, or_, select, true

from forecasting.qartod import MISSING, NOT_EVALUATED
from forecasting.series.units import Units
from forecasting.wording import counted
from service.plugins.stations.store.audit import Author, Entry, add_entries
from service.plugins.stations.store.database import (
    HiddenStationError,
    NotOwnerError,
    OwnerChangeError,
    QuotaError,
    StepChangeError,
    StoreError,
    UnknownStationError,
    insert_into,
    parts,
)
from service.plugins.stations.store.tables import FETCHES, OBSERVATIONS, STATIONS, WEATHER

Json = dict[str, Any]

Visibility = Literal["private", "shared"]
"""Who may read a station: its owner, or everyone who may call the service. One without an owner is everyone's."""

SETTLED_READINGS: Final = 14
"""Readings that settle the steps of a station. Until then, one at a wrong time must not refuse all that follow."""

_CLOCK_SECONDS: Final = 60
"""How far the clocks of replicas may be apart."""


@dataclass(frozen=True, slots=True)
class StationSettings:
    """The settings of a station, as clients send them."""

    step: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    units: Units = "celsius"
    model: str = "best"
    horizon: int | None = None
    events: list[Json] | None = None
    baseline: Json | str | None = None
    webhooks: list[Json] | None = None
    notify: list[str] | None = None
    source: Json | None = None
    weather: Json | str | None = None
    alert_within: str | None = None
    silent_after: str | None = None
    visibility: Visibility = "private"

    def origin(self, kind: "FetchKind") -> Json | str | None:
        """Return where something is fetched; None if it is not."""
        return self.source if kind == READINGS else self.weather


FetchKind = Literal["readings", "weather"]
READINGS: Final = "readings"
WEATHER_KIND: Final = "weather"
_KINDS: Final[tuple[FetchKind, ...]] = get_args(FetchKind)


class Limits(NamedTuple):
    """How many stations, and stations with a source, one key may have; 0 for no limit."""

    stations: int
    sources: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who reads or writes stations."""

    name: str | None = None
    may_write: bool = True
    may_all: bool = True
    limits: Limits | None = None

    @property
    def author(self) -> Author:
        """The caller as the audit names it."""
        return Author(self.name)

    @property
    def reads(self) -> ColumnElement[bool]:
        """The condition that the caller may read a station; it is that of :meth:`check`."""
        if self.may_all:
            return true()
        owner = STATIONS.c.owner
        return or_(owner.is_(None), owner == self.name, STATIONS.c.visibility == "shared")

    def owns(self, owner: str | None) -> bool:
        """Return whether a station with this owner is as good as the caller's own; so are those without an owner."""
        return self.may_all or owner is None or owner == self.name

    def check(self, station: str, owner: str | None, visibility: str, *, writes: bool = True) -> None:
        """Check whether the caller may write a station, or read it."""
        if self.owns(owner):
            return
        if visibility != "shared":
            raise UnknownStationError(station)
        if writes:
            raise NotOwnerError(station)


EVERYONE: Final = Caller()
"""The only caller where there are no keys, and the service itself."""


class Observation(NamedTuple):
    """An observation, or one revision of it."""

    time: int
    value: float
    revision: int
    received: int
    flag: int = NOT_EVALUATED
    tests: str | None = None

    @property
    def failed(self) -> list[str]:
        """The tests that it fails, one by one."""
        return self.tests.split(",") if self.tests else []


@dataclass(frozen=True, slots=True)
class Station:
    """A station in the database. Times are Unix seconds."""

    id: str
    number: int
    created: int
    changed: int
    batches: int
    received: int | None
    settings: StationSettings
    newest: Observation | None
    owner: str | None = None


def _newest(column: str) -> ColumnElement[Any]:
    """Return a column of the newest observation of each station."""
    rows = OBSERVATIONS.alias().c
    query = select(rows[column]).where(rows.station == STATIONS.c.number, rows.flag != MISSING)
    return query.order_by(rows.time.desc(), rows.revision.desc()).limit(1).correlate(STATIONS).scalar_subquery()


_SETTINGS: Final = tuple(STATIONS.c[name] for name in StationSettings.__slots__)
_OWN: Final = tuple(STATIONS.c[name] for name in ("id", "number", "created", "changed", "batches", "received", "owner"))
_OBSERVED: Final = tuple(OBSERVATIONS.c[name] for name in Observation._fields)

ALL_STATIONS: Final = select(*_OWN, *_SETTINGS, *_OBSERVED).join_from(
    STATIONS,
    OBSERVATIONS,
    and_(
        OBSERVATIONS.c.station == STATIONS.c.number,
        OBSERVATIONS.c.time == _newest("time"),
        OBSERVATIONS.c.revision == _newest("revision"),
    ),
    isouter=True,
)
"""Selects stations, for :func:`fetch_stations`; add conditions about their table."""

# To build these statements takes longer than to run them for one station.
NUMBERED_STATIONS: Final = ALL_STATIONS.where(STATIONS.c.number.in_(bindparam("ids", expanding=True)))
_SETTINGS_OF: Final = select(STATIONS.c.id, STATIONS.c.owner, STATIONS.c.visibility, *_SETTINGS).where(
    STATIONS.c.id.in_(bindparam("ids", expanding=True))
)
_LOCK: Final = (
    select(STATIONS.c.number)
    .where(STATIONS.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(STATIONS.c.number)
    .with_for_update()
)
_TIMES: Final = (
    select(OBSERVATIONS.c.time)
    .where(OBSERVATIONS.c.station == STATIONS.c.number, OBSERVATIONS.c.flag != MISSING)
    .order_by(OBSERVATIONS.c.time.desc())
)
_ENDS: Final = select(
    *(STATIONS.c[name] for name in ("id", "number", "step", "latitude", "longitude")),
    _TIMES.limit(1).scalar_subquery(),
    _TIMES.where(OBSERVATIONS.c.revision == 0).limit(1).offset(SETTLED_READINGS - 1).scalar_subquery(),
    STATIONS.c.owner,
).where(STATIONS.c.id.in_(bindparam("ids", expanding=True)))


def put_station(
    connection: Connection,
    station_id: str,
    settings: StationSettings,
    now: int,
    caller: Caller = EVERYONE,
    owner: str | None = None,
) -> bool:
    """Create a station, or give it other settings. Return whether it is new.

    A new one belongs to ``owner``, by default the caller; another one keeps its owner if there is none.
    """
    values = asdict(settings)
    new = {"id": station_id, "owner": owner or caller.name, "created": now, "changed": now, **values}
    _check_owner(new["owner"], caller.name, caller)
    creation = (
        insert_into(STATIONS, connection.dialect.name).values(**new).on_conflict_do_nothing(index_elements=["id"])
    )
    while True:
        number = connection.scalar(creation.returning(STATIONS.c.number))
        if number is not None:
            for kind in _KINDS:
                if settings.origin(kind) is not None:
                    schedule_fetch(connection, number, now, kind)
            _check_limits(connection, caller, station=True, source=settings.source is not None)
            return True
        row = lock_station_to_put(connection, station_id, caller)
        # None if another process has deleted it since.
        if row is not None:
            break
    values["owner"] = owner or row.owner
    _check_owner(values["owner"], row.owner, caller)
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    has_readings = exists().where(OBSERVATIONS.c.station == row.number)
    if row.step != settings.step and connection.scalar(select(has_readings)):
        raise StepChangeError(
            f"station {station_id!r} has readings at the step {row.step!r}, which cannot change: send "
            f'"step": "{row.step}", create another station, or delete this one first'
        )
    connection.execute(STATIONS.update().where(STATIONS.c.number == row.number).values(changed=now, **values))
    if row.source != settings.source:
        schedule_fetch(connection, row.number, None if settings.source is None else now, READINGS)
    before = row.weather, row.latitude, row.longitude, row.step
    if before != (settings.weather, settings.latitude, settings.longitude, settings.step):
        connection.execute(WEATHER.delete().where(WEATHER.c.station == row.number))
        schedule_fetch(connection, row.number, None if settings.weather is None else now, WEATHER_KIND)
    _check_limits(connection, caller, station=False, source=settings.source is not None and row.source is None)
    return False


def _check_owner(owner: str | None, before: str | None, caller: Caller) -> None:
    if owner != before and not caller.may_all:
        raise OwnerChangeError


def _check_limits(connection: Connection, caller: Caller, *, station: bool, source: bool) -> None:
    """Raise QuotaError if the caller has too many stations, now that it has got one, or a source for one."""
    if caller.limits is None:
        return
    stations, sources = _numbers_of(connection, caller)
    if station and 0 < caller.limits.stations < stations:
        raise QuotaError(_full(caller, stations - 1))
    if source and 0 < caller.limits.sources < sources:
        raise QuotaError(
            f"the key {caller.name} has {counted(sources - 1, 'station')} with a source, and may have at most "
            f"{caller.limits.sources} (SST_SOURCES_PER_KEY): remove the source of one, or ask the operator of the "
            "service for more"
        )


def quota_refusal(connection: Connection, caller: Caller) -> str | None:
    """Return why the caller may not create another station, as far as its limits tell; None if it may."""
    if caller.limits is None:
        return None
    stations, _ = _numbers_of(connection, caller)
    return _full(caller, stations) if 0 < caller.limits.stations <= stations else None


def _numbers_of(connection: Connection, caller: Caller) -> tuple[int, int]:
    """Return how many stations belong to a caller, and how many of them have a source."""
    numbers = select(func.count(), func.count(STATIONS.c.source)).where(STATIONS.c.owner == caller.name)
    stations, sources = connection.execute(numbers).one()
    return stations, sources


def _full(caller: Caller, stations: int) -> str:
    assert caller.limits is not None
    return (
        f"the key {caller.name} has {counted(stations, 'station')}, and may have at most {caller.limits.stations} "
        "(SST_STATIONS_PER_KEY): delete one, or ask the operator of the service for more"
    )


def lock_station(connection: Connection, station_id: str, caller: Caller = EVERYONE) -> Row[Any] | None:
    """Lock a station against other writers and return its row; None if there is no such station."""
    row = connection.execute(select(STATIONS).where(STATIONS.c.id == station_id).with_for_update()).one_or_none()
    if row is not None:
        caller.check(station_id, row.owner, row.visibility)
    return row


def lock_station_to_put(connection: Connection, station_id: str, caller: Caller) -> Row[Any] | None:
    """Do what :func:`lock_station` does, for a call that would create the station."""
    try:
        return lock_station(connection, station_id, caller)
    except UnknownStationError:
        raise HiddenStationError(station_id) from None


def lock_stations(connection: Connection, numbers: Sequence[int]) -> list[int]:
    """Let other transactions wait that write to these stations; return the numbers of those that exist.

    SQLite has one writer at a time anyway. All lock in the order of the numbers, so that they never wait in a circle.
    """
    return [n for some in parts(sorted(numbers)) for n in connection.scalars(_LOCK, {"numbers": some})]


def delete_station(connection: Connection, station_id: str, now: int, caller: Caller = EVERYONE) -> None:
    """Delete a station with all that belongs to it, except its audit."""
    row = lock_station(connection, station_id, caller)
    if row is None:
        raise UnknownStationError(station_id)
    of_station = OBSERVATIONS.c.station == row.number
    deleted = {"name": row.name, "readings": connection.scalar(select(func.count()).where(of_station))}
    add_entries(connection, [Entry(now, caller.author, station_id, row.owner, "deleted", deleted)])
    connection.execute(STATIONS.delete().where(STATIONS.c.id == station_id))


def get_station(connection: Connection, station_id: str) -> Station:
    """Return a station, for the service itself."""
    row = connection.execute(ALL_STATIONS.where(STATIONS.c.id == station_id)).one_or_none()
    if row is None:
        raise UnknownStationError(station_id)
    return _station_of(row)


def station_for(connection: Connection, station_id: str, caller: Caller, *, writes: bool = False) -> Station:
    """Return a station that ``caller`` may read, or write."""
    station = get_station(connection, station_id)
    caller.check(station_id, station.owner, station.settings.visibility, writes=writes)
    return station


def list_stations(
    connection: Connection, limit: int, after: str = "", search: str = "", caller: Caller = EVERYONE
) -> list[Station]:
    """Return the first ``limit`` stations after an ID, in the database's order, with ``search`` in their IDs or names.

    They are those that ``caller`` may read. Upper and lower case are the same to ``search``.
    """
    query = ALL_STATIONS.where(STATIONS.c.id > after, caller.reads).order_by(STATIONS.c.id).limit(limit)
    if search:
        query = query.where(or_(*(c.icontains(search, autoescape=True) for c in (STATIONS.c.id, STATIONS.c.name))))
    return [_station_of(row) for row in connection.execute(query)]


def fetch_stations(connection: Connection, statement: Select[Any], ids: Sequence[str | int]) -> list[Station]:
    """Return the stations that a statement with the parameter ``ids`` selects, in no particular order."""
    return [_station_of(row) for row in connection.execute(statement, {"ids": ids})]


def _station_of(row: Sequence[Any]) -> Station:
    # By position: thousands of stations are read at once.
    station_id, number, created, changed, batches, received, owner = row[: len(_OWN)]
    settings, observed = row[len(_OWN) : -len(_OBSERVED)], row[-len(_OBSERVED) :]
    newest = None if observed[0] is None else Observation(*observed)
    return Station(station_id, number, created, changed, batches, received, StationSettings(*settings), newest, owner)


def settings_to_write(
    connection: Connection, station_ids: Sequence[str], caller: Caller
) -> dict[str, StationSettings | StoreError]:
    """Return the settings of each station by ID, or the error that keeps ``caller`` from writing it."""
    settings: dict[str, StationSettings | StoreError] = {name: UnknownStationError(name) for name in station_ids}
    for ids in parts(station_ids):
        for name, owner, visibility, *values in connection.execute(_SETTINGS_OF, {"ids": ids}):
            try:
                caller.check(name, owner, visibility)
                settings[name] = StationSettings(*values)
            except StoreError as error:
                settings[name] = error
    return settings


class SeriesEnd(NamedTuple):
    """Where the readings of a station end."""

    number: int
    step: str
    latitude: float | None
    longitude: float | None
    newest: int | None
    settling: int | None
    owner: str | None


def ends_of(connection: Connection, station_ids: Sequence[str]) -> dict[str, SeriesEnd]:
    """Return where the readings of those stations end that exist, by ID."""
    rows = (row for ids in parts(station_ids) for row in connection.execute(_ENDS, {"ids": ids}))
    return {station: SeriesEnd(*end) for station, *end in rows}


class Fetch(NamedTuple):
    """How fetching goes for a station. Times are Unix seconds; the columns of the table say more."""

    station: int
    kind: FetchKind
    next_attempt: int
    attempted: int | None = None
    succeeded: int | None = None
    failures: int = 0
    error: str | None = None
    content: Json | None = None
    until: int | None = None
    since: int = 0


def schedule_fetch(connection: Connection, station: int, now: int | None, kind: FetchKind) -> None:
    """Fetch something of a station at ``now`` for the first time; with None, no longer."""
    connection.execute(FETCHES.delete().where(FETCHES.c.station == station, FETCHES.c.kind == kind))
    if now is not None:
        connection.execute(FETCHES.insert().values(Fetch(station, kind, now, since=now)._asdict()))


def is_fetch_due(connection: Connection, now: int, kind: FetchKind = READINGS) -> bool:
    """Return whether any station is to be fetched by ``now``."""
    return bool(connection.scalar(select(exists().where(_is_due(now, kind)))))


def due_fetches(connection: Connection, now: int) -> list[tuple[str, Json, Fetch]]:
    """Return the ID and the source of all stations to be fetched by ``now``, those first that have waited longest."""
    query = select(STATIONS.c.id, STATIONS.c.source, *FETCHES.c).join_from(STATIONS, FETCHES)
    rows = connection.execute(query.where(_is_due(now, READINGS)).order_by(*_WAITING_LONGEST))
    return [(name, source, Fetch(*columns)) for name, source, *columns in rows]


class DueWeather(NamedTuple):
    """A station whose weather is to be fetched, and where and how."""

    station: str
    settings: StationSettings
    fetch: Fetch


def due_weather(connection: Connection, now: int, soon: int) -> list[DueWeather]:
    """Return the stations whose weather is to be fetched by ``now``, those first that have waited longest.

    Those that are due ``soon`` follow, unless their last fetch failed: one request may serve all.
    """
    query = select(STATIONS.c.id, *_SETTINGS, *FETCHES.c).join_from(STATIONS, FETCHES)
    later = and_(FETCHES.c.kind == WEATHER_KIND, FETCHES.c.failures == 0, FETCHES.c.next_attempt <= soon)
    rows = connection.execute(query.where(or_(_is_due(now, WEATHER_KIND), later)).order_by(*_WAITING_LONGEST))
    return [
        DueWeather(name, StationSettings(*columns[: len(_SETTINGS)]), Fetch(*columns[len(_SETTINGS) :]))
        for name, *columns in rows
    ]


def get_fetches(connection: Connection, stations: Sequence[int], kind: FetchKind = READINGS) -> dict[int, Fetch]:
    """Return how fetching goes, by the number of the station; those without a source are left out."""
    rows = connection.execute(select(FETCHES).where(FETCHES.c.station.in_(stations), FETCHES.c.kind == kind))
    return {row.station: Fetch(*row) for row in rows}


def record_fetch(connection: Connection, fetch: Fetch, origin: Json | str) -> None:
    """Store how a fetch went, unless it began before the station got its source, or has another by now."""
    if has_source(connection, fetch.station, origin, fetch.kind):
        identity = FETCHES.c.station, FETCHES.c.kind, FETCHES.c.since
        ours = and_(*(column == getattr(fetch, column.name) for column in identity))
        connection.execute(FETCHES.update().where(ours).values(fetch._asdict()))


def has_source(connection: Connection, station: int, origin: Json | str, kind: FetchKind = READINGS) -> bool:
    """Return whether a station still has this source; no other transaction changes it meanwhile."""
    column = STATIONS.c.source if kind == READINGS else STATIONS.c.weather
    return bool(connection.scalar(select(column).where(STATIONS.c.number == station).with_for_update()) == origin)


_WAITING_LONGEST: Final = (FETCHES.c.next_attempt, FETCHES.c.station)


def _is_due(now: int, kind: FetchKind) -> ColumnElement[bool]:
    """Return whether something of a station is to be fetched by ``now``.

    One that was fetched after ``now`` has been scheduled by a clock that was ahead, perhaps by days. A first fetch is
    due whenever its station was created.
    """
    wrong_clock = or_(FETCHES.c.attempted.is_(None), FETCHES.c.attempted > now + _CLOCK_SECONDS)
    return and_(FETCHES.c.kind == kind, or_(FETCHES.c.next_attempt <= now, wrong_clock))
