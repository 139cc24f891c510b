"""Connections, one a turn of the loop, where several processes listen on one socket.

An event loop takes in all that wait at once. With several workers that is one of them, and the others idle.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Final

logger = logging.getLogger("service")

_PAUSE: Final = 1.0
"""Seconds for which nobody is let in where the process may open no more files."""

_FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Accepting:
    """A server as :meth:`asyncio.loop.create_server` makes them, as far as uvicorn asks for it."""

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        """``make`` a protocol for each connection; the event loop that runs takes them in from now on."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._make = make
        self._begun: set[asyncio.Task[object]] = set()
        self._later: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._open()

    def close(self) -> None:
        """Accept no more connections."""
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Until all that were let in have their protocol."""
        await asyncio.gather(*self._begun, return_exceptions=True)

    def _open(self) -> None:
        self._later = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            # Another was quicker, or the client has left; else there is no room for more.
            if error.errno in _FULL:
                logger.error("no connection can be let in: %s", error.strerror)
                self._loop.remove_reader(self._listener)
                self._later = self._loop.call_later(_PAUSE, self._open)
            return
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connect(connection))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            # It is gone already.
            connection.close()
