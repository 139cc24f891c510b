"""A service, and connections to it that a test writes to itself."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from service.plugins.stations.store.database import Database
from service.settings import Settings
from tests.servers.postgres import Cluster, running_cluster
from tests.serving import connect, serve

Shared = Callable[[Path], httpx.Client]


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    """Starts a service of these artifacts when it is first needed, for all tests that only look."""
    with ExitStack() as services:

        @cache
        def start(folder: Path) -> httpx.Client:
            return services.enter_context(serve(Settings(artifacts=folder)))

        yield start


@pytest.fixture(scope="module")
def client(shared: Shared, artifacts: Path) -> httpx.Client:
    return shared(artifacts)


@pytest.fixture(scope="module")
def seas_client(shared: Shared, seas: Path) -> httpx.Client:
    """A service with universal releases."""
    return shared(seas)


@pytest.fixture(scope="session")
def stations(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with universal releases and a database of stations, which sends nothing and fetches nothing."""
    store = tmp_path_factory.mktemp("stations") / "sst.db"
    with serve(Settings(artifacts=seas, store=SecretStr(f"sqlite:///{store}"), background=False)) as client:
        yield client


@pytest.fixture
def wire(client: httpx.Client) -> Iterator[socket.socket]:
    with connect(client) as wire:
        yield wire


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server; tests that need it are skipped where it is not installed."""
    with running_cluster() as cluster:
        yield cluster


STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)]
"""PostgreSQL is not installed everywhere."""


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The value of ``SST_STORE``: a new database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/sst.db"
    return str(request.getfixturevalue("postgres").new_database())


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """An empty database of each kind."""
    database = Database(make_url(store_url))
    yield database
    database.close()
