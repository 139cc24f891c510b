"""``python -m benchmarks key_check``: the cost of checking an API key, and of a rate limit."""

import timeit
from collections.abc import Callable, Iterator
from functools import partial

from service.app import create_app
from service.http.paths import Paths
from service.middleware.access import Access, Guard, RateLimiter
from service.middleware.keys import Keys, Role, new_key
from service.settings import Settings

_CALLS = 100_000


def measure() -> Iterator[str]:
    """Yield the cost of a check with a valid key by the number of keys, and of the rate limit."""
    loopback = Access(Settings(), Keys(), *_policy())
    yield f"key check, no keys: {_microseconds(partial(loopback.check, '/forecast', None)):.2f} µs"
    for n in (1, 50):
        pairs = [new_key(f"caller-{i}", Role.FORECAST) for i in range(n)]
        access = Access(Settings(host="0.0.0.0"), Keys([key for _, key in pairs]), *_policy())  # noqa: S104 - nothing is bound
        header = f"Bearer {pairs[-1][0]}".encode()
        yield f"key check, {n} keys: {_microseconds(partial(access.check, '/forecast', header)):.2f} µs"
    limiter, (_, key) = RateLimiter(10**9), new_key("caller", Role.FORECAST)
    yield f"rate limit: {_microseconds(partial(limiter.admit, key)):.2f} µs"


def _policy() -> tuple[Paths, list[Guard]]:
    state = create_app(Settings()).state
    return state.paths, [guard for plugin in state.plugins.values() for guard in plugin.guards]


def _microseconds(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=_CALLS, repeat=7)) / _CALLS * 1e6


if __name__ == "__main__":
    for line in measure():
        print(line)
