"""Readings are fetched from the sources of stations, on a schedule."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import httpx
import pytest
from anyio import lowlevel, to_thread
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Connection, make_url

from service.plugins.stations.metrics import StationMetrics
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.sources import Fetcher, SourceReader
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.observations import get_observations
from service.plugins.stations.store.stations import (
    SETTLED_READINGS,
    Fetch,
    StationSettings,
    get_fetches,
    get_station,
    is_fetch_due,
    put_station,
    record_fetch,
)
from service.settings import Settings
from tests.processes import wait_until
from tests.servers.erddap import Answer, Erddap, error, serving, year
from tests.service.plugins.stations.conftest import in_time, observe
from tests.service.requests import Json, answered
from tests.serving import serve

READINGS = Answer("time,sst\n" + "".join(f"2026-06-{day:02},{15 + day / 10}\n" for day in range(1, 21)))

NOON = 1_780_488_000
"""12:00 on 3 June."""


class SlowFiles(dict[str, Answer]):
    """Files of a server that sends those named ``slow`` only when it is told to."""

    def __init__(self, files: dict[str, Answer]) -> None:
        super().__init__(files)
        self.asked, self.go_on = Event(), Event()

    def __getitem__(self, path: str) -> Answer:
        if "slow" in path:
            self.asked.set()
            self.go_on.wait(600)
        return super().__getitem__(path)


@pytest.fixture
def files() -> SlowFiles:
    return SlowFiles({"/slow.csv": READINGS, "/buoy.csv": READINGS})


@pytest.fixture
def server(files: SlowFiles) -> Iterator[Erddap]:
    with serving() as erddap:
        erddap.files = files
        yield erddap
        files.go_on.set()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def store(tmp_path: Path, registry: CollectorRegistry) -> Iterator[StationStore]:
    with closing(StationStore(make_url(f"sqlite:///{tmp_path}/sst.db"), StationMetrics(registry))) as store:
        yield store


def source(server: Erddap, file: str) -> dict[str, Any]:
    return {"file": {"url": server.url.replace("/erddap", f"/{file}.csv")}}


def put(connection: Connection, station: str, source: dict[str, Any], now: int = 0) -> None:
    put_station(connection, station, StationSettings("day", source=source), now)


def fetch_of(connection: Connection, station: str) -> Fetch:
    number = get_station(connection, station).number
    return get_fetches(connection, [number])[number]


def values_of(connection: Connection, station: str) -> list[float]:
    return [row.value for row in get_observations(connection, get_station(connection, station).number, limit=99)]


async def while_fetching(store: StationStore, work: Callable[[], Awaitable[None]], seconds: float = 600) -> None:
    """Fetch everything that is due, and do some work meanwhile."""
    reader = SourceReader(Outbound(allow_private=True), store, 10**6, seconds)
    fetcher = Fetcher(store, reader, lambda: None, lambda: None)
    async with asyncio.TaskGroup() as group:
        group.create_task(fetcher.fetch_due())
        await work()


def test_a_slow_source_holds_up_no_other_station(store: StationStore, server: Erddap, files: SlowFiles) -> None:
    stations = [f"s{i:02}" for i in range(20)]

    async def main() -> None:
        for station in ("a", *stations):
            await store.write(put, station, source(server, "slow" if station == "a" else "buoy"))
        await while_fetching(store, others_are_done)

    async def others_are_done() -> None:
        try:
            with anyio.fail_after(600):
                while not all([(await store.read(fetch_of, station)).succeeded for station in stations]):
                    await lowlevel.checkpoint()
            assert (await store.read(fetch_of, "a")).attempted is None
        finally:
            files.go_on.set()

    anyio.run(main)
    assert anyio.run(store.read, fetch_of, "a").content == {"new": 20, "revised": 0, "unchanged": 0, "refused": 0}


def test_a_slow_host_leaves_places_for_the_others(store: StationStore, server: Erddap, files: SlowFiles) -> None:
    slow = [f"a{i}" for i in range(12)]

    async def main() -> None:
        for station in slow:
            await store.write(put, station, source(server, "slow"))
        elsewhere = {"file": {"url": source(server, "buoy")["file"]["url"].replace("127.0.0.1", "localhost")}}
        await store.write(put, "z", elsewhere)
        await while_fetching(store, other_is_done)

    async def other_is_done() -> None:
        try:
            with anyio.fail_after(600):
                while not (await store.read(fetch_of, "z")).succeeded:
                    await lowlevel.checkpoint()
            assert [(await store.read(fetch_of, station)).attempted for station in slow] == [None] * len(slow)
        finally:
            files.go_on.set()

    anyio.run(main)
    assert all(anyio.run(store.read, fetch_of, station).succeeded for station in slow)


def test_a_fetch_that_takes_too_long_in_all_is_a_failure(store: StationStore, server: Erddap, files: SlowFiles) -> None:
    files["/moved.csv"] = Answer("", 302, {"Location": "/slow.csv"})

    async def main() -> None:
        await store.write(put, "pier", source(server, "moved"))
        await while_fetching(store, lambda: asyncio.sleep(0), seconds=0.2)

    anyio.run(main)
    error = anyio.run(store.read, fetch_of, "pier").error
    assert error == (
        "the source was not read within 0.2 seconds, including redirects: use the final address, or set since to a "
        "later time"
    )


@pytest.mark.parametrize(("failures", "pause"), [(0, 60), (1, 120), (3, 480), (9, 3_600)])
def test_each_failure_doubles_the_pause_up_to_the_usual_interval(
    store: StationStore, server: Erddap, failures: int, pause: int
) -> None:
    async def main() -> None:
        await store.write(put, "pier", source(server, "none"))
        known = await store.read(fetch_of, "pier")
        await store.write(record_fetch, known._replace(failures=failures), source(server, "none"))
        await while_fetching(store, lambda: asyncio.sleep(0))

    anyio.run(main)
    fetch = anyio.run(store.read, fetch_of, "pier")
    assert fetch.failures == failures + 1
    assert fetch.attempted is not None
    assert fetch.next_attempt - fetch.attempted == pause


def test_fetches_that_a_clock_ahead_has_scheduled_are_due_once_it_is_right(store: StationStore, server: Erddap) -> None:
    ahead, interval = int(time.time()) + 30 * 86_400, 3_600

    async def main() -> None:
        for station in ("new", "fetched", "waiting"):
            await store.write(put, station, source(server, "buoy"), ahead)
        now = int(time.time())
        for station, attempted in (("fetched", ahead), ("waiting", now)):
            known = await store.read(fetch_of, station)
            changed = known._replace(attempted=attempted, next_attempt=attempted + interval)
            await store.write(record_fetch, changed, source(server, "buoy"))
        assert await store.read(is_fetch_due, now)
        await while_fetching(store, lambda: asyncio.sleep(0))

    anyio.run(main)
    fetches = {name: anyio.run(store.read, fetch_of, name) for name in ("new", "fetched", "waiting")}
    assert [fetch.succeeded is not None for fetch in fetches.values()] == [True, True, False]
    assert all(fetch.next_attempt < ahead for fetch in fetches.values())


def test_readings_of_a_source_that_was_replaced_meanwhile_are_not_stored(
    store: StationStore, server: Erddap, files: SlowFiles
) -> None:
    async def main() -> None:
        await store.write(put, "pier", source(server, "slow"))
        await while_fetching(store, change)

    async def change() -> None:
        try:
            assert await to_thread.run_sync(files.asked.wait, 600)
            await store.write(put, "pier", source(server, "none"))
        finally:
            files.go_on.set()

    anyio.run(main)
    assert anyio.run(store.read, values_of, "pier") == []
    assert anyio.run(store.read, fetch_of, "pier").until is None


def test_the_next_fetch_begins_where_the_source_has_ended(store: StationStore, server: Erddap) -> None:
    async def main() -> None:
        await store.write(put, "pier", source(server, "buoy"))
        await while_fetching(store, lambda: asyncio.sleep(0))

    anyio.run(main)
    fetch = anyio.run(store.read, fetch_of, "pier")
    assert fetch.until == NOON + 17 * 86_400 - 43_200
    assert fetch.error is None


def test_a_source_whose_readings_are_all_refused_is_a_failure_that_says_why(
    store: StationStore, server: Erddap, registry: CollectorRegistry
) -> None:
    async def main() -> None:
        await store.write(put, "pier", source(server, "buoy"))
        number = (await store.read(get_station, "pier")).number
        noons = {NOON - day * 86_400: 15.0 for day in range(SETTLED_READINGS)}
        await store.write(observe, number, noons)
        await while_fetching(store, lambda: asyncio.sleep(0))

    anyio.run(main)
    fetch = anyio.run(store.read, fetch_of, "pier")
    assert (fetch.failures, fetch.until) == (1, None)
    assert registry.get_sample_value("sst_station_fetches_total", {"outcome": "failed"}) == 1
    assert in_time(lambda: anyio.run(store.figures)).failing == 1
    assert fetch.error is not None
    assert fetch.error.startswith(
        "no reading of the source can be stored: the time 2026-06-01T00:00:00Z is between two steps (one day)"
    )


Replicas = Callable[[int], list[httpx.Client]]


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


@pytest.fixture
def replicas(seas: Path, store_url: str) -> Iterator[Replicas]:
    """Start services that share a store."""
    settings = Settings(artifacts=seas, store=SecretStr(store_url), allow_private_addresses=True, request_seconds=600)
    with ExitStack() as stack:
        yield lambda number: [stack.enter_context(serve(settings)) for _ in range(number)]


def erddap_source(erddap: Erddap, **fields: object) -> Json:
    cell = {"dataset": "year", "variable": "sst", "latitude": 43.625, "longitude": -9.125}
    return {"erddap": {"server": erddap.url, **cell, **fields}, "since": "2024-01-01"}


def put_source(service: httpx.Client, source: Json | None, station: str = "pier") -> Json:
    answer: Json = service.put(f"/stations/{station}", json={"step": "day", "source": source}).raise_for_status().json()
    return answer


def state(service: httpx.Client) -> Json:
    fetch: Json = answered(service.get("/stations/pier"))["fetch"]
    return fetch


def attempted(service: httpx.Client) -> Json:
    wait_until(lambda: state(service)["attempted"] is not None, "the source was not fetched")
    return state(service)


def test_readings_are_fetched_and_forecast_by_one_of_several_services(replicas: Replicas, erddap: Erddap) -> None:
    first, second = replicas(2)
    put_source(first, erddap_source(erddap))
    fetch = attempted(second)
    assert fetch["stored"] == {"new": 366, "revised": 0, "unchanged": 0, "refused": 0}
    assert (fetch["failures"], fetch["error"], fetch["succeeded"]) == (0, None, fetch["attempted"])
    assert fetch["next"] > fetch["attempted"]
    assert len(erddap.asked) == 1
    station = answered(second.get("/stations/pier"))
    assert station["newest"]["time"] == "2024-12-31T12:00:00Z"
    assert station["forecast"]["observed_until"] == "2024-12-31T12:00:00Z"
    given = {name: value for name, value in station["source"].items() if value is not None}
    assert given["erddap"]["dataset"] == "year"
    assert given["interval_minutes"] == 60
    assert put_source(first, station["source"])["fetch"] == fetch, "a source that is sent again is not fetched again"


def test_a_failed_fetch_is_shown_and_tried_again_and_deletes_nothing(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put_source(service, erddap_source(erddap))
    attempted(service)
    erddap.faults = [Answer(error(500, "out of memory"), 500)]
    put_source(service, erddap_source(erddap) | {"interval_minutes": 5})
    fetch = attempted(service)
    assert (fetch["failures"], fetch["error"]) == (1, "the server responded 500: out of memory")
    assert fetch["succeeded"] is None
    assert fetch["next"] > fetch["attempted"]
    assert answered(service.get("/stations"))["stations"][0]["newest"]["time"] == "2024-12-31T12:00:00Z"
    assert len(answered(service.get("/stations/pier/observations"))["values"]) == 366


def test_a_revision_at_the_source_is_a_revision_of_the_station(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put_source(service, erddap_source(erddap))
    attempted(service)
    *rows, last = year().splitlines()
    erddap.faults = [Answer("\n".join([*rows, last.rpartition(",")[0] + ",15.25"]) + "\n")]
    put_source(service, erddap_source(erddap) | {"interval_minutes": 5})
    assert attempted(service)["stored"] == {"new": 0, "revised": 1, "unchanged": 365, "refused": 0}


def test_a_station_without_a_source_is_no_longer_fetched(replicas: Replicas, erddap: Erddap) -> None:
    (service,) = replicas(1)
    put_source(service, erddap_source(erddap))
    attempted(service)
    answer = put_source(service, None)
    assert (answer["source"], answer["fetch"]) == (None, None)
    assert answer["newest"] is not None


@pytest.mark.parametrize(
    ("source", "location", "sentence"),
    [
        ({}, "body.source", "give either erddap or file"),
        ({"file": {"url": "ftp://sea.example/a.txt"}}, "body.source.file.url", "must begin with https:// or http://"),
        ({"file": {"url": "http://10.0.0.1/a.txt"}}, "body.source.file.url", "private network"),
        ({"file": {"url": "https://sea.example/a.nc", "format": "netcdf"}}, "body.source.file", "cannot be fetched"),
        ({"file": {"url": "https://sea.example/a.txt", "resample": "x"}}, "body.source.file", "unknown step 'x'"),
        ({"file": {"url": "https://sea.example/a.txt", "missing": ["nan"]}}, "body.source.file.missing[0]", "finite"),
        ({"erddap": {"server": "http://[::1]", "dataset": "d", "variable": "v"}}, "body.source.erddap.server", "net"),
        ({"erddap": {"server": "https://sea.example", "variable": "v"}}, "body.source.erddap.dataset", "required"),
        ({"file": {"url": "https://sea.example/a.txt"}, "interval_minutes": 1}, "body.source.interval_minutes", "5"),
        ({"file": {"url": "https://sea.example/a.txt"}, "since": "yesterday"}, "body.source.since", "yesterday"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_fetched_is_refused(
    service: httpx.Client, source: Json, location: str, sentence: str
) -> None:
    answer = service.put("/stations/refused", json={"step": "day", "source": source})
    assert answer.status_code == 422
    places = answer.json()["errors"]
    assert [place["location"] for place in places] == [location]
    assert sentence in places[0]["message"]
