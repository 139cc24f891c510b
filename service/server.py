"""uvicorn, in one process or in several workers on one socket: started, replaced when they die, stopped together."""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Final, Literal

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from forecasting.errors import ForecastError
from forecasting.releases.catalog import Catalog
from service.connections import Connection, holds_any, refuse_new
from service.engine.releases.published_releases import open_catalog
from service.engine.releases.worker_bus import WorkerBus
from service.engine.serving import Lifecycle
from service.http.paths import PATHS, Paths
from service.http.problems import error_response, shutting_down
from service.plugin import load_plugins
from service.plugins import PLUGINS
from service.settings import Settings
from service.telemetry.logs import configure_logs, log_config
from service.telemetry.metrics import begin_worker, shared_by_workers, worker_ended

logger = logging.getLogger("service")

KEEP_ALIVE_SECONDS: Final = 75
"""How long an idle connection stays open: longer than usual proxies keep theirs, so that they close first."""

BuildApp = Callable[[Settings, Catalog, WorkerBus], FastAPI]
"""Builds the application. It has to be a function of a module, so that worker processes can import it."""

_HANDSHAKE_SECONDS: Final = 1.0
"""The longest time in which a socket that is about to be closed hands over the connections that it holds."""

_TICK_SECONDS: Final = 0.1
"""Pause between looks at all connections, as in uvicorn's main loop."""

_PAUSE_SECONDS: Final = 0.01
"""Pause between looks at what may change at once."""

_LAST_WORD_SECONDS: Final = 1.0
"""The longest time that clients get to read the responses to requests that were cut off."""


def serve(settings: Settings, listener: socket.socket, app: FastAPI, signals: Sequence[int] = ()) -> None:
    """Serve ``app`` on ``listener`` until a signal stops the process, or after the ``signals`` that it has had."""
    DrainingServer(_config(settings, app, "on"), app.state.lifecycle, settings, signals).run(sockets=[listener])


def turn_away(settings: Settings, listener: socket.socket) -> None:
    """Close ``listener``; the connections that it still holds get a 503."""
    refuse_new(listener)
    if holds_any(listener):
        server = DrainingServer(_config(settings, _refusing(settings), "off"), Lifecycle(draining=True), settings)
        server.should_exit = True
        server.run(sockets=[listener])
    listener.close()


def _refusing(settings: Settings) -> ASGIApp:
    """Return the application of a process that never serves: it answers every request with 503."""
    plugins = load_plugins(settings.plugins, PLUGINS).values()
    paths = Paths(protocols=[each.protocol for each in plugins if each.protocol])

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await error_response(shutting_down(), {**scope, PATHS: paths})(scope, receive, send)

    return refuse


def _config(settings: Settings, app: ASGIApp, lifespan: Literal["on", "off"]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan=lifespan,
        log_config=log_config(settings),
        server_header=False,
        access_log=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )


class DrainingServer(uvicorn.Server):
    """A server that stops in two steps, and drops connections whose clients do not read.

    After a signal it answers every new request with 503 and Retry-After for ``settings.linger_seconds``, so that load
    balancers choose another process; a second signal skips this. Then it closes the socket, after what the socket
    holds has been accepted, and idle connections, and finishes the requests that it has begun. No connection is reset.
    """

    def __init__(
        self, config: uvicorn.Config, lifecycle: Lifecycle, settings: Settings, signals: Sequence[int] = ()
    ) -> None:
        super().__init__(config)
        self._signals = signals
        self._unread: dict[asyncio.Transport, tuple[int, float]] = {}
        self._lifecycle = lifecycle
        self._linger_seconds = settings.linger_seconds
        self._drain_seconds = settings.drain_seconds
        self._write_seconds = settings.write_seconds
        self._stop_at = float("inf")
        """When the second step begins, in the time of :func:`time.monotonic`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals, and those that came before this."""
        with super().capture_signals():
            for number in self._signals:
                self.handle_exit(number, None)
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. Unlike uvicorn, do not raise the signal again: a process that stops as asked exits with 0."""
        if self._lifecycle.draining and sig == signal.SIGTERM and parent_process() is not None:
            # A signal to the whole process group comes twice: from its sender, and from the supervisor.
            return
        if self._lifecycle.draining:
            self.force_exit |= self.should_exit and sig == signal.SIGINT
            self.should_exit = True
            return
        self._lifecycle.draining = True
        self._stop_at = time.monotonic() + (self._linger_seconds if self.started else 0)
        self._lifecycle.until = self._stop_at + self._drain_seconds
        # Before the start there is nothing to linger for.
        self.should_exit |= not self.started

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop (uvicorn asks ten times a second), and drop connections whose client does not read."""
        parent = parent_process()
        if parent is not None and not parent.is_alive() and not self._lifecycle.draining:
            logger.error("the supervisor has died: stopping")
            self.handle_exit(signal.SIGTERM, None)
        self._end_connections()
        self.should_exit |= time.monotonic() >= self._stop_at
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, without resetting a connection."""
        if self.force_exit:
            await super().shutdown(sockets)
            return
        await self._empty(sockets or [])
        closing = asyncio.create_task(self._close_connections())
        try:
            await super().shutdown(sockets)
            await self._say_last_word()
        finally:
            closing.cancel()

    async def _empty(self, sockets: Sequence[socket.socket]) -> None:
        """Let in what the listening sockets hold, and nothing more. The last of several workers leaves them empty."""
        for listener in sockets:
            refuse_new(listener)
        until = time.monotonic() + _HANDSHAKE_SECONDS
        while any(map(holds_any, sockets)) and time.monotonic() < until:
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _close_connections(self) -> None:
        """Close each connection once nothing more is to be expected of it."""
        while True:
            for connection in self._connections():
                connection.shutdown()
            self._end_connections()
            await asyncio.sleep(_TICK_SECONDS)

    async def _say_last_word(self) -> None:
        """Close the connections of requests that were cut off, and wait until their clients have read the responses."""
        until = time.monotonic() + _LAST_WORD_SECONDS
        while self.server_state.connections and time.monotonic() < until and not self.force_exit:
            for connection in self._connections():
                if connection.is_answered:
                    connection.transport.close()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _connections(self) -> list[Connection]:
        return [each for each in self.server_state.connections if isinstance(each, Connection)]

    def _end_connections(self) -> None:
        """Drop connections whose client does not read, and end those whose client has nothing more to say."""
        now, before, self._unread = time.monotonic(), self._unread, {}
        for connection in self._connections():
            connection.end_linger()
            transport = connection.transport
            size = transport.get_write_buffer_size()
            if not size:
                continue
            known = before.get(transport)
            self._unread[transport] = known if known and known[0] == size else (size, now)
            if now - self._unread[transport][1] > self._write_seconds:
                logger.warning("closing a connection whose client read nothing for %g seconds", self._write_seconds)
                transport.abort()


REFUSED: Final = 2
"""Exit status of a worker that can never start as it is configured."""

_RESTART_PAUSE_SECONDS: Final = 1.0
"""Pause before a worker that keeps dying is started again."""

_MAX_FOLDER_BYTES: Final = 60

_KILL_MARGIN_SECONDS: Final = 5.0
"""Time that workers get beyond their own time to stop, before they are killed."""


def work(build: BuildApp, settings: Settings, listener: socket.socket, folder: Path, place: int) -> None:
    """Run the worker process number ``place`` until a signal stops it."""
    configure_logs(settings)
    try:
        _work(build, settings, listener, folder, place)
    except Exception:
        # multiprocessing would print the traceback, and not log it.
        logger.critical("the worker is exiting because of an unexpected error", exc_info=True)
        sys.exit(1)


def _work(build: BuildApp, settings: Settings, listener: socket.socket, folder: Path, place: int) -> None:
    begin_worker(place)
    bus = WorkerBus(folder)
    try:
        catalog = open_catalog(settings, bus)
    except ForecastError as error:
        logger.error("%s", error)
        sys.exit(REFUSED)
    serve(settings, listener, build(settings, catalog, bus))


def _short_folder() -> str | None:
    """Return where to create the shared folder: the path of a socket in it is limited to some hundred bytes."""
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > _MAX_FOLDER_BYTES else None  # noqa: S108


class Supervisor:
    """Keeps ``settings.workers`` workers running on ``listener`` until a signal stops it."""

    def __init__(self, build: BuildApp, settings: Settings, listener: socket.socket) -> None:
        self._build = build
        self.settings = settings
        self.listener = listener
        self._context = multiprocessing.get_context("spawn")
        self._stopping = False
        self._wake_read, self._wake_write = self._context.Pipe(duplex=False)

    def run(self, signals: Sequence[int] = ()) -> int:
        """Run until SIGTERM or SIGINT; return the exit status: 0, or that of workers that cannot start at all.

        After the ``signals`` that the process has had, only the connections that the socket holds are answered.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for earlier in signals:
            self._stop(earlier, None)
        shared = shared_by_workers(self.settings.workers)
        with shared, tempfile.TemporaryDirectory(prefix="sst-", dir=_short_folder()) as name:
            return self._watch(Path(name))

    def _watch(self, folder: Path) -> int:
        workers: dict[int, SpawnProcess] = {}
        bus = WorkerBus(folder)
        status = 0
        try:
            while not self._stopping:
                self._fill(workers, folder)
                is_full = len(workers) == self.settings.workers
                sentinels = [worker.sentinel for worker in workers.values()]
                ended = wait([*sentinels, self._wake_read], None if is_full else _RESTART_PAUSE_SECONDS)
                for place, worker in list(workers.items()):
                    if worker.sentinel not in ended or self._stopping:
                        continue
                    worker.join()
                    del workers[place]
                    bus.remove_socket(worker.pid or 0)
                    if worker.exitcode == REFUSED and not bus.is_any_left():
                        self._stopping, status = True, REFUSED
                    else:
                        logger.error("worker %s exited (%s) and is being replaced", worker.pid, worker.exitcode)
                        # A worker that exits by itself would most likely do so again at once.
                        self._wake_read.poll(_RESTART_PAUSE_SECONDS if (worker.exitcode or 0) > 0 else 0)
        finally:
            self._end(workers.values())
        return status

    def _fill(self, workers: dict[int, SpawnProcess], folder: Path) -> None:
        """Start a worker in each free place, if the system has room for it."""
        for place in range(self.settings.workers):
            if place in workers or self._stopping:
                continue
            try:
                worker_ended(place)
                workers[place] = self._start(folder, place)
            except OSError as error:
                # Memory, processes or open files may be short for a while; the other workers go on serving.
                logger.error("cannot start a worker, trying again: %s", error.strerror)

    def _start(self, folder: Path, place: int) -> SpawnProcess:
        worker = self._context.Process(target=work, args=(self._build, self.settings, self.listener, folder, place))
        worker.start()
        return worker

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            self._wake_write.send(number)

    def _end(self, workers: Collection[SpawnProcess]) -> None:
        """Stop all workers, and kill those that do not stop in time."""
        for worker in workers:
            worker.terminate()
        stop_at = time.monotonic() + self.settings.linger_seconds
        self._close_listener(workers, stop_at)
        deadline = stop_at + self.settings.drain_seconds + _KILL_MARGIN_SECONDS
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.exitcode is None:
                logger.error("worker %s did not stop in time and is being killed", worker.pid)
                worker.kill()
                worker.join()

    def _close_listener(self, workers: Collection[SpawnProcess], stop_at: float) -> None:
        """Close the socket when workers have accepted what it holds; if none of them is left, answer that here.

        Workers that end before they have started accept nothing. An open copy would keep later clients waiting.
        """
        until = stop_at + _HANDSHAKE_SECONDS
        while alive := [worker.sentinel for worker in workers if worker.is_alive()]:
            now = time.monotonic()
            if now < stop_at:
                wait(alive, stop_at - now)
                continue
            refuse_new(self.listener)
            if now >= until or not holds_any(self.listener):
                break
            wait(alive, _PAUSE_SECONDS)
        if alive:
            self.listener.close()
        else:
            turn_away(self.settings, self.listener)
