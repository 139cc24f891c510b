"""One process that serves: the application on uvicorn, from the first request to the last."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import parent_process
from types import FrameType
from typing import Any, Final

import uvicorn

from forecasting.releases.registry import Registry
from service.engine.lifecycle import Lifecycle
from service.engine.releases.worker_bus import WorkerBus
from service.gate.gate import Gate
from service.http.security_headers import with_cors
from service.server.accepting import Accepting, Connecting
from service.server.http_choice import choose_http
from service.server.listening import hold_new_connections
from service.settings import Settings
from service.telemetry.logs import log_config

logger = logging.getLogger("service")

KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection stays open: longer than usual proxies keep theirs, so that they close first."""

BuildApp = Callable[[Settings, Registry, WorkerBus], Gate]
"""Builds the application. It has to be a function of a module, so that worker processes can import it."""


def serve(settings: Settings, listener: socket.socket, gate: Gate, bus: WorkerBus | None = None) -> None:
    """Serve the application ``gate`` on ``listener`` until a signal stops the process.

    ``bus`` reaches the other workers that share ``listener``.
    """
    config = uvicorn.Config(
        with_cors(gate, settings.origins),
        http=choose_http(settings, gate),
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
    DrainingServer(config, gate.lifecycle, settings, bus or WorkerBus()).run(sockets=[listener])


_LAST_CALL_SECONDS: Final = 0.25
"""For how long the process still accepts connections whose handshake was under way."""

_FIRST_REQUEST_SECONDS: Final = 1.0
"""For how long the process then waits for the first request on connections that have had none."""

_LOOK_SECONDS: Final = 0.05
_TICKS_PER_LOOK: Final = 5


class DrainingServer(uvicorn.Server):
    """Stops in steps, so that no client loses a request.

    1. For ``settings.linger_seconds`` it goes on accepting connections, and answers every new request with 503 and
       Retry-After. A second signal skips this.
    2. It keeps new connections out (:func:`~service.server.listening.hold_new_connections`), and accepts those in the
       queue.
    3. It waits for the first request of each connection that has had none, closes idle connections, and finishes the
       requests that it has begun.

    A worker that is stopped while others go on skips the second step: the others accept what is in the queue.

    Until then it also closes connections whose clients take nothing of their answers for ``settings.write_seconds``.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, settings: Settings, bus: WorkerBus) -> None:
        super().__init__(config)
        self._unread: dict[asyncio.Transport, tuple[int, float]] = {}
        self._lifecycle = lifecycle
        self._settings = settings
        self._bus = bus
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[socket.socket] = []
        self._connecting: Connecting | None = None
        self._give_up_at = 0.0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does. A worker also stops when its supervisor dies."""
        self._loop = asyncio.get_running_loop()
        self._listeners = sockets or []
        self._connecting = Connecting(self._make_protocol)
        parent = parent_process()
        if parent is None:
            await super().startup(sockets)
            return
        self._loop.add_reader(parent.sentinel, self._abandoned, parent.sentinel)
        await super().startup([])
        self.servers += [Accepting(listener, self._make_protocol) for listener in self._listeners]  # type: ignore[misc]

    def _make_protocol(self) -> asyncio.Protocol:
        """Make the protocol of a new connection, as uvicorn does."""
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop (uvicorn asks ten times a second), and drop connections whose client does not read."""
        if counter % _TICKS_PER_LOOK == 0:
            self._drop_unread()
        return await super().on_tick(counter)

    def _drop_unread(self) -> None:
        now, before, self._unread = time.monotonic(), self._unread, {}
        patience = self._settings.write_seconds
        for connection in list(self.server_state.connections):
            transport = connection.transport
            size = transport.get_write_buffer_size()
            if not size:
                continue
            known = before.get(transport)
            self._unread[transport] = known if known and known[0] == size else (size, now)
            if now - self._unread[transport][1] > patience:
                logger.warning("closing a connection whose client read nothing for %g seconds", patience)
                transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Unlike uvicorn, do not raise the signal again: a process that stops as asked exits with 0."""
        if self._lifecycle.draining and sig == signal.SIGTERM and parent_process() is not None:
            # A signal to the whole process group comes twice: from its sender, and from the supervisor.
            return
        if self._lifecycle.draining or self._loop is None or not self.started:
            self.force_exit |= self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._lifecycle.draining = True
        linger, drain = self._settings.linger_seconds, self.config.timeout_graceful_shutdown or 0
        self._lifecycle.until = time.monotonic() + linger + drain
        self._loop.call_soon_threadsafe(self._loop.call_later, linger, self._hold_new)

    @property
    def _is_last(self) -> bool:
        """Whether nobody else goes on serving from the same socket."""
        parent = parent_process()
        return parent is None or not parent.is_alive() or self._bus.is_stopping()

    def _hold_new(self) -> None:
        assert self._loop is not None
        if self.should_exit:
            return
        if self._is_last:
            for listener in self._listeners:
                hold_new_connections(listener)
        self._loop.call_later(_LAST_CALL_SECONDS, self._stop_accepting)

    def _stop_accepting(self) -> None:
        assert self._loop is not None
        assert self._connecting is not None
        if self._is_last:
            for listener in self._listeners:
                self._connecting.add_queued(listener)
        for server in self.servers:
            server.close()
        self._give_up_at = time.monotonic() + _FIRST_REQUEST_SECONDS
        self._loop.call_later(_LAST_CALL_SECONDS, self._wait_for_first_requests)

    def _wait_for_first_requests(self) -> None:
        assert self._loop is not None
        is_any_fresh = any(getattr(connection, "cycle", True) is None for connection in self.server_state.connections)
        if is_any_fresh and time.monotonic() < self._give_up_at:
            self._loop.call_later(_LOOK_SECONDS, self._wait_for_first_requests)
        else:
            self.should_exit = True

    def _abandoned(self, sentinel: int) -> None:
        assert self._loop is not None
        self._loop.remove_reader(sentinel)
        logger.error("the supervisor has died: stopping")
        self.handle_exit(signal.SIGTERM, None)
