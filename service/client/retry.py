"""Whether to ask again, and when."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

Outcome = httpx.Response | httpx.RequestError
"""The response to one try, or the error that it failed with."""

PASSING_STATUSES: Final = frozenset({429, 502, 503, 504})

PASSING_ERRORS: Final = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
"""A read that timed out is not among them: asking again would put the same work on a service that is slow already."""

FIRST_WAIT: Final = 0.5
"""Seconds before the first retry where the answer asks for none; each further wait is twice as long."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often to ask again, and how long to wait at most.

    Attributes:
        retries: tries after the first.
        max_wait: seconds; where the service asks for a longer wait, there is no retry.
    """

    retries: int
    max_wait: float

    def delay(self, attempt: int, outcome: Outcome) -> float | None:
        """Seconds to wait after try ``attempt`` (from 0) ended so; None where that was the last."""
        if attempt >= self.retries or not is_passing(outcome):
            return None
        asked = retry_after(outcome, datetime.now(UTC))
        if asked is not None:
            return asked if asked <= self.max_wait else None
        # Spread, or clients that failed together would come back together. No secret hangs on it.
        spread = random.uniform(0.5, 1.0)  # noqa: S311
        return min(self.max_wait, FIRST_WAIT * 2.0 ** min(attempt, 30)) * spread


def is_passing(outcome: Outcome) -> bool:
    """Whether the same request may well succeed soon."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in PASSING_STATUSES
    return isinstance(outcome, PASSING_ERRORS)


def retry_after(outcome: Outcome, now: datetime) -> float | None:
    """Seconds from ``now`` that ``Retry-After`` (a number or a date: RFC 9110) asks to wait; None without one."""
    if not isinstance(outcome, httpx.Response):
        return None
    text = outcome.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # "-0000" says that the time is UTC and gives no zone.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
