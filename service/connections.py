"""Connections that end without a reset: those of clients, and those that wait in a listening socket.

A system resets a connection if a program closes it while bytes of its client are unread, or closes the listening socket
that still holds it. The client then may lose even a response that was sent.
"""

import asyncio
import ctypes
import selectors
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_SO_ATTACH_FILTER: Final = 26

_DROP_SYN: Final = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # of these, SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone begins a connection
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # pass everything else
)
"""A program for Linux's packet filter: code, jump if true, jump if false, operand."""

_SYN_RECV: Final = "03"

_NEXT_REQUEST_SECONDS: Final = 2.0
"""How long after its start or its last response the client of a connection is taken to be about to send a request."""

_SILENCE_SECONDS: Final = 1.0
"""After the end of the last response, how long the client may be silent before its connection is closed for good."""

_BODY_SILENCE_SECONDS: Final = 5.0
"""The same if the client has not sent all of its request, for which it may wait for a disk or a user."""

_MAX_LINGER_SECONDS: Final = 30.0
"""The longest time for which what a client sends after the last response is read, and discarded."""


def refuse_new(listener: socket.socket) -> None:
    """Have the system ignore clients that begin to connect from now on; ``listener`` keeps the others.

    Clients try again after a second, and are refused if the socket has been closed. All processes that share it are
    affected. Systems other than Linux have no such filter: a client that connects while the socket is closed is reset.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in _DROP_SYN))
    with suppress(OSError):
        filter_ = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program))
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)


def holds_any(listener: socket.socket) -> bool:
    """Return whether clients have connected to ``listener``, or are about to, that no process has accepted."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        return bool(selector.select(0)) or _is_connecting(listener.getsockname()[1])


def _is_connecting(port: int) -> bool:
    """Return whether a client has yet to confirm its connection to ``port``, which takes one round trip."""
    suffix = f":{port:04X}"
    for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            rows = map(str.split, path.read_text().splitlines()[1:])
            if any(row[1].endswith(suffix) and row[3] == _SYN_RECV for row in rows):
                return True
    return False


class _LingeringTransport(asyncio.Transport):
    """A transport whose ``close`` only ends what is sent, until ``finish``: what the client sends is still read."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self.is_lingering = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.is_lingering:
            self._transport.write(data)

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        if not self.is_lingering:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self.is_lingering = True
        self._transport.resume_reading()
        self._transport.write_eof()

    def close_if_idle(self) -> None:
        """Close the connection unless the client has just sent something, which is about to be read."""
        if self.get_write_buffer_size():
            self.close()
            return
        # The event loop would end the connection in its next turn, when a request may have come.
        with suppress(OSError), socket.fromfd(self.get_extra_info("socket").fileno(), 0, 0) as connection:
            try:
                connection.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                connection.shutdown(socket.SHUT_WR)
                self.close()

    def finish(self) -> None:
        """Close the connection for good."""
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class Connection(HttpToolsProtocol):
    """uvicorn's side of a connection. It ends without a reset, and a stop lets requests that have begun come in."""

    transport: _LingeringTransport
    _awaits_head = False
    """Whether the first bytes of a request have been read, but not all of its head."""
    _is_stopping = False
    _idle_since = 0.0
    _lingers_since = _heard = 0.0

    @property
    def is_answered(self) -> bool:
        """Whether every request whose head has been read has its response."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection."""
        self._idle_since = self.loop.time()
        super().connection_made(_LingeringTransport(transport))

    def data_received(self, data: bytes) -> None:
        """Read requests, and discard what follows the last."""
        if self.transport.is_lingering:
            self._heard = self.loop.time()
        else:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        self._awaits_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer a request; in a stopping process, it is the last of its connection."""
        self._awaits_head = False
        super().on_headers_complete()
        if self._is_stopping:
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """End a response."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that was idle for long."""
        self._close_if_idle()

    def shutdown(self) -> None:
        """Close the connection when nothing more is to be expected of it. Call this until it is closed."""
        self._is_stopping = True
        if not self.is_answered:
            self.cycle.keep_alive = False
        elif not self._awaits_head and self.loop.time() >= self._idle_since + _NEXT_REQUEST_SECONDS:
            self._close_if_idle()

    def end_linger(self) -> None:
        """Close the connection for good if its last response was sent and the client has been silent since."""
        if not self.transport.is_lingering:
            return
        now = self.loop.time()
        if not self._lingers_since or self.transport.get_write_buffer_size():
            self._lingers_since = self._heard = now
        is_read = self.cycle is None or not self.cycle.more_body
        silence = _SILENCE_SECONDS if is_read else _BODY_SILENCE_SECONDS
        if now >= self._heard + silence or now >= self._lingers_since + _MAX_LINGER_SECONDS:
            self.transport.finish()

    def _close_if_idle(self) -> None:
        if not self.transport.is_closing():
            self.transport.close_if_idle()
