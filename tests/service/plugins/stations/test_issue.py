"""Forecasts for many stations, a part of them after another."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, make_url

from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from service.engine.serving import Serving
from service.plugins.stations.issue import issue_forecasts
from service.plugins.stations.readings import Readings, ingest
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.forecasts import IssuedForecast
from service.plugins.stations.store.stations import StationSettings, put_station
from service.telemetry.metrics import Metrics
from service.worker.threads import Worker

DAY = 86_400
NAMES = [f"buoy{i}" for i in range(5)]


@pytest.fixture
def serving(seas: Path) -> Iterator[Serving]:
    with Worker(2, "large") as workers:
        yield Serving(Catalog.open(seas, CPU, "nino12"), workers, 60, Metrics())


def fill(connection: Connection) -> None:
    random = np.random.default_rng(5)
    for i, name in enumerate(NAMES):
        put_station(connection, name, StationSettings("day", latitude=43.0, longitude=-40.0 + i), 0)
        values = dict(zip(range(0, 40 * DAY, DAY), 15 + random.normal(size=40), strict=True))
        ingest(connection, {name: Readings(values)}, 0)


async def issue(store: StationStore, serving: Serving, parts: Sequence[Sequence[str]]) -> dict[str, IssuedForecast]:
    await store.write(fill)
    issued = dict[str, IssuedForecast | str]()
    for names in parts:
        issued |= await issue_forecasts(store, serving, names, lambda: None, at_once=2)
    # Stations have other numbers in another store.
    return {name: forecast._replace(station=0) for name, forecast in issued.items() if not isinstance(forecast, str)}


def test_stations_in_parts_get_the_forecasts_that_each_gets_alone(serving: Serving, tmp_path: Path) -> None:
    together, alone = (StationStore(make_url(f"sqlite:///{tmp_path}/{name}.db")) for name in ("together", "alone"))
    expected = asyncio.run(issue(alone, serving, [[name] for name in NAMES]))
    assert asyncio.run(issue(together, serving, [NAMES])) == expected
    assert expected.keys() == {*NAMES}
    together.close()
    alone.close()


def test_progress_is_told_when_each_part_is_on_disk(serving: Serving, tmp_path: Path) -> None:
    store, parts = StationStore(make_url(f"sqlite:///{tmp_path}/sst.db")), list[int]()

    async def run() -> None:
        await store.write(fill)
        await issue_forecasts(store, serving, NAMES, lambda: None, lambda: parts.append(1), at_once=2)

    asyncio.run(run())
    assert len(parts) == 3
    store.close()
