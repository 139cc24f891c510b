"""One process that serves: the application on uvicorn, from the first request to the last."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from forecasting.releases.catalog import Catalog
from service.engine.lifecycle import Lifecycle
from service.engine.releases.worker_bus import WorkerBus
from service.settings import Settings
from service.telemetry.logs import log_config

logger = logging.getLogger("service")

KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection stays open: longer than usual proxies keep theirs, so that they close first."""

BuildApp = Callable[[Settings, Catalog, WorkerBus], FastAPI]
"""Builds the application. It has to be a function of a module, so that worker processes can import it."""


def serve(settings: Settings, listener: socket.socket, app: FastAPI) -> None:
    """Serve ``app`` on ``listener`` until a signal stops the process."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="on",
        log_config=log_config(settings),
        server_header=False,
        access_log=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    DrainingServer(config, app.state.lifecycle, settings).run(sockets=[listener])


class DrainingServer(uvicorn.Server):
    """A server that stops in two steps, and drops connections whose clients do not read.

    After a signal it answers every new request with 503 and Retry-After for ``settings.linger_seconds``, so that load
    balancers choose another process; a second signal skips this. Then it stops as uvicorn does: it closes the socket
    and idle connections, and finishes the requests that it has begun.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, settings: Settings) -> None:
        super().__init__(config)
        self._unread: dict[asyncio.Transport, tuple[int, float]] = {}
        self._lifecycle = lifecycle
        self._linger_seconds = settings.linger_seconds
        self._drain_seconds = settings.drain_seconds
        self._write_seconds = settings.write_seconds
        self._stop_at = float("inf")
        """When the second step begins, in the time of :func:`time.monotonic`."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Unlike uvicorn, do not raise the signal again: a process that stops as asked exits with 0."""
        if self._lifecycle.draining and sig == signal.SIGTERM and parent_process() is not None:
            # A signal to the whole process group comes twice: from its sender, and from the supervisor.
            return
        if self._lifecycle.draining or not self.started:
            self.force_exit |= self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._lifecycle.draining = True
        self._stop_at = time.monotonic() + self._linger_seconds
        self._lifecycle.until = self._stop_at + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop (uvicorn asks ten times a second), and drop connections whose client does not read."""
        parent = parent_process()
        if parent is not None and not parent.is_alive() and not self._lifecycle.draining:
            logger.error("the supervisor has died: stopping")
            self.handle_exit(signal.SIGTERM, None)
        self._drop_unread()
        self.should_exit |= time.monotonic() >= self._stop_at
        return await super().on_tick(counter)

    def _drop_unread(self) -> None:
        now, before, self._unread = time.monotonic(), self._unread, {}
        for connection in list(self.server_state.connections):
            transport = connection.transport
            size = transport.get_write_buffer_size()
            if not size:
                continue
            known = before.get(transport)
            self._unread[transport] = known if known and known[0] == size else (size, now)
            if now - self._unread[transport][1] > self._write_seconds:
                logger.warning("closing a connection whose client read nothing for %g seconds", self._write_seconds)
                transport.abort()
