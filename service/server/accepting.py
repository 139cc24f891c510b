"""Accepts one connection in each turn of the event loop, where several processes listen on one socket.

An event loop accepts all connections that wait. With several workers, one of them would take them all.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

from service.server.listening import accept_queued

logger = logging.getLogger("service")

_PAUSE_SECONDS: Final = 1.0
"""Pause after the process has run out of open files."""

_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

MakeProtocol = Callable[[], asyncio.Protocol]
"""Makes the protocol of a new connection."""


class Connecting:
    """Gives accepted connections their protocols on the running event loop."""

    def __init__(self, make: MakeProtocol) -> None:
        self._loop = asyncio.get_running_loop()
        self._make = make
        self._tasks: set[asyncio.Task[object]] = set()

    def add(self, connection: socket.socket) -> None:
        """Give a protocol to a connection that has been accepted."""
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def add_queued(self, listener: socket.socket) -> None:
        """Accept all connections in the queue of ``listener``."""
        for connection in accept_queued(listener):
            self.add(connection)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            # The client has gone already.
            connection.close()

    async def wait(self) -> None:
        """Wait until every connection has its protocol."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Accepting:
    """A server as :meth:`asyncio.loop.create_server` returns it, with the methods that uvicorn calls."""

    def __init__(self, listener: socket.socket, make: MakeProtocol) -> None:
        """Accept connections on the running event loop from now on, and ``make`` a protocol for each."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._connecting = Connecting(make)
        self._retry: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._open()

    def close(self) -> None:
        """Accept no more connections."""
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Wait until all accepted connections have their protocol."""
        await self._connecting.wait()

    def _open(self) -> None:
        self._retry = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            # Either another worker was quicker or the client has gone, or there is no room for more.
            if error.errno in _NO_ROOM:
                logger.error("cannot accept a connection: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._retry = self._loop.call_later(_PAUSE_SECONDS, self._open)
            return
        self._connecting.add(connection)
