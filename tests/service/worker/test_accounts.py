"""The resources of a request are counted once and released."""

import asyncio

import pytest

from service.http.problems import ProblemError
from service.settings import Settings
from service.worker.accounts import Account, Accounts, Turns, current, reserve

FULL = "too many requests are waiting"


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(Settings(max_waiting_bytes=1_024, caller_share=1))


def test_a_request_waits_until_its_account_is_closed(accounts: Accounts) -> None:
    first, second = Account(accounts, "a"), Account(accounts, "a")
    assert accounts.waiting == 2
    first.release()
    second.release()
    assert accounts.waiting == 0


def test_a_request_reserves_the_largest_amount_that_it_asked_for(accounts: Accounts) -> None:
    account = Account(accounts, "a")
    for size in (100, 1_024, 500):
        account.reserve(size)
    assert account.reserved == 1_024
    with pytest.raises(ProblemError, match=f"{FULL};"):
        account.reserve(1_025)
    assert account.reserved == 1_024


def test_memory_that_one_request_holds_is_free_once_its_account_is_closed(accounts: Accounts) -> None:
    first, second = Account(accounts, "a"), Account(accounts, "a")
    first.reserve(600)
    with pytest.raises(ProblemError, match=f"{FULL};"):
        second.reserve(600)
    first.release()
    second.reserve(600)


def test_a_response_is_reserved_beside_what_the_request_holds(accounts: Accounts) -> None:
    reserve(2_000)
    token = current.set(Account(accounts, "a"))
    reserve(600)
    with pytest.raises(ProblemError, match=FULL):
        reserve(600)
    current.reset(token)


def test_one_caller_gets_a_share_of_the_places_and_the_memory_and_others_the_rest() -> None:
    accounts = Accounts(Settings(max_waiting=4, max_waiting_bytes=1_024, caller_share=0.5))
    mine = [Account(accounts, "address") for _ in range(3)]
    for account in mine[:2]:
        account.identify("key mine")
    with pytest.raises(ProblemError, match=f"{FULL} from this caller"):
        mine[2].identify("key mine")
    with pytest.raises(ProblemError, match=f"{FULL} from this caller"):
        mine[0].reserve(513)
    other = Account(accounts, "other")
    other.identify("other")
    other.reserve(512)


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
