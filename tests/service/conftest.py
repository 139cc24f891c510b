"""Fixtures for tests that write to a connection themselves."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.serving import connect, serve


@pytest.fixture(scope="module")
def client(artifacts: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts)) as client:
        yield client


@pytest.fixture
def wire(client: httpx.Client) -> Iterator[socket.socket]:
    with connect(client) as wire:
        yield wire
