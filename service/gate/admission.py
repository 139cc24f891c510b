"""Whether a request is let in: who calls, how often, and whether there is room among those that wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from service.engine.lifecycle import Lifecycle
from service.gate.keys import Key
from service.gate.policy import Access
from service.gate.rate_limit import RateLimiter
from service.http.bodies import too_large
from service.http.problems import ProblemError, shutting_down
from service.http.query import OPERATOR_PATHS
from service.http.security_headers import RawHeaders
from service.settings import Settings


@dataclass(frozen=True)
class Guard:
    """Who may call, how often, and what their browsers are told.

    Attributes:
        access: checks keys.
        limiter: counts the calls of each.
        headers: of every answer.
        page_headers: in place of those, by path.
    """

    access: Access
    limiter: RateLimiter
    headers: RawHeaders
    page_headers: Mapping[str, RawHeaders]


class Admission:
    """Counts what the process works on, and refuses what is too much.

    Attributes:
        guard: who may call.
        waiting: requests that have been taken in and not answered.
    """

    def __init__(self, settings: Settings, lifecycle: Lifecycle, guard: Guard) -> None:
        self.guard = guard
        self.waiting = 0
        self._settings = settings
        self._lifecycle = lifecycle
        self._bytes = 0

    def check(self, path: str, authorization: bytes | None, size: int, *, streams: bool = False) -> Key | None:
        """Whose a request is, that counts among :attr:`waiting` and whose body has ``size`` bytes; None: nobody's.

        Raises:
            ProblemError: if it is too large, there is no room for it, or its caller may not.
        """
        if size > self._settings.max_body_bytes and not streams:
            raise too_large(self._settings.max_body_bytes)
        full = self._lifecycle.draining or self.waiting > self._settings.max_waiting
        if full and not path.startswith(OPERATOR_PATHS):
            raise self.unavailable()
        return self.guard.access.check(path, authorization)

    def admit(self, key: Key | None, size: int) -> None:
        """Let in a request of ``key`` that was found good, and hold ``size`` bytes for it.

        Raises:
            ProblemError: if there is no room for so many, or the key calls too often; nothing is held then.
        """
        self.hold(size)
        try:
            self.guard.limiter.admit(key)
        except ProblemError:
            self.release(size)
            raise

    def hold(self, size: int) -> None:
        """Count so many bytes more among those that wait.

        Raises:
            ProblemError: if that is more than all may hold together.
        """
        if size > 0 and self._bytes + size > self._settings.max_waiting_bytes:
            raise self.unavailable()
        self._bytes += size

    def release(self, size: int) -> None:
        """Take ``size`` bytes of a request that is answered out of the count."""
        self._bytes -= size

    def unavailable(self) -> ProblemError:
        """What a request hears for which there is no room."""
        if self._lifecycle.draining:
            return shutting_down()
        detail = "too many requests are waiting; try again in a second"
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}, reason="overloaded")
