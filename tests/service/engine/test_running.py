import asyncio
import threading

import pytest

from service.engine.running import run_abandonable


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
