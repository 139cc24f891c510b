"""Stations of the composition, whose replicas share PostgreSQL, and of a single container with a file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from service.middleware.keys import Role, new_key
from tests.containers.composition import IMAGES, PROJECT, Composition, ask, start_state
from tests.containers.conftest import Build
from tests.containers.engine import docker, inspect
from tests.processes import wait_until

VALUES = [15 + (day % 7) / 10 for day in range(60)]
STATION = {"step": "day", "latitude": 43.6, "longitude": 9.1, "horizon": 3, "visibility": "shared"}

CREATE = """
from urllib.request import Request, urlopen
request = Request("http://127.0.0.1:8000/stations/pier", b'{"step": "day"}', method="PUT")
request.add_header("Content-Type", "application/json")
print(urlopen(request).status)
"""


@dataclass(frozen=True)
class Stations:
    """The composition with a key that may write stations, and a client with it."""

    composition: Composition
    client: httpx.Client


@pytest.fixture(scope="module")
def stations(build: Build) -> Iterator[Stations]:
    key, kept = new_key("pier", Role.STATION)
    composition = Composition(settings={"SST_KEYS": kept.line})
    composition.up()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=composition.url, headers=headers, timeout=60) as client:
        yield Stations(composition, client)


def test_replicas_share_stations_and_survive_a_database_that_stops(stations: Stations) -> None:
    composition, client = stations.composition, stations.client
    client.put("/stations/pier", json=STATION).raise_for_status()
    sent = {"start": "2026-04-01", "values": VALUES}
    stored = client.post("/stations/pier/observations", json=sent).raise_for_status().json()
    assert (stored["new"], len(stored["forecast"]["sst"])) == (60, 3)
    for replica in composition.replicas():
        assert '"pier"' in ask(replica, "/stations")
    before = [start_state(replica) for replica in composition.replicas()]
    composition.compose("stop", "postgres")
    try:
        more = {"start": "2026-05-31", "values": [15.4]}
        away = client.post("/stations/pier/observations", json=more)
        assert away.status_code == 503
        assert away.headers["content-type"] == "application/problem+json"
        assert "the PostgreSQL server of SST_STORE cannot be used" in away.json()["detail"]
        client.get("/forecast").raise_for_status()
        client.get("/v2/health/ready").raise_for_status()
        wait_until(lambda: client.get("/health/ready").status_code == 503, "the service is ready without its database")
    finally:
        composition.compose("start", "postgres")
    wait_until(lambda: client.get("/stations/pier").status_code == 200, "the database did not come back")
    assert client.post("/stations/pier/observations", json=more).raise_for_status().json()["new"] == 1
    assert [start_state(replica) for replica in composition.replicas()] == before


def test_the_worker_reaches_the_outside_and_the_database(stations: Stations) -> None:
    def tried(host: str, port: int) -> str:
        code = f"import socket; socket.create_connection(('{host}', {port}), timeout=1); print('connected')"
        worker = stations.composition.compose("ps", "--quiet", "worker")
        return docker("exec", worker, "sh", "-c", f'python -c "{code}" 2>&1 || true')

    assert "connected" in tried("postgres", 5432)
    # There is a way out, whatever answers there.
    assert "Network is unreachable" not in tried("192.0.2.1", 80)


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"{PROJECT}_state"
    yield name
    docker("volume", "rm", name)


def test_a_single_container_keeps_its_stations_in_a_volume(stations: Stations, volume: str) -> None:
    options = ["--read-only", "--tmpfs=/tmp", "--network=none", "--env=SST_HOST=127.0.0.1"]
    options += ["-v", f"{PROJECT}_artifacts:/app/artifacts:ro", "-v", f"{volume}:/app/state"]

    @contextmanager
    def running() -> Iterator[str]:
        container = docker("run", "--detach", *options, IMAGES["service"])
        try:
            wait_until(lambda: inspect(container)["State"]["Health"]["Status"] == "healthy", "it is not healthy")
            yield container
        finally:
            # With --rm the container, and so its use of the volume, may outlast the command that stops it.
            docker("stop", container)
            docker("rm", container)

    with running() as container:
        assert docker("exec", container, "python", "-c", CREATE) == "201"
    with running() as container:
        assert json.loads(ask(container, "/stations"))["stations"][0]["id"] == "pier"
