"""Limits how often each key may call, with a token bucket for each."""

import math
import time
from collections.abc import Callable
from http import HTTPStatus

from service.gate.keys import Key
from service.http.problems import ProblemError

_BURST_SECONDS = 10


class RateLimiter:
    """Allows each key ``per_minute`` requests a minute, and at most ten seconds' worth of them (at least one) at once.

    Args:
        per_minute: requests a minute; 0 for no limit.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._ahead = max(_BURST_SECONDS - self._interval, 0.0)
        self._clock = clock
        # One number describes a bucket: the time at which it will be full again.
        self._full_at: dict[str, float] = {}

    def take(self, key: Key) -> float:
        """Return the seconds until ``key`` may call again; 0.0 if it may call now, and this call is counted."""
        if not self._interval:
            return 0.0
        now = self._clock()
        full_at = max(self._full_at.get(key.name, now), now)
        wait = full_at - now - self._ahead
        if wait > 0:
            return wait
        self._full_at[key.name] = full_at + self._interval
        return 0.0

    def admit(self, key: Key | None) -> None:
        """Count a call of ``key``. Calls without a key are not limited.

        Raises:
            ProblemError: 429 with ``Retry-After``, if the key calls too often.
        """
        if key is None:
            return
        wait = self.take(key)
        if wait > 0:
            seconds = math.ceil(wait)
            raise ProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"rate limit of {key.name} exceeded: wait {seconds} s, or send more series in one request",
                headers={"Retry-After": str(seconds)},
                reason="rate_limited",
            )
