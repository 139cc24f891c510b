import asyncio
import threading
import weakref

import pytest

from service.settings import Settings
from service.worker.accounts import Account, Accounts, current
from service.worker.threads import AbandonedError, Worker, run_abandonable, stop_if_abandoned


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
    begun, free, accounts = threading.Event(), threading.Event(), Accounts(Settings())

    class Body:
        """What work needs."""

        def use(self) -> None:
            begun.set()
            free.wait(60)

    async def request(worker: Worker, body: Body) -> None:
        account = Account(accounts, "a")
        current.set(account)
        try:
            await worker.run(body.use)
        finally:
            account.release()

    async def leave() -> None:
        with Worker(1, "few") as worker:
            bodies = [Body() for _ in range(3)]
            kept = [weakref.ref(body) for body in bodies]
            tasks = [asyncio.create_task(request(worker, bodies.pop(0))) for _ in kept]
            await asyncio.sleep(0)
            assert accounts.waiting == 3
            assert await asyncio.to_thread(begun.wait, 60)
            assert all(task.cancel() for task in tasks)
            await asyncio.gather(*tasks, return_exceptions=True)
            tasks.clear()
            await asyncio.sleep(0)
            assert accounts.waiting == 1
            assert [body() is None for body in kept] == [False, True, True]
            free.set()
            await worker.run(free.is_set)
            assert accounts.waiting == 0

    asyncio.run(leave())


def test_callers_whose_work_waits_for_a_thread_take_turns() -> None:
    begun: list[str] = []

    async def request(worker: Worker, accounts: Accounts, name: str) -> None:
        current.set(Account(accounts, name[0]))
        await worker.run(begun.append, name)

    async def order() -> None:
        held, accounts = threading.Event(), Accounts(Settings())
        with Worker(1, "few") as worker:
            first = asyncio.create_task(worker.run(held.wait, 60))
            await asyncio.sleep(0)
            tasks = [asyncio.create_task(request(worker, accounts, name)) for name in ("a1", "a2", "a3", "b1")]
            await asyncio.sleep(0)
            held.set()
            await asyncio.gather(first, *tasks)

    asyncio.run(order())
    assert begun == ["a1", "b1", "a2", "a3"]


def test_work_for_whose_result_nobody_waits_is_told_so() -> None:
    begun, told = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                stop_if_abandoned()
        except AbandonedError:
            told.set()

    async def leave() -> None:
        with Worker(1, "few") as worker:
            task = asyncio.create_task(worker.run(work))
            await asyncio.to_thread(begun.wait, 60)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await asyncio.to_thread(told.wait, 60)

    asyncio.run(leave())
    stop_if_abandoned()
