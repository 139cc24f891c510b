"""uvicorn's HTTP/1.1, with the head of an answer and its body in one write.

uvicorn writes them one after the other. If the process is killed between the two, the client has half an answer, which
no proxy can ask another process for; and the second write costs as much as the first.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_END_OF_HEAD = b"\r\n\r\n"


class BufferedHeadProtocol(HttpToolsProtocol):
    """A connection that sends the head of an answer together with the first piece of its body.

    Attributes:
        direct: the transport itself, for an answer that is one piece already and follows one that has ended.
    """

    direct: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin on a new connection, which ``transport`` writes to."""
        self.direct = transport
        super().connection_made(cast(asyncio.Transport, _BufferedHead(transport, self.loop, self.end)))

    def end(self) -> None:
        """Close the connection, after everything has been written."""
        self.direct.close()


class _BufferedHead:
    """A transport that keeps the head of an answer until the next write, or until the loop turns without one.

    It drops what is written after the client has gone or the transport was closed, which uvloop reports as an error.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, end: Callable[[], object]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._end = end
        self._is_ended = False
        self._head = b""
        # Called for each answer, and cheaper as an attribute.
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
