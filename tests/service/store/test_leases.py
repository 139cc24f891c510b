from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.store.database.database import Database
from service.store.leases import give_up_lease, take_lease


@pytest.fixture
def take(database: Database) -> Callable[[str, int], bool]:
    def take(holder: str, seconds: int) -> bool:
        with database.writing() as connection:
            return take_lease(connection, "delivery", holder, seconds)

    return take


def test_a_lease_has_one_holder_who_may_renew_it(take: Callable[[str, int], bool]) -> None:
    assert take("a", 60)
    assert not take("b", 60)
    assert take("a", 60)


def test_a_lease_that_has_ended_is_free(take: Callable[[str, int], bool]) -> None:
    assert take("a", 0)
    assert take("b", 60)
    assert not take("a", 60)


def test_a_lease_that_a_clock_ahead_has_set_is_free(take: Callable[[str, int], bool]) -> None:
    assert take("a", 3 * 86_400)
    assert take("b", 60)


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
