"""Issued forecasts, which nothing changes, and what their intervals learn, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, and_, bindparam, exists, or_, select

from forecasting.series.times import Floats
from service.stations.store.database import insert_into
from service.stations.store.stations import ALL_STATIONS, Station, fetch_stations
from service.stations.store.tables import CALIBRATIONS, ISSUED_FORECASTS, STATIONS

_ROWS_AT_ONCE: Final = 100
"""Forecasts of a long archive that are read at once."""

# To build a statement takes longer than to run it for one station.
_WITHOUT_FORECAST: Final = ALL_STATIONS.where(
    STATIONS.c.id.in_(bindparam("ids", expanding=True)),
    STATIONS.c.batches > 0,
    ~exists().where(ISSUED_FORECASTS.c.station == STATIONS.c.number, ISSUED_FORECASTS.c.batch == STATIONS.c.batches),
)


class Calibration(NamedTuple):
    """The calibration learned from the forecasts of one model at one station.

    Attributes:
        until: The time of the last observation that it has learned from, Unix seconds.
        content: An :class:`~forecasting.models.universal.online_calibration.OnlineCalibration` as JSON.
    """

    station: int
    model: str
    version: str
    until: int
    content: dict[str, Any]


_CALIBRATION: Final = select(CALIBRATIONS).where(
    CALIBRATIONS.c.station == bindparam("station"), CALIBRATIONS.c.model == bindparam("model")
)


def get_calibration(connection: Connection, station: int, model: str) -> Calibration | None:
    """Return the calibration of a model at a station; None without any."""
    row = connection.execute(_CALIBRATION, {"station": station, "model": model}).one_or_none()
    return None if row is None else Calibration(*row)


def put_calibration(connection: Connection, calibration: Calibration) -> None:
    """Store a calibration in place of that of the same station and model."""
    insert = insert_into(connection, CALIBRATIONS).values(calibration._asdict())
    changed = {name: insert.excluded[name] for name in ("version", "until", "content")}
    connection.execute(insert.on_conflict_do_update(index_elements=["station", "model"], set_=changed))


class IssuedForecast(NamedTuple):
    """A forecast that was issued for a station.

    Attributes:
        station: The number of the station.
        batch: The number of the batch of readings that it was issued for.
        issued: When the readings arrived, Unix seconds.
        observed_until: The time of the last observation that it rests on.
        replayed: Whether the readings arrived after the time that the forecast begins with.
        content: Its times, temperatures in °C and warnings, in the form of a response to ``POST /forecast``.
        plain: Its intervals before they were recalibrated; None if they were not.
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


Intervals = Sequence[Mapping[str, Any]]
"""The intervals of an issued forecast: its ``level`` in percent, and ``lower`` and ``upper`` in °C by lead, of each."""


def levels_of(intervals: Intervals) -> tuple[float, ...]:
    """Return the levels of intervals in percent, in their order."""
    return tuple(interval["level"] for interval in intervals)


@lru_cache(maxsize=64)
def probabilities_of(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities of the quantiles that bound intervals at ``levels`` percent, ascending."""
    tails = sorted((1 - level / 100) / 2 for level in levels)
    return (*tails, *(1 - tail for tail in reversed(tails)))


def quantiles_of(intervals: Intervals) -> Floats:
    """Return the bounds of intervals, °C ``(leads, probabilities)``, in the order of :func:`probabilities_of`."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"] for interval in outermost_first]
    return np.array(lower + [interval["upper"] for interval in reversed(outermost_first)]).T


_COLUMNS: Final = tuple(ISSUED_FORECASTS.c[name] for name in IssuedForecast._fields)

_OF_BATCH: Final = select(*_COLUMNS).where(
    ISSUED_FORECASTS.c.station == bindparam("station"), ISSUED_FORECASTS.c.batch == bindparam("batch")
)


def add_forecast(connection: Connection, forecast: IssuedForecast) -> None:
    """Store a forecast of a station that the transaction has locked."""
    connection.execute(ISSUED_FORECASTS.insert(), forecast._asdict())


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


def forecast_of_batch(connection: Connection, station: int, batch: int) -> IssuedForecast | None:
    """Return the forecast that was issued for a batch of readings; None if it is not stored."""
    row = connection.execute(_OF_BATCH, {"station": station, "batch": batch}).one_or_none()
    return None if row is None else IssuedForecast(*row)


def _of_station(station: int, begin: int | None, end: int | None) -> Select[Any]:
    table = ISSUED_FORECASTS.c
    query = select(*_COLUMNS).where(table.station == station)
    if begin is not None:
        query = query.where(table.observed_until >= begin)
    return query if end is None else query.where(table.observed_until <= end)


def newest_forecasts(connection: Connection, stations: Sequence[int]) -> dict[int, IssuedForecast]:
    """Return the newest forecast of each of the stations that has one, by the number of the station.

    ``plain`` is left out: reading it takes as long as all the rest.
    """
    table = ISSUED_FORECASTS.alias().c
    newest = select(table.number).where(table.station == STATIONS.c.number).order_by(table.batch.desc()).limit(1)
    query = select(*_COLUMNS[:-1]).join_from(
        STATIONS, ISSUED_FORECASTS, ISSUED_FORECASTS.c.number == newest.scalar_subquery()
    )
    rows = connection.execute(query.where(STATIONS.c.number.in_(stations)))
    return {row.station: IssuedForecast(*row) for row in rows}


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
