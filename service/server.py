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
from collections.abc import Callable, Collection
from multiprocessing import parent_process
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from forecasting.errors import ForecastError
from forecasting.releases.catalog import Catalog
from service.engine.releases.published_releases import open_catalog
from service.engine.releases.worker_bus import WorkerBus
from service.engine.serving import Lifecycle
from service.settings import Settings
from service.telemetry.logs import configure_logs, log_config
from service.telemetry.metrics import begin_worker, shared_by_workers, worker_ended

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

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; return the exit status: 0, or that of workers that cannot start at all.

        Raises:
            RequestError: if there is no room for the files that workers share.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
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
        # An open copy would let clients connect after the last worker has closed its own.
        self.listener.close()
        for worker in workers:
            worker.terminate()
        deadline = time.monotonic() + self.settings.linger_seconds + self.settings.drain_seconds + _KILL_MARGIN_SECONDS
        for worker in workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.exitcode is None:
                logger.error("worker %s did not stop in time and is being killed", worker.pid)
                worker.kill()
                worker.join()
