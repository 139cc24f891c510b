"""Check the series of a file against forecasts, and describe what was found."""

from forecasting.errors import SeriesError
from forecasting.readers import Reading
from forecasting.series.times import iso
from forecasting.universal.checks.check import Check
from service.api.uploads.answer import StationSeries, station_series
from service.api.uploads.schemas import MAX_CHECKED
from service.engine.forecast_json import rounded
from service.engine.serving import Serving
from service.engine.writing import Json
from service.settings import Settings


async def checks_of(reading: Reading, serving: Serving, settings: Settings) -> list[Json]:
    """Check each series of a file in worker threads.

    Returns:
        A :class:`~service.api.uploads.schemas.SeriesCheck` for each series, in order.
    """
    stations = [station for station in station_series(reading, settings) if station.series is not None]
    last = MAX_CHECKED // max(len(stations), 1)
    return [await serving.run_in_worker(_checked, station, serving, last) for station in stations]


def _checked(station: StationSeries, serving: Serving, last: int) -> Json:
    assert station.series is not None
    try:
        check = serving.registry.universal.check_values(station.series, station.station.position, last)
    except SeriesError as error:
        return _described(station, Check.nothing(station.series), str(error))
    return _described(station, check, None)


def _described(station: StationSeries, check: Check, problem: str | None) -> Json:
    places = check.suspects
    columns = {"sst": check.series.values, "lower": check.lower, "upper": check.upper}
    suspects = {"timestamps": [*map(iso, check.series.times[places])]}
    suspects |= {name: rounded(values[places]).tolist() for name, values in columns.items()}
    return {"id": station.name, "problem": problem, "flags": check.flags.tolist(), "suspects": suspects}
