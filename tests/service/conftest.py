"""A service on both ways through HTTP, and connections to it that a test writes to itself."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest

from service.settings import Settings
from tests.serving import connect, serve

Http = Literal["fast", "standard"]


@pytest.fixture(scope="module", params=["fast", "standard"])
def http(request: pytest.FixtureRequest) -> Http:
    """The value of ``SST_HTTP``. Tests of the fast path alone have a fixture of this name that returns ``fast``."""
    way: Http = request.param
    return way


@pytest.fixture(scope="module")
def client(artifacts: Path, http: Http) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts, http=http)) as client:
        yield client


@pytest.fixture(scope="module")
def seas_client(seas: Path, http: Http) -> Iterator[httpx.Client]:
    """A service with universal releases."""
    with serve(Settings(artifacts=seas, http=http)) as client:
        yield client


@pytest.fixture
def wire(client: httpx.Client) -> Iterator[socket.socket]:
    with connect(client) as wire:
        yield wire
