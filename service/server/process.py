"""One process that serves: the application on uvicorn, from the first request to the last."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import parent_process
from types import FrameType
from typing import Any

import uvicorn

from forecasting.releases.registry import Registry
from service.engine.lifecycle import Lifecycle
from service.engine.worker_bus import WorkerBus
from service.gate.gate import Gate
from service.http.security_headers import with_cors
from service.server.accepting import Accepting
from service.server.hot_path import HotPath
from service.server.protocol import Protocol
from service.settings import Settings
from service.telemetry.logs import log_config

logger = logging.getLogger("service")

KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays open: longer than the proxies in front keep theirs, so that they close first."""


BuildApp = Callable[[Settings, Registry, WorkerBus], Gate]
"""Builds the application; a function of a module, so that worker processes can import it."""


def serve(settings: Settings, listener: socket.socket, gate: Gate) -> None:
    """Serve the application ``gate`` on ``listener`` until told to stop."""
    config = uvicorn.Config(
        with_cors(gate, settings.origins),
        http=partial(Protocol, HotPath(gate)),  # type: ignore[arg-type]
        lifespan="on",
        log_config=log_config(settings),
        server_header=False,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    DrainingServer(config, gate.lifecycle, settings.linger_seconds, settings.write_seconds).run(sockets=[listener])


_LAST_WORDS_SECONDS = 0.25
_TICKS_A_LOOK = 5


class DrainingServer(uvicorn.Server):
    """Stops in three steps: says that it stops, closes idle connections, finishes what it has begun.

    For ``linger`` seconds every new request hears 503 with Retry-After, which a proxy takes elsewhere; a connection
    closed at once could lose the request that is just arriving on it. A second signal skips that.

    All the while it closes connections whose clients take nothing of their answers for ``patience`` seconds.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, linger: float, patience: float) -> None:
        super().__init__(config)
        self._patience = patience
        self._unread: dict[asyncio.Transport, tuple[int, float]] = {}
        self._lifecycle = lifecycle
        self._linger = linger
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[socket.socket] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's; and a worker whose supervisor dies stops too."""
        self._loop = asyncio.get_running_loop()
        self._listeners = sockets or []
        parent = parent_process()
        if parent is None:
            await super().startup(sockets)
            return
        self._loop.add_reader(parent.sentinel, self._abandoned, parent.sentinel)
        await super().startup([])
        self.servers += [Accepting(listener, self._protocol) for listener in self._listeners]  # type: ignore[misc]

    def _protocol(self) -> asyncio.Protocol:
        """For a new connection, as uvicorn makes it."""
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop, asked ten times a second; drops connections whose client takes nothing."""
        if counter % _TICKS_A_LOOK == 0:
            self._drop_unread()
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
            if now - self._unread[transport][1] > self._patience:
                logger.warning("a client took nothing of its answer for %g seconds and is let go", self._patience)
                transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. The signal is not raised again, as uvicorn would: having stopped as told is status 0."""
        if self._lifecycle.draining and sig == signal.SIGTERM and parent_process() is not None:
            # Told twice: by whoever told the whole group, and by the supervisor.
            return
        if self._lifecycle.draining or self._loop is None or not self.started:
            self.force_exit |= self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._lifecycle.draining = True
        drain = self.config.timeout_graceful_shutdown or 0
        self._lifecycle.until = time.monotonic() + self._linger + drain
        self._loop.call_soon_threadsafe(self._loop.call_later, self._linger, self._stop)

    def _stop(self) -> None:
        """Let nobody in any more, and hear out those who just came: closing would lose what they are sending."""
        assert self._loop is not None
        if self.should_exit:
            return
        for listener in self._listeners:
            # The system holds callers back from now on; those that it has taken in are accepted still.
            listener.listen(0)
        self._loop.call_later(_LAST_WORDS_SECONDS, self._close)

    def _close(self) -> None:
        assert self._loop is not None
        for server in self.servers:
            server.close()
        self._loop.call_later(_LAST_WORDS_SECONDS, self._leave)

    def _leave(self) -> None:
        self.should_exit = True

    def _abandoned(self, sentinel: int) -> None:
        assert self._loop is not None
        self._loop.remove_reader(sentinel)
        logger.error("the supervisor is gone: stopping")
        self.handle_exit(signal.SIGTERM, None)
