"""Issued forecasts, which nothing changes, and what their intervals learn, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orjson import dumps
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, or_, select

from forecasting.series.times import iso_of
from service.stations.store.database import insert_into, parts
from service.stations.store.stations import ALL_STATIONS, Station, fetch_stations
from service.stations.store.tables import CALIBRATIONS, ISSUED_FORECASTS, STATIONS

SHORT_LEVEL: Final = 80
"""Percent, the level of the only interval in a list of stations."""

_DOUBT: Final = "doubtful_position"
"""The warning of a forecast whose climatology may be that of another position."""

_CONDITIONS_AT_ONCE: Final = 100
"""Conditions in one statement: SQLite refuses expressions that are nested deeper than 1 000."""

_ROWS_AT_ONCE: Final = 100
"""Forecasts of a long archive that are read at once."""

# To build a statement takes longer than to run it for one station.
_WITHOUT_FORECAST: Final = ALL_STATIONS.where(
    STATIONS.c.id.in_(bindparam("ids", expanding=True)),
    STATIONS.c.batches > 0,
    ~exists().where(ISSUED_FORECASTS.c.station == STATIONS.c.number, ISSUED_FORECASTS.c.batch == STATIONS.c.batches),
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration learned from the forecasts of one model at one station.

    Attributes:
        station: the number of the station.
        model: the network or reference that made the forecasts.
        version: version of its release.
        until: the time of the last observation that it has learned from, Unix seconds.
        content: an :class:`~forecasting.models.universal.online_calibration.OnlineCalibration` as JSON.
    """

    station: int
    model: str
    version: str
    until: int
    content: dict[str, Any]


# To build the statement takes longer than to run it for one station.
_OF_STATIONS: Final = select(*(CALIBRATIONS.c[name] for name in Calibration.__slots__)).where(
    CALIBRATIONS.c.station.in_(bindparam("stations", expanding=True))
)


def get_calibrations(connection: Connection, stations: Sequence[int]) -> dict[tuple[int, str], Calibration]:
    """Return the calibrations of stations, by number of the station and model."""
    rows = (row for some in parts(stations) for row in connection.execute(_OF_STATIONS, {"stations": some}))
    return {(row.station, row.model): Calibration(*row) for row in rows}


def put_calibrations(connection: Connection, calibrations: Sequence[Calibration]) -> None:
    """Store calibrations in place of those of the same stations and models."""
    if calibrations:
        insert = insert_into(connection, CALIBRATIONS)
        changed = {name: insert.excluded[name] for name in ("version", "until", "content")}
        replacement = insert.on_conflict_do_update(index_elements=["station", "model"], set_=changed)
        # dataclasses.asdict would copy the content, value by value.
        rows = [{name: getattr(each, name) for name in Calibration.__slots__} for each in calibrations]
        connection.execute(replacement, rows)


@dataclass(frozen=True, slots=True)
class IssuedForecast:
    """A forecast that was issued for a station.

    Attributes:
        station: the number of the station.
        batch: the number of the batch of readings that it was issued for.
        issued: when the readings arrived, Unix seconds.
        observed_until: the time of the last observation that it rests on.
        replayed: whether the readings arrived after the time that the forecast begins with.
        model: the network or reference that made it.
        version: version of its release.
        content: its times, temperatures in °C and warnings, in the form of a response to ``POST /forecast``.
        plain: its intervals before they were recalibrated; None if they were not.
    """

    station: int
    batch: int
    issued: int
    observed_until: int
    replayed: bool
    model: str
    version: str
    content: dict[str, Any]
    plain: list[dict[str, Any]] | None = None


_COLUMNS: Final = tuple(ISSUED_FORECASTS.c[name] for name in IssuedForecast.__slots__)


def add_forecasts(connection: Connection, forecasts: Sequence[IssuedForecast]) -> None:
    """Store forecasts of stations that the transaction has locked. One for a batch that has one already is left out."""
    if forecasts:
        insert = insert_into(connection, ISSUED_FORECASTS).on_conflict_do_nothing(index_elements=["station", "batch"])
        # dataclasses.asdict would copy the content, value by value.
        rows = [
            {name: getattr(each, name) for name in IssuedForecast.__slots__} | {"short": short_json(each)}
            for each in forecasts
        ]
        connection.execute(insert, rows)


def stations_without_forecast(connection: Connection, station_ids: Sequence[str]) -> list[Station]:
    """Return those of the stations whose last batch of readings has no forecast yet."""
    return fetch_stations(connection, _WITHOUT_FORECAST, station_ids)


def last_forecast(connection: Connection, station: int, before: int | None = None) -> IssuedForecast | None:
    """Return the forecast of a station that was issued last, from observations ``before`` a time; None without any.

    Its last observation may be an earlier one than that of others, if a reading was taken back since.
    """
    query = _of_station(station, None, None if before is None else before - 1)
    row = connection.execute(query.order_by(ISSUED_FORECASTS.c.batch.desc()).limit(1)).one_or_none()
    return None if row is None else IssuedForecast(*row)


def forecasts_after(
    connection: Connection,
    station: int,
    begin: int | None = None,
    end: int | None = None,
    *,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[IssuedForecast]:
    """Return the first ``limit`` forecasts of a station, in the order of ``observed_until`` and of their batches.

    Those with ``observed_until`` from ``begin`` to ``end`` that come ``after`` this ``observed_until`` and batch.
    """
    table = ISSUED_FORECASTS.c
    query = _of_station(station, begin, end).order_by(table.observed_until, table.batch)
    if after is not None:
        until, batch = after
        later = or_(table.observed_until > until, and_(table.observed_until == until, table.batch > batch))
        # The first condition lets the index begin there.
        query = query.where(table.observed_until >= until, later)
    return [IssuedForecast(*row) for row in connection.execute(query.limit(limit))]


def iterate_forecasts(
    connection: Connection, station: int, begin: int | None = None, end: int | None = None
) -> Iterator[IssuedForecast]:
    """Yield all forecasts of a station in the order of :func:`forecasts_after`, and keep only some in memory."""
    query = _of_station(station, begin, end).order_by(ISSUED_FORECASTS.c.observed_until, ISSUED_FORECASTS.c.batch)
    for row in connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield IssuedForecast(*row)


def forecasts_of_batches(connection: Connection, batches: Mapping[int, int]) -> dict[int, IssuedForecast]:
    """Return the forecast of one batch of each station, by the number of the station; none where it is not stored."""
    table = ISSUED_FORECASTS.c
    conditions = [and_(table.station == station, table.batch == batch) for station, batch in batches.items()]
    return {forecast.station: forecast for forecast in _selected(connection, conditions)}


def forecasts_between(
    connection: Connection, periods: Mapping[int, tuple[int, int]]
) -> dict[int, list[IssuedForecast]]:
    """Return the forecasts with ``observed_until`` in a period, in order of it and of their batches, for each station.

    ``periods`` are the earliest and the latest ``observed_until``, by the number of the station.
    """
    table = ISSUED_FORECASTS.c
    within = [
        and_(table.station == station, table.observed_until.between(*period)) for station, period in periods.items()
    ]
    forecasts: dict[int, list[IssuedForecast]] = {station: [] for station in periods}
    for forecast in _selected(connection, within):
        forecasts[forecast.station].append(forecast)
    return forecasts


def _of_station(station: int, begin: int | None, end: int | None) -> Select[Any]:
    table = ISSUED_FORECASTS.c
    query = select(*_COLUMNS).where(table.station == station)
    if begin is not None:
        query = query.where(table.observed_until >= begin)
    return query if end is None else query.where(table.observed_until <= end)


def _selected(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> Iterator[IssuedForecast]:
    """Yield the forecasts that meet any of the conditions, each about one station."""
    table = ISSUED_FORECASTS.c
    for some in parts(conditions, _CONDITIONS_AT_ONCE):
        query = select(*_COLUMNS).where(or_(*some)).order_by(table.observed_until, table.batch)
        for row in connection.execute(query):
            yield IssuedForecast(*row)


def newest_forecasts(connection: Connection, stations: Sequence[int]) -> dict[int, IssuedForecast]:
    """Return the newest forecast of each of the stations that has one, by the number of the station.

    ``plain`` is left out: reading it takes as long as all the rest.
    """
    columns = [column for column in _COLUMNS if column.name != "plain"]
    return {row.station: IssuedForecast(*row) for row in _newest(connection, stations, columns)}


def newest_short_forecasts(connection: Connection, stations: Sequence[int]) -> dict[int, str]:
    """Return the newest forecast of each of the stations that has one, as :func:`short_json` writes it."""
    columns = [ISSUED_FORECASTS.c.station, ISSUED_FORECASTS.c.short]
    return {row.station: row.short for row in _newest(connection, stations, columns)}


def short_json(forecast: IssuedForecast) -> str:
    """Return what lists of stations show of a forecast as JSON, in °C.

    Of its intervals, that is only that of 80 %. Nothing is usual at a position that the readings contradict.
    """
    content = forecast.content
    short = {
        "issued": iso_of(forecast.issued),
        "observed_until": iso_of(forecast.observed_until),
        "replayed": forecast.replayed,
        "model": forecast.model,
        "version": forecast.version,
        "timestamps": content["timestamps"],
        "sst": content["sst"],
        "intervals": [interval for interval in content["intervals"] if interval["level"] == SHORT_LEVEL],
        "usual": content.get("usual"),
    }
    if any(warning["code"] == _DOUBT for warning in content.get("warnings", ())):
        short["usual"] = None
    return dumps(short).decode()


def _newest(connection: Connection, stations: Sequence[int], columns: Sequence[ColumnElement[Any]]) -> Iterator[Any]:
    """Yield ``columns`` of the newest forecast of each of the stations that has one."""
    table = ISSUED_FORECASTS.alias()
    newest = (
        select(table.c.number)
        .where(table.c.station == STATIONS.c.number)
        .order_by(table.c.batch.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(*columns).join_from(STATIONS, ISSUED_FORECASTS, ISSUED_FORECASTS.c.number == newest)
    for some in parts(stations):
        yield from connection.execute(query.where(STATIONS.c.number.in_(some)))


def counting_forecasts(forecasts: Iterable[IssuedForecast]) -> Iterator[IssuedForecast]:
    """Yield one forecast from each last observation: the one issued last that is not replayed, or else the last.

    A correction, or a reading from the past, issues another forecast from the same last observation. The forecasts are
    in the order of ``observed_until`` and of their batches.
    """
    best: IssuedForecast | None = None
    for forecast in forecasts:
        if best is not None and best.observed_until != forecast.observed_until:
            yield best
            best = None
        if best is None or best.replayed or not forecast.replayed:
            best = forecast
    if best is not None:
        yield best
