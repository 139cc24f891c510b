"""The time that a connection may wait for a request."""

import asyncio
from collections.abc import Callable


class IdleTimer:
    """Closes a connection on which nothing has come for too long.

    One timer keeps running for all answers of a connection; uvicorn has one for each.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        is_idle: Callable[[], bool],
        close: Callable[[], object],
    ) -> None:
        """Prepare to call ``close`` if the connection ``is_idle`` for ``seconds``."""
        self._loop = loop
        self._seconds = seconds
        self._is_idle = is_idle
        self._close = close
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Count from now."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._close_if_idle)

    def stop(self) -> None:
        """Wait no longer: the connection ends in another way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_if_idle(self) -> None:
        self._timer = None
        if not self._is_idle():
            # The end of the next answer starts it again.
            return
        seconds = self._since + self._seconds - self._loop.time()
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, self._close_if_idle)
        else:
            self._close()
