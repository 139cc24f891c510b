"""The resources of a request are counted once and released."""

import asyncio

import pytest

from service.engine.lifecycle import Lifecycle
from service.gate.accounting import Accounting, Turns
from service.http.problems import ProblemError
from service.settings import Settings
from service.telemetry.metrics import Metrics


def in_flight(metrics: Metrics) -> str:
    (line,) = [line for line in metrics.exposition()[0].decode().splitlines() if line.startswith("sst_requests_in_fl")]
    return line.rpartition(" ")[2]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(["/forecast"])


@pytest.fixture
def accounting(metrics: Metrics) -> Accounting:
    return Accounting(Settings(max_waiting_bytes=1_024, caller_share=1), Lifecycle(), metrics)


def test_a_request_waits_until_its_account_is_closed(accounting: Accounting) -> None:
    first, second = accounting.open("a"), accounting.open("a")
    assert accounting.waiting == 2
    first.release()
    second.release()
    assert accounting.waiting == 0


def test_a_request_reserves_the_largest_amount_that_it_asked_for(accounting: Accounting) -> None:
    account = accounting.open("a")
    for size in (100, 1_024, 500):
        accounting.hold(account, size)
    assert account.held == 1_024
    with pytest.raises(ProblemError, match="too many requests are waiting"):
        accounting.hold(account, 1_025)
    assert account.held == 1_024


def test_memory_that_one_request_holds_is_free_once_its_account_is_closed(accounting: Accounting) -> None:
    first, second = accounting.open("a"), accounting.open("a")
    accounting.hold(first, 600)
    with pytest.raises(ProblemError, match="too many requests are waiting"):
        accounting.hold(second, 600)
    first.release()
    accounting.hold(second, 600)
    accounting.free(second)
    assert second.held == 0


def test_large_requests_wait_until_there_is_memory_and_their_callers_take_turns() -> None:
    async def order() -> list[str]:
        turns, begun = Turns(10), list[str]()

        async def work(name: str, size: int) -> None:
            taken = await turns.take(name[0], size)
            begun.append(name)
            await asyncio.sleep(0)
            turns.give_back(taken)

        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(work(name, 8)) for name in ("a1", "a2", "a3", "a4", "b1", "b2")}
            group.create_task(work("c1", 1_000))
            await asyncio.sleep(0)
            tasks["a3"].cancel()
        # Everything has been given back: the whole is free again.
        assert await turns.take("d", 10) == 10
        return begun

    assert asyncio.run(order()) == ["a1", "a2", "b1", "c1", "a4", "b2"]


def test_a_refusal_while_the_service_stops_says_so(metrics: Metrics) -> None:
    accounting = Accounting(Settings(), Lifecycle(draining=True), metrics)
    assert "shutting down" in accounting.unavailable().detail


def test_requests_of_one_turn_are_counted_as_in_flight_together(accounting: Accounting, metrics: Metrics) -> None:
    async def arrive() -> list[str]:
        accounting.start_soon()
        accounting.start_soon()
        before = in_flight(metrics)
        await asyncio.sleep(0)
        return [before, in_flight(metrics)]

    assert asyncio.run(arrive()) == ["0.0", "2.0"]
    accounting.start()
    accounting.end(3)
    assert in_flight(metrics) == "0.0"


def test_a_request_is_recorded_by_route_method_and_status(accounting: Accounting, metrics: Metrics) -> None:
    accounting.record(accounting.open("a"), {"method": "POST", "path": "/forecast"}, "/forecast", 200)
    text = metrics.exposition()[0].decode()
    assert 'sst_request_seconds_count{method="POST",route="/forecast",status="200"} 1.0' in text


def test_a_refusal_is_counted_by_its_reason(accounting: Accounting, metrics: Metrics) -> None:
    accounting.record_refusal(accounting.unavailable())
    accounting.record_refusal(ValueError("has no reason"))
    assert 'sst_rejected_total{reason="overloaded"} 1.0' in metrics.exposition()[0].decode()
