"""uvicorn's HTTP/1.1, with the head of an answer and its body handed to the system at once.

uvicorn writes them one after the other. A process that is killed between the two has begun an answer, and no proxy can
ask another process for the rest; and the second write costs as much as the first.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_END_OF_HEAD = b"\r\n\r\n"


class OneWriteProtocol(HttpToolsProtocol):
    """A connection on which an answer's head goes out together with the first piece of its body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin on a new connection, which ``transport`` writes to."""
        self.direct = transport
        """For an answer that is one piece already, and follows one that has ended."""
        super().connection_made(cast(asyncio.Transport, _OneWrite(transport, self.loop, self.end)))

    def end(self) -> None:
        """Close the connection, on which all has been written."""
        self.direct.close()


class _OneWrite:
    """A transport that holds a head back until what comes next, or until nothing has come at once.

    What is written once the client is gone, or all was written, is dropped: uvloop takes it for a fault.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, end: Callable[[], object]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._end = end
        self._is_ended = False
        self._head = b""
        # Asked for each answer: found here it costs less.
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        if not self._head and data.startswith(b"HTTP/1.1 ") and data.endswith(_END_OF_HEAD):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            head, self._head = self._head, b""
            self._write(head + data)

    def close(self) -> None:
        self._flush()
        self._is_ended = True
        self._end()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._write(head)

    def _write(self, data: bytes) -> None:
        if not self._is_ended and not self.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
