import pytest

from service.http.problems import ProblemError
from service.middleware.access import RateLimiter
from service.middleware.keys import ANONYMOUS, Key, Role, new_key

_, PIER = new_key("pier", Role.FORECAST)
_, BUOY = new_key("buoy", Role.FORECAST)


class Clock:
    """A clock that stands until it is moved, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def admitted(limiter: RateLimiter, calls: int, key: Key = PIER) -> int:
    """Return how many of ``calls`` simultaneous calls are admitted."""
    return sum(limiter.take(key.name) == 0.0 for _ in range(calls))


@pytest.mark.parametrize(
    ("per_minute", "steps"),
    [
        # Of each step: the seconds that pass before it, the calls, and how many of them are admitted.
        (60, [(0, 100, 10), *[(0.5, 5, 0), (0.5, 5, 1)] * 30]),
        (60, [(0, 10_000, 10), (10, 100, 10)]),
        (60, [(0, 1, 1), (86_400, 100, 10)]),
        (60, [(0, 100, 10), (3, 100, 3)]),
        (1, [(0, 5, 1), (59, 5, 0), (1, 5, 1)]),
        (0, [(0, 10_000, 10_000)]),
    ],
    ids=["a burst, then the rate", "a refused call costs nothing", "a long pause fills up and no more", "some seconds",
         "a few a minute", "no limit"],
)  # fmt: skip
def test_ten_seconds_of_calls_are_admitted_at_once_and_then_the_rate(
    per_minute: int, steps: list[tuple[float, int, int]]
) -> None:
    clock = Clock()
    limiter = RateLimiter(per_minute, clock)
    for seconds, calls, expected in steps:
        clock.now += seconds
        assert admitted(limiter, calls) == expected


def test_the_stated_wait_is_enough_and_not_too_long() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    admitted(limiter, 10)
    wait = limiter.take(PIER.name)
    assert wait == pytest.approx(1.0)
    clock.now += wait - 0.01
    assert limiter.take(PIER.name) > 0
    clock.now += 0.02
    assert limiter.take(PIER.name) == 0.0


def test_keys_have_separate_limits() -> None:
    limiter = RateLimiter(6, Clock())
    assert [admitted(limiter, 5, key) for key in (PIER, BUOY, ANONYMOUS)] == [1, 1, 1]


def test_a_key_that_calls_too_often_gets_a_429_with_the_seconds_to_wait() -> None:
    limiter = RateLimiter(8, Clock())
    limiter.admit(PIER)
    with pytest.raises(ProblemError, match="rate limit of pier exceeded: wait 5 s") as refused:
        limiter.admit(PIER)
    assert refused.value.status == 429
    assert refused.value.headers == {"Retry-After": "5"}
    limiter.admit(None)
