"""The service on a real loopback socket, in a thread of the test process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from starlette.types import ASGIApp

from service.app import create_app
from service.settings import Settings


@contextmanager
def serve(settings: Settings, keep_alive_seconds: int = 60) -> Iterator[httpx.Client]:
    """Run a service with these settings and yield a client; both are closed at the end.

    By default, requests may take long, as the machine that runs the tests may be busy.
    """
    if "request_seconds" not in settings.model_fields_set:
        settings = settings.model_copy(update={"request_seconds": 600.0})
    with serve_app(create_app(settings), keep_alive_seconds) as client:
        yield client


@contextmanager
def serve_app(app: ASGIApp, keep_alive_seconds: int = 60) -> Iterator[httpx.Client]:
    """Run an existing application, as :func:`serve` does.

    The socket listens before the server runs, so the first request waits until it does.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="warning",
        server_header=False,
        ws="none",
        timeout_keep_alive=keep_alive_seconds,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=600) as client:
            client.get("/health/live")
            yield client
    finally:
        server.should_exit = True
        thread.join()


def connect(client: httpx.Client) -> socket.socket:
    """Open a new connection to the service that ``client`` calls."""
    return socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=600)


def read_until(wire: socket.socket, part: bytes) -> bytes:
    """Return what arrives on a connection, until it contains ``part`` or ends: head and body may arrive one by one."""
    received = b""
    while part not in received and (piece := wire.recv(65_536)):
        received += piece
    return received
