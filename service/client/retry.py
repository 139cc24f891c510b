"""When to retry a request."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

Outcome = httpx.Response | httpx.RequestError
"""The response to a request, or the error that it failed with."""

TEMPORARY_STATUSES: Final = frozenset({429, 502, 503, 504})

TEMPORARY_ERRORS: Final = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
"""A read timeout is not one of them: a retry would give a slow service the same work again."""

FIRST_WAIT_SECONDS: Final = 0.5
"""The wait before the first retry if the response does not ask for one. Each further wait is twice as long."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often to retry, and how long to wait at most.

    Attributes:
        retries: the number of retries after the first try.
        max_wait: the longest wait in seconds. There is no retry if the service asks for a longer one.
    """

    retries: int
    max_wait: float

    def delay(self, attempt: int, outcome: Outcome) -> float | None:
        """Return the seconds to wait after try ``attempt`` (starting at 0); None if there is no further try."""
        if attempt >= self.retries or not is_temporary(outcome):
            return None
        requested = retry_after(outcome, datetime.now(UTC))
        if requested is not None:
            return requested if requested <= self.max_wait else None
        # Random, so that clients which failed together do not retry together. This needs no cryptography.
        spread = random.uniform(0.5, 1.0)  # noqa: S311
        return min(self.max_wait, FIRST_WAIT_SECONDS * 2.0 ** min(attempt, 30)) * spread


def is_temporary(outcome: Outcome) -> bool:
    """Whether the same request may succeed soon."""
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in TEMPORARY_STATUSES
    return isinstance(outcome, TEMPORARY_ERRORS)


def retry_after(outcome: Outcome, now: datetime) -> float | None:
    """Return the seconds from ``now`` that ``Retry-After`` asks to wait (RFC 9110); None without that header."""
    if not isinstance(outcome, httpx.Response):
        return None
    text = outcome.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # The offset "-0000" means UTC, but is parsed as no zone.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
