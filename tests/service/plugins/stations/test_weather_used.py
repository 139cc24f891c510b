"""What weather brings at a station whose water follows the air: forecast with and without it, and verified."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, make_url

from forecasting.models.checkpoint import CPU
from forecasting.models.universal.metadata import WeatherPrior
from forecasting.releases.catalog import Catalog
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather
from service.engine.serving import Serving
from service.plugins.stations.issue import issue_forecasts
from service.plugins.stations.readings import Readings, ingest
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.forecasts import IssuedForecast, last_forecast
from service.plugins.stations.store.stations import StationSettings, put_station
from service.plugins.stations.store.tables import WEATHER
from service.plugins.stations.verification import Selection, verify
from service.plugins.stations.weather import kept
from service.telemetry.metrics import Metrics
from service.worker.threads import Worker
from tests.forecasting.models.universal import tiny

DAY = 86_400
START = int(np.datetime64("2026-01-01", "D").astype(np.int64)) * DAY
DAYS, PAST = 176, 160
PREDICTORS = 9
PRIOR = WeatherPrior(
    leads=(1, 3, 7),
    mean=((0.5, *[0.0] * (PREDICTORS - 1)),) * 3,
    precision=(tuple(map(tuple, (4 * np.eye(PREDICTORS)).tolist())),) * 3,
    noise=(0.5,) * 3,
)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    tiny.publish(tmp_path / "artifacts", "ocean-daily", "day", {"gru": 0.01, "lstm": 0.1}, weather=PRIOR)
    with Worker(2, "large") as workers:
        yield Serving(Catalog.open(tmp_path / "artifacts", CPU, None), workers, 60, Metrics())


def driven() -> tuple[Floats, Floats]:
    """Return air and the water that follows it, °C ``(days + 24,)`` each."""
    random = np.random.default_rng(0)
    air, water = np.zeros(DAYS + 24), np.zeros(DAYS + 24)
    for day in range(1, len(air)):
        air[day] = 0.8 * air[day - 1] + random.normal()
        water[day] = 0.95 * water[day - 1] + 0.25 * air[day] + random.normal(scale=0.05)
    return 14 + 3 * air, 15 + water


async def fill(store: StationStore, serving: Serving) -> None:
    """Create a station with weather, and let its readings arrive: many first, then one a day."""
    air, water = driven()
    values = np.column_stack([air, np.full(len(air), 5.0)])
    weather = Weather(np.datetime64(START, "s"), values, source="open-meteo")
    content = kept(weather, None, TimeStep.parse("day"), "of a test", None)

    def create(connection: Connection) -> None:
        settings = StationSettings("day", latitude=43.0, longitude=-40.0, weather="open-meteo")
        put_station(connection, "pier", settings, START)
        connection.execute(WEATHER.insert().values(station=1, fetched=START + PAST * DAY, content=content))

    def arrive(connection: Connection, begin: int, end: int) -> None:
        readings = {START + day * DAY: float(water[day]) for day in range(begin, end)}
        ingest(connection, {"pier": Readings(readings)}, START + end * DAY)

    await store.write(create)
    await store.write(arrive, 0, PAST)
    for day in range(PAST, DAYS):
        issued = (await issue_forecasts(store, serving, ["pier"], lambda: None))["pier"]
        assert isinstance(issued, IssuedForecast)
        await store.write(arrive, day, day + 1)


def test_forecasts_with_weather_are_kept_and_verified_beside_those_without(tmp_path: Path, serving: Serving) -> None:
    store = StationStore(make_url(f"sqlite:///{tmp_path}/sst.db"))
    asyncio.run(fill(store, serving))
    issued = asyncio.run(store.read(last_forecast, 1))
    assert issued is not None
    assert issued.weather is not None
    air, _ = driven()
    assert issued.weather["used"]
    assert issued.weather["air_temperature"] == air[DAYS - 1 : DAYS + 6].round(2).tolist()
    assert len(issued.weather["without"]) == 7
    assert issued.weather["without"] != issued.content["sst"]
    result = asyncio.run(store.read(verify, "pier", Selection()))
    for lead in result.leads:
        rmse = {row.kind: row.rmse for row in lead.models[:2]}
        assert rmse["issued"] < 0.6 * rmse["without_weather"]
    store.close()
