import pytest

from service.http.problems import ProblemError
from service.middleware.access import RateLimiter
from service.middleware.keys import ANONYMOUS, Role, new_key

_, PIER = new_key("pier", Role.FORECAST)
_, BUOY = new_key("buoy", Role.FORECAST)


class Clock:
    """A clock that stands until it is moved, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def admitted(limiter: RateLimiter, calls: int) -> int:
    """Return how many of ``calls`` simultaneous calls are admitted."""
    return sum(limiter.take(PIER) == 0.0 for _ in range(calls))


def test_a_burst_of_ten_seconds_is_allowed_and_then_the_rate_of_the_limit() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    assert admitted(limiter, 100) == 10
    let_through = 0
    for _ in range(480):
        clock.now += 0.125
        let_through += admitted(limiter, 5)
    assert let_through == 60


def test_the_stated_wait_is_enough_and_not_too_long() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    admitted(limiter, 10)
    wait = limiter.take(PIER)
    assert wait == pytest.approx(1.0)
    clock.now += wait - 0.01
    assert limiter.take(PIER) > 0
    clock.now += 0.02
    assert limiter.take(PIER) == 0.0


def test_a_refused_call_costs_nothing() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    admitted(limiter, 10_000)
    clock.now += 10
    assert admitted(limiter, 100) == 10


def test_a_long_pause_fills_the_bucket_and_no_more() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    admitted(limiter, 1)
    clock.now += 86_400
    assert admitted(limiter, 100) == 10


def test_a_limit_of_a_few_a_minute_still_allows_one() -> None:
    clock = Clock()
    limiter = RateLimiter(1, clock)
    assert admitted(limiter, 5) == 1
    clock.now += 60
    assert admitted(limiter, 5) == 1


def test_keys_have_separate_limits() -> None:
    limiter = RateLimiter(6, Clock())
    assert admitted(limiter, 5) == 1
    assert limiter.take(BUOY) == 0.0
    assert limiter.take(ANONYMOUS) == 0.0


def test_zero_sets_no_limit() -> None:
    assert admitted(RateLimiter(0, Clock()), 10_000) == 10_000


def test_a_key_that_calls_too_often_gets_a_429_with_the_seconds_to_wait() -> None:
    limiter = RateLimiter(8, Clock())
    limiter.admit(PIER)
    with pytest.raises(ProblemError, match="rate limit of pier exceeded: wait 5 s") as refused:
        limiter.admit(PIER)
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "5"}
    limiter.admit(None)
