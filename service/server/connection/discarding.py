"""The end of a connection whose client may still be sending: what arrives is discarded, so that the client can read.

A system that closes a connection with unread data resets it, and the client may lose what it has not read (RFC 9112,
section 9.6).
"""

import asyncio
from typing import Final

DISCARD_SECONDS: Final = 30
"""Seconds in which a client may keep sending after its last answer."""

DISCARD_BYTES: Final = 2**26
"""Bytes that such a client may still send."""


class Discarding:
    """Closes a connection for writing, and entirely once its client closes, is silent or sends too much."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, pause_seconds: float) -> None:
        """Prepare to close ``transport`` once the client has been silent for ``pause_seconds``."""
        self._transport = transport
        self._loop = loop
        self._pause_seconds = pause_seconds
        self._end = loop.time() + DISCARD_SECONDS
        self._bytes_left = DISCARD_BYTES
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Close the connection for writing, and wait for silence."""
        self._transport.write_eof()
        self._await_silence()

    def stop(self) -> None:
        """Wait no longer: the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def discard(self, size: int) -> None:
        """Count ``size`` bytes that have arrived, and close the connection if there are too many."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            self._transport.close()

    def _await_silence(self) -> None:
        self._timer = self._loop.call_later(self._pause_seconds, self._close_if_silent, self._bytes_left)

    def _close_if_silent(self, bytes_left: int) -> None:
        if self._bytes_left == bytes_left or self._loop.time() > self._end:
            self._transport.close()
        else:
            self._await_silence()
