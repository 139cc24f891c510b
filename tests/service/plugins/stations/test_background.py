"""What runs in the background, in one process of all replicas at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Connection, func, make_url, select

from service.plugins.stations.background import Background, BackgroundTask, give_up_lease, take_lease
from service.plugins.stations.store.database import Database, StationStore
from service.plugins.stations.store.stations import StationSettings, list_stations, put_station
from service.plugins.stations.store.tables import STATIONS

pytestmark = pytest.mark.anyio


Due = Callable[[Connection, int], bool]
Run = Callable[[], Awaitable[None]]


def has_stations(connection: Connection, now: int) -> bool:
    return bool(connection.scalar(select(func.count()).select_from(STATIONS)))


@dataclass
class Process:
    """A store and what works on it, as in a process of its own."""

    store: StationStore
    background: Background
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    async def work(self) -> None:
        with self.scope:
            await self.background.work()
        self.store.close()


@asynccontextmanager
async def working(url: str, *runs: Run, due: Due = has_stations) -> AsyncIterator[list[Process]]:
    processes = []
    async with anyio.create_task_group() as group:
        for run in runs:
            store = StationStore(make_url(url))
            processes.append(Process(store, Background(store, [BackgroundTask("delivery", due, run)])))
            group.start_soon(processes[-1].work)
        yield processes
        for process in processes:
            process.scope.cancel()


async def add_station(store: StationStore) -> None:
    await store.write(put_station, "pier", StationSettings("day"), 1)


async def test_looking_for_work_does_not_create_the_store(tmp_path: Path) -> None:
    looked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def due(connection: Connection, now: int) -> bool:
        loop.call_soon_threadsafe(looked.set)
        return has_stations(connection, now)

    async def run() -> None:
        pytest.fail("nothing is due")

    async with working(f"sqlite:///{tmp_path}/state/sst.db", run, due=due):
        await looked.wait()
    assert not (tmp_path / "state").exists()


async def test_one_of_several_processes_works_and_another_goes_on_when_it_stops(store_url: str) -> None:
    begun: asyncio.Queue[int] = asyncio.Queue()

    def run_as(process: int) -> Run:
        async def run() -> None:
            await begun.put(process)
            await asyncio.Event().wait()

        return run

    async with working(store_url, *map(run_as, range(3))) as processes:
        await add_station(processes[0].store)
        for process in processes:
            process.background.wake()
        first = await begun.get()
        for process in processes:
            process.background.wake()
            assert await process.store.read(list_stations, 10)
        assert begun.empty()
        processes[first].scope.cancel()
        for process in processes:
            process.background.wake()
        assert await begun.get() != first


async def test_after_an_error_a_task_is_tried_again(store_url: str, caplog: pytest.LogCaptureFixture) -> None:
    attempts: asyncio.Queue[int] = asyncio.Queue()

    async def run() -> None:
        await attempts.put(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())

    async def refuse() -> None:
        raise OSError("the network is unreachable")

    async with working(store_url, run) as (process,):
        await add_station(process.store)
        for _ in range(3):
            process.background.wake()
            await attempts.get()
    messages = [record.getMessage() for record in caplog.records if record.name == "service"]
    assert messages == ["delivery failed and will be tried again: the network is unreachable"]


@pytest.fixture
def take(database: Database) -> Callable[[str, int], bool]:
    def take(holder: str, seconds: int) -> bool:
        with database.writing() as connection:
            return take_lease(connection, "delivery", holder, seconds)

    return take


@pytest.mark.parametrize(
    ("seconds", "free_to"), [(60, "a"), (0, "ab"), (3 * 86_400, "ab")], ids=["held", "ended", "of a clock ahead"]
)
def test_a_lease_has_one_holder_until_it_ends(take: Callable[[str, int], bool], seconds: int, free_to: str) -> None:
    assert take("a", seconds)
    assert take("b", 60) == ("b" in free_to)
    assert take("a", 60) != ("b" in free_to)


def test_a_lease_is_given_up_by_its_holder_only(take: Callable[[str, int], bool], database: Database) -> None:
    assert take("a", 60)
    with database.writing() as connection:
        give_up_lease(connection, "delivery", "b")
    assert not take("b", 60)
    with database.writing() as connection:
        give_up_lease(connection, "delivery", "a")
    assert take("b", 60)


def test_of_several_that_ask_at_once_one_gets_the_lease(take: Callable[[str, int], bool]) -> None:
    with ThreadPoolExecutor(6) as processes:
        assert [*processes.map(take, "abcdef", [60] * 6)].count(True) == 1
