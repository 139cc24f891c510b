import asyncio
import threading
import weakref

import pytest

from service.engine.lifecycle import Lifecycle
from service.engine.running import Threads, reservation, run_abandonable, run_in
from service.gate.accounting import Accounting
from service.settings import Settings
from service.telemetry.metrics import Metrics


def fail() -> None:
    raise ValueError("wrong")


def test_work_in_a_thread_returns_its_result_or_its_error() -> None:
    assert asyncio.run(run_abandonable(lambda: 7)) == 7
    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(run_abandonable(fail))


def test_a_process_that_stops_does_not_wait_for_work_that_it_gave_up() -> None:
    release, done = threading.Event(), threading.Event()

    def hang() -> None:
        release.wait(60)
        done.set()

    async def give_up() -> None:
        task = asyncio.create_task(run_abandonable(hang))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert not done.is_set()
    release.set()
    assert done.wait(60)


def test_a_request_counts_until_its_work_has_ended_and_work_that_has_not_begun_is_dropped_with_it() -> None:
    free, accounting = threading.Event(), Accounting(Settings(), Lifecycle(), Metrics([]))

    class Body:
        """What work needs."""

        def use(self) -> None:
            free.wait(60)

    async def request(threads: Threads, body: Body) -> None:
        account = accounting.open("a")
        reservation.set(account)
        try:
            await run_in(threads, body.use)
        finally:
            account.release()

    async def leave() -> None:
        with Threads(1, "few") as threads:
            bodies = [Body() for _ in range(3)]
            kept = [weakref.ref(body) for body in bodies]
            tasks = [asyncio.create_task(request(threads, bodies.pop(0))) for _ in kept]
            await asyncio.sleep(0)
            assert accounting.waiting == 3
            assert all(task.cancel() for task in tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
            tasks.clear()
            await asyncio.sleep(0)
            assert accounting.waiting == 1
            assert [body() is None for body in kept] == [False, True, True]
            free.set()
            await run_in(threads, free.is_set)
            assert accounting.waiting == 0

    asyncio.run(leave())
