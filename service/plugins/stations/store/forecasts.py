"""Issued forecasts, which nothing changes, and what their intervals learn, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, bindparam, exists, or_, select, tuple_

from forecasting.series.times import Floats
from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL, by_period, parts, put_rows
from service.plugins.stations.store.stations import ALL_STATIONS, Station, fetch_stations
from service.plugins.stations.store.tables import CALIBRATIONS, ISSUED_FORECASTS, STATIONS

_ROWS_AT_ONCE: Final = 100
"""Forecasts of a long archive that are read at once."""


class Calibration(NamedTuple):
    """The calibration learned from the forecasts of one model at one station."""

    station: int
    model: str
    version: str
    until: int
    content: dict[str, Any]


_CALIBRATIONS: Final = select(CALIBRATIONS).where(CALIBRATIONS.c.station.in_(bindparam("stations", expanding=True)))


def get_calibrations(connection: Connection, stations: Sequence[int]) -> dict[tuple[int, str], Calibration]:
    """Return all calibrations of stations, by the number of the station and the model."""
    rows = (row for some in parts(stations) for row in connection.execute(_CALIBRATIONS, {"stations": some}))
    return {(row.station, row.model): Calibration(*row) for row in rows}


def put_calibrations(connection: Connection, calibrations: Sequence[Calibration]) -> None:
    """Store calibrations, each in place of that of the same station and model."""
    put_rows(connection, CALIBRATIONS, [each._asdict() for each in calibrations])


class IssuedForecast(NamedTuple):
    """A forecast that was issued for a station."""

    station: int
    batch: int
    issued: int
    observed_until: int
    replayed: bool
    model: str
    version: str
    content: dict[str, Any]
    weather: dict[str, Any] | None = None
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

# To build these statements takes longer than to run them for one station.
_ISSUED: Final = ISSUED_FORECASTS.c
_WITHOUT_FORECAST: Final = ALL_STATIONS.where(
    STATIONS.c.id.in_(bindparam("ids", expanding=True)),
    STATIONS.c.batches > 0,
    ~exists().where(_ISSUED.station == STATIONS.c.number, _ISSUED.batch == STATIONS.c.batches),
)
_OF_BATCHES: Final = select(*_COLUMNS).where(
    tuple_(_ISSUED.station, _ISSUED.batch).in_(bindparam("batches", expanding=True))
)
_LAST: Final = (
    select(*_COLUMNS)
    .where(_ISSUED.station == bindparam("station"), _ISSUED.observed_until < bindparam("before"))
    .order_by(_ISSUED.batch.desc())
    .limit(1)
)
_OF_PERIOD: Final = (
    select(*_COLUMNS)
    .where(
        _ISSUED.station.in_(bindparam("stations", expanding=True)),
        _ISSUED.observed_until.between(bindparam("begin"), bindparam("end")),
    )
    .order_by(_ISSUED.station, _ISSUED.observed_until, _ISSUED.batch)
    .execution_options(yield_per=_ROWS_AT_ONCE)
)
_OTHERS: Final = ISSUED_FORECASTS.alias().c
_NEWEST_NUMBER: Final = (
    select(_OTHERS.number).where(_OTHERS.station == STATIONS.c.number).order_by(_OTHERS.batch.desc()).limit(1)
)
_NEWEST: Final = (
    # Without ``plain``: to read it takes as long as all the rest.
    select(*_COLUMNS[:-1])
    .join_from(STATIONS, ISSUED_FORECASTS, _ISSUED.number == _NEWEST_NUMBER.scalar_subquery())
    .where(STATIONS.c.number.in_(bindparam("stations", expanding=True)))
)


def add_forecasts(connection: Connection, forecasts: Sequence[IssuedForecast]) -> None:
    """Store forecasts of stations that the transaction has locked."""
    if forecasts:
        connection.execute(ISSUED_FORECASTS.insert(), [forecast._asdict() for forecast in forecasts])


def stations_without_forecast(connection: Connection, station_ids: Sequence[str]) -> list[Station]:
    """Return those of the stations whose last batch of readings has no forecast yet."""
    return fetch_stations(connection, _WITHOUT_FORECAST, station_ids)


def forecasts_of_batches(connection: Connection, batches: Sequence[tuple[int, int]]) -> dict[int, IssuedForecast]:
    """Return the stored forecasts of batches, each the numbers of a station and a batch, by the station."""
    return {row.station: IssuedForecast(*row) for row in connection.execute(_OF_BATCHES, {"batches": batches})}


def last_forecast(connection: Connection, station: int, before: int = AFTER_ALL) -> IssuedForecast | None:
    """Return the forecast of a station that was issued last, from observations ``before`` a time; None without any.

    Its last observation may be an earlier one than that of others, if a reading was taken back since.
    """
    row = connection.execute(_LAST, {"station": station, "before": before}).one_or_none()
    return None if row is None else IssuedForecast(*row)


def newest_forecasts(connection: Connection, stations: Sequence[int]) -> Iterator[IssuedForecast]:
    """Yield the forecast of each of the stations that was issued last, without ``plain``, in any order."""
    for some in parts(stations):
        for row in connection.execute(_NEWEST, {"stations": some}):
            yield IssuedForecast(*row)


def forecasts_after(
    connection: Connection,
    station: int,
    begin: int = BEFORE_ALL,
    end: int = AFTER_ALL,
    *,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[IssuedForecast]:
    """Return the first ``limit`` forecasts of a station, in the order of ``observed_until`` and of their batches.

    Those with ``observed_until`` from ``begin`` to ``end`` that come ``after`` this ``observed_until`` and batch.
    """
    until, batch = after or (begin, BEFORE_ALL)
    # The first condition lets the index begin there.
    query = (
        select(*_COLUMNS)
        .where(_ISSUED.station == station, _ISSUED.observed_until.between(max(begin, until), end))
        .where(or_(_ISSUED.observed_until > until, _ISSUED.batch > batch))
        .order_by(_ISSUED.observed_until, _ISSUED.batch)
    )
    return [IssuedForecast(*row) for row in connection.execute(query.limit(limit))]


def iterate_forecasts(connection: Connection, periods: Mapping[int, tuple[int, int]]) -> Iterator[IssuedForecast]:
    """Yield all forecasts of stations whose ``observed_until`` is in the period of the station, both ends included.

    Those of a station follow each other in the order of :func:`forecasts_after`. Only some are kept in memory.
    """
    for parameters in by_period(periods):
        for row in connection.execute(_OF_PERIOD, parameters):
            yield IssuedForecast(*row)


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
