"""Fetching several sources, some of them slow."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
from anyio import lowlevel, to_thread
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection, make_url

from service.stations.outbound.outbound import Outbound
from service.stations.sources.fetching import Fetcher
from service.stations.sources.source_reading import SourceReader
from service.stations.station_store import StationStore
from service.store.ends import SETTLED_READINGS
from service.store.fetches import Fetch, failing_fetches, get_fetches, is_fetch_due, record_fetch
from service.store.observations import add_observations, get_observations
from service.store.stations import StationSettings, get_station, put_station
from service.telemetry.station_metrics import StationMetrics
from tests.servers.erddap import Answer, Erddap, serving

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
            self.go_on.wait(60)
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


async def while_fetching(store: StationStore, work: Callable[[], Awaitable[None]], seconds: float = 120) -> None:
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
            with anyio.fail_after(60):
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
            with anyio.fail_after(60):
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


def test_fetches_that_a_clock_ahead_has_scheduled_are_due_once_it_is_right(store: StationStore, server: Erddap) -> None:
    ahead, interval = int(time.time()) + 30 * 86_400, 3_600

    async def main() -> None:
        for station in ("new", "fetched", "waiting"):
            await store.write(put, station, source(server, "buoy"), ahead)
        now = int(time.time())
        for station, attempted in (("fetched", ahead), ("waiting", now)):
            known = await store.read(fetch_of, station)
            changed = replace(known, attempted=attempted, next_attempt=attempted + interval)
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
            assert await to_thread.run_sync(files.asked.wait, 60)
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
        await store.write(add_observations, {number: noons}, 0)
        await while_fetching(store, lambda: asyncio.sleep(0))

    anyio.run(main)
    fetch = anyio.run(store.read, fetch_of, "pier")
    assert (fetch.failures, fetch.until) == (1, None)
    assert registry.get_sample_value("sst_station_fetches_total", {"outcome": "failed"}) == 1
    assert anyio.run(store.read, failing_fetches) == 1
    assert fetch.error is not None
    assert fetch.error.startswith(
        "no reading of the source can be stored: the time 2026-06-01T00:00:00Z is between two steps (one day)"
    )
