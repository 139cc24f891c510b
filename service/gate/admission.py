"""Decides whether a request may pass: who sent it, how often they call, and whether there is room for it."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Scope

from service.engine.lifecycle import Lifecycle
from service.gate.accounting import Accounting, RequestAccount
from service.gate.callers import caller_of
from service.gate.keys import Key
from service.gate.policy import Access, Origins
from service.gate.rate_limit import RateLimiter
from service.http.bodies import too_large
from service.http.problems import ProblemError
from service.http.query import OPERATOR_PATHS
from service.http.security_headers import RawHeaders
from service.settings import Settings


@dataclass(frozen=True)
class Guard:
    """Who may call, how often, and which headers protect their browsers.

    Attributes:
        access: checks keys.
        origins: refuses what other web pages send.
        limiter: counts the calls of each key.
        headers: sent with every answer.
        page_headers: sent instead of ``headers``, by path.
    """

    access: Access
    origins: Origins
    limiter: RateLimiter
    headers: RawHeaders
    page_headers: Mapping[str, RawHeaders]


class Admission:
    """Checks requests on their way in."""

    def __init__(self, settings: Settings, lifecycle: Lifecycle, guard: Guard, accounting: Accounting) -> None:
        self._guard = guard
        self._accounting = accounting
        self._settings = settings
        self._lifecycle = lifecycle

    def check(
        self, path: str, authorization: bytes | None, size: int, *, method: str = "POST", streams: bool = False
    ) -> Key | None:
        """Return the key of an open request whose body has ``size`` bytes; None if it needs none.

        Raises:
            ProblemError: if the body is too large, too many requests wait, or the caller may not do this.
        """
        if size > self._settings.max_body_bytes and not streams:
            raise too_large(self._settings.max_body_bytes)
        is_full = self._lifecycle.draining or self._accounting.waiting > self._settings.max_waiting
        if is_full and not path.startswith(OPERATOR_PATHS):
            raise self._accounting.unavailable()
        return self._guard.access.check(path, authorization, method)

    def admit(self, account: RequestAccount, scope: Scope, key: Key | None, size: int = 0) -> None:
        """Reserve ``size`` bytes for a request that passed :meth:`check`, and count it against the rate of ``key``.

        Raises:
            ProblemError: if there is no room for it, or the key calls too often. The request holds nothing then.
        """
        if not scope["path"].startswith(OPERATOR_PATHS):
            self._accounting.identify(account, caller_of(scope, key))
        self._accounting.hold(account, size)
        try:
            self._guard.limiter.admit(key)
        except ProblemError:
            self._accounting.free(account)
            raise
