"""Jobs of many callers together: each is answered once, with its own result, whatever becomes of its neighbours."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from service.http.problems import ProblemError
from service.telemetry.logs import request_scope
from service.worker.batches import FULL, Batches


class BadJobError(Exception):
    """The error of a bad job, alone or in a batch."""


@dataclass(frozen=True)
class Job:
    """One caller's."""

    number: int
    turns: int
    bad: bool
    leaves: int | None


@dataclass
class Work:
    """Return the square of each number."""

    batches: list[list[int]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)

    def run(self, jobs: Sequence[Job], waits: Sequence[float]) -> list[int]:
        assert jobs
        assert all(wait >= 0 for wait in waits)
        self.batches.append([job.number for job in jobs])
        if any(job.bad for job in jobs):
            raise BadJobError(next(job.number for job in jobs if job.bad))
        self.done += [job.number for job in jobs]
        return [job.number**2 for job in jobs]


def jobs_of(specifications: Sequence[tuple[int, bool, int | None]]) -> list[Job]:
    return [Job(i, *specification) for i, specification in enumerate(specifications)]


Specifications = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4).map(lambda n: n == 0), st.none() | st.integers(0, 4)),
    min_size=1,
    max_size=2 * FULL,
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


async def answers(batches: "Batches[Job, int]", jobs: Sequence[Job]) -> list[Any]:
    """Return what each caller gets: its result, its error, or CancelledError if it left."""

    async def call(job: Job) -> int:
        for _ in range(job.turns):
            await asyncio.sleep(0)
        return await batches.submit(job)

    async def leave(job: Job, task: "asyncio.Task[int]") -> None:
        for _ in range(job.leaves or 0):
            await asyncio.sleep(0)
        task.cancel()

    tasks = [asyncio.create_task(call(job)) for job in jobs]
    leaving = [asyncio.create_task(leave(job, task)) for job, task in zip(jobs, tasks, strict=True) if job.leaves]
    async with asyncio.timeout(20):
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*leaving)
        # Nothing is left behind: the next caller is served.
        assert await batches.submit(Job(1_000, 0, bad=False, leaves=None)) == 1_000_000
    return results


def assert_own(jobs: Sequence[Job], answers: Sequence[Any]) -> None:
    """Check that each caller got the answer to its own job."""
    for job, answer in zip(jobs, answers, strict=True):
        if job.leaves and isinstance(answer, asyncio.CancelledError):
            continue
        if job.bad:
            assert isinstance(answer, BadJobError)
            assert answer.args == (job.number,)
        else:
            assert answer == job.number**2


@given(specifications=Specifications)
def test_each_caller_gets_its_own_answer_on_the_event_loop(specifications: list[tuple[int, bool, int | None]]) -> None:
    jobs, work = jobs_of(specifications), Work()
    assert_own(jobs, asyncio.run(answers(Batches(work.run, 60), jobs)))
    assert len(set(work.done)) == len(work.done)


@given(specifications=Specifications)
def test_each_caller_gets_its_own_answer_from_a_thread(
    workers: Executor, specifications: list[tuple[int, bool, int | None]]
) -> None:
    jobs, work = jobs_of(specifications), Work()
    assert_own(jobs, asyncio.run(answers(Batches(work.run, 60, workers), jobs)))
    assert len(set(work.done)) == len(work.done)


def test_jobs_of_one_turn_run_as_one_batch() -> None:
    jobs, work = [Job(i, 0, bad=False, leaves=None) for i in range(FULL)], Work()
    asyncio.run(answers(Batches(work.run, 60), jobs))
    assert work.batches == [[job.number for job in jobs], [1_000]]


@pytest.mark.parametrize("in_thread", [False, True])
def test_a_batch_exceeds_the_weight_limit_only_if_a_single_job_does(workers: Executor, in_thread: bool) -> None:
    work, weights = Work(), [1, 2, 3, 4, 9, 1]
    jobs = [Job(i, 0, bad=False, leaves=None) for i in range(len(weights))]

    async def all_answers() -> list[Any]:
        weights.append(0)
        batches = Batches(work.run, 60, workers if in_thread else None, lambda job: weights[job.number % 1_000], 5)
        return await answers(batches, jobs)

    assert_own(jobs, asyncio.run(all_answers()))
    assert work.batches[:-1] == [[0, 1], [2], [3], [4], [5]]


def test_jobs_that_arrive_during_a_batch_form_the_next(workers: Executor) -> None:
    work = Work()

    async def several() -> None:
        batches: Batches[Job, int] = Batches(held, 60, workers)
        running = asyncio.Event()
        loop = asyncio.get_running_loop()
        started.append(lambda: loop.call_soon_threadsafe(running.set))
        first = asyncio.create_task(batches.submit(Job(0, 0, bad=False, leaves=None)))
        await running.wait()
        later = [asyncio.create_task(batches.submit(Job(i, 0, bad=False, leaves=None))) for i in (1, 2, 3)]
        await asyncio.sleep(0)
        go.set_result(None)
        assert await asyncio.gather(first, *later) == [0, 1, 4, 9]

    go: Future[None] = Future()
    started: list[Callable[[], object]] = []

    def held(jobs: Sequence[Job], waits: Sequence[float]) -> list[int]:
        started[0]()
        go.result(60)
        return work.run(jobs, waits)

    asyncio.run(several())
    assert work.batches == [[0], [1, 2, 3]]


@pytest.mark.long
def test_an_overdue_job_fails_and_the_others_are_answered() -> None:
    work = Work()

    async def late_and_timely() -> tuple[Any, int]:
        with ThreadPoolExecutor(1) as executor:
            batches: Batches[Job, int] = Batches(work.run, 2, executor)
            executor.submit(threading.Event().wait, 2.5)
            first = asyncio.create_task(batches.submit(Job(0, 0, bad=False, leaves=None)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            late = asyncio.create_task(batches.submit(Job(1, 0, bad=False, leaves=None)))
            await first
            timely = asyncio.create_task(batches.submit(Job(2, 0, bad=False, leaves=None)))
            (refusal,) = await asyncio.gather(late, return_exceptions=True)
            return refusal, await timely

    refusal, served = asyncio.run(late_and_timely())
    assert isinstance(refusal, ProblemError)
    assert refusal.status == 504
    assert served == 4
    assert work.done == [0, 2]


@pytest.mark.parametrize("error", [StopIteration(), RuntimeError(), ProblemError(HTTPStatus.CONFLICT, "no")], ids=repr)
@pytest.mark.parametrize("in_thread", [False, True])
def test_an_error_reaches_only_the_caller_of_its_job(workers: Executor, in_thread: bool, error: Exception) -> None:
    def run(jobs: Sequence[Job], waits: Sequence[float]) -> list[int]:
        if any(job.bad for job in jobs):
            raise error
        return [job.number for job in jobs]

    async def both() -> list[Any]:
        batches: Batches[Job, int] = Batches(run, 60, workers if in_thread else None)
        jobs = [Job(0, 0, bad=True, leaves=None), Job(1, 0, bad=False, leaves=None)]
        async with asyncio.timeout(20):
            return await asyncio.gather(*map(batches.submit, jobs), return_exceptions=True)

    first, second = asyncio.run(both())
    assert isinstance(first, Exception)
    assert second == 1


@pytest.mark.anyio
async def test_a_batch_logs_nothing_under_the_ids_of_one_of_its_requests() -> None:
    scopes: list[Scope | None] = []

    def run(jobs: Sequence[Job], waits: Sequence[float]) -> list[int]:
        scopes.append(request_scope.get())
        return [job.number for job in jobs]

    token = request_scope.set({"type": "http", "request_id": "r-1", "headers": []})
    assert await Batches(run, 5).submit(Job(3, 0, bad=False, leaves=None)) == 3
    request_scope.reset(token)
    assert scopes == [None]
