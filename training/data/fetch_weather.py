"""Weather at a position, fetched into a table that forecasts read, with a record of its source."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from forecasting.downloads import Downloader, ServerKind, write_whole
from forecasting.errors import ForecastError
from forecasting.readers import content_digest
from forecasting.series.times import Floats, Times, iso
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, Weather
from forecasting.weather_sources import (
    ATTRIBUTION,
    ISSUED_STEPS,
    OPEN_METEO,
    ErddapWeather,
    OpenMeteo,
    Position,
    erddap_weather,
    exchange,
    issued_forecasts,
    leads_at,
    open_meteo_previous_runs,
    open_meteo_weather,
    weather_at,
)

OPEN_METEO_SERVER: Final = ServerKind("--weather-url", "https://HOST", "an Open-Meteo server")

_MIDNIGHT: Final = np.datetime64(0, "s")
_DECIMALS: Final = 2


@dataclass(frozen=True)
class FetchedWeather:
    """Weather that was fetched."""

    path: Path
    record: Path
    weather: Weather
    attribution: str | None


def fetch_weather(
    source: OpenMeteo | ErddapWeather,
    position: Position,
    step: TimeStep,
    days: int,
    target: Path,
    downloader: Downloader,
) -> FetchedWeather:
    """Fetch the past weather of some days, its forecast, and earlier forecasts, and write ``<target>.source.json``.

    Both files appear once they are complete. If anything fails, earlier ones stay as they were.
    """
    addresses: list[str] = []

    def get(url: str) -> bytes:
        addresses.append(_without_key(url))
        return downloader.get(url)

    attribution: str | None = ATTRIBUTION
    now = np.datetime64(datetime.now(UTC).replace(tzinfo=None), "s")
    with write_whole(target) as file:  # first, so that nothing is requested if the file cannot be written
        if isinstance(source, OpenMeteo):
            (hourly,) = exchange(open_meteo_weather(source, [position], now, days), get)
            weather = weather_at(hourly, step, _MIDNIGHT, OPEN_METEO)
            try:
                (leads,) = exchange(open_meteo_previous_runs(source, [position], now, days), get)
                times = step.range(weather.start, len(weather.values))
                issued = issued_forecasts(leads_at(leads, step, times), step, times, ISSUED_STEPS)
                weather = replace(weather, issued=issued)
            except ForecastError as error:
                downloader.tell(f"no earlier forecasts of the weather: {error}")
        else:
            hourly, attribution = exchange(erddap_weather(source, position, now, days), get)
            weather = weather_at(hourly, step, _MIDNIGHT, source.dataset)
        file.write(weather_table(weather, step).encode())
    record = target.with_name(f"{target.name}.source.json")
    content = {
        "urls": addresses,
        "accessed": f"{now}Z",
        "attribution": attribution,
        "sha256": content_digest(target),
    }
    with write_whole(record) as file:
        file.write((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
    return FetchedWeather(target, record, weather, attribution)


def weather_table(weather: Weather, step: TimeStep) -> str:
    """Return weather as CSV: a row for each time, and for each time of each earlier forecast, with ``issued``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", *COVARIATES, "issued"])
    writer.writerows(_rows(step.range(weather.start, len(weather.values)), weather.values, ""))
    for earlier in weather.issued:
        times = step.range(earlier.issued, len(earlier.values) + 1)
        writer.writerows(_rows(times[1:], earlier.values, iso(earlier.issued)))
    return text.getvalue()


def _rows(times: Times, values: Floats, issued: str) -> Iterator[list[str | float]]:
    for time, row in zip(times, np.round(values, _DECIMALS).tolist(), strict=True):
        yield [iso(time), *("" if value != value else value for value in row), issued]


def _without_key(url: str) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if not part.startswith("apikey="))
    return urlunsplit(parts._replace(query=query))
