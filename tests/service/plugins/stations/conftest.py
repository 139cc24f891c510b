"""A service with a store of each kind. Its tests give each station an ID that no other test uses."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from service.plugins.stations.store.observations import Outcome, add_observations, recent_observations
from service.settings import Settings
from tests.servers.postgres import Cluster
from tests.service.conftest import STORES
from tests.service.requests import Json, answered
from tests.serving import serve

Found = TypeVar("Found")

NewStation = Callable[..., str]


@pytest.fixture(scope="session")
def sqlite_service(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db"
    with serve(Settings(artifacts=seas, store=SecretStr(store), request_seconds=600)) as client:
        yield client


@pytest.fixture(scope="session")
def postgresql_service(seas: Path, postgres: Cluster) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=seas, store=SecretStr(postgres.new_database()), request_seconds=600)) as client:
        yield client


@pytest.fixture(scope="module", params=STORES)
def service(request: pytest.FixtureRequest) -> httpx.Client:
    """A service for the tests of all files, which takes a second to start."""
    client: httpx.Client = request.getfixturevalue(f"{request.param}_service")
    return client


@pytest.fixture(scope="module", params=STORES)
def own_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of each kind for the tests of one file."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def new_station(service: httpx.Client) -> NewStation:
    """Create a daily station with these settings, and return its ID."""
    return lambda **settings: create(service, **settings)


def observe(connection: Connection, station: int, readings: Mapping[int, float], now: int = 0) -> Outcome:
    """Store readings without testing them, °C by time, at the station with a number."""
    known = recent_observations(connection, {station: (min(readings), max(readings))}, 1)
    return add_observations(connection, {station: readings}, known, now)[station][0]


def in_time(read: Callable[[], Found | None]) -> Found:
    """Read figures for which a service waits two seconds until it has them: a busy machine may need longer."""
    for _ in range(100):
        if (found := read()) is not None:
            return found
    pytest.fail("the database never has the figures in time")


def pages(service: httpx.Client, path: str, field: str) -> list[Json]:
    """Return the entries of a list of a station, one a page."""
    entries: list[Json] = []
    after: str | None = ""
    while after is not None:
        page = answered(service.get(f"/stations/{path}", params={"limit": 1, "after": after}))
        assert len(page[field]) <= 1
        entries += page[field]
        after = page["next"]
    return entries


_numbers = count()


def create(service: httpx.Client, **settings: object) -> str:
    station = f"s{next(_numbers):04}"
    service.put(f"/stations/{station}", json={"step": "day", **settings}).raise_for_status()
    return station
