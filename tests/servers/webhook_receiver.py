"""A receiver of webhooks on loopback, with the faults that real ones have."""

import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

Answer = Callable[["Handler"], None]
"""Answers a request, or does not."""


class Received(NamedTuple):
    """A request as it arrived; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A running receiver."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: queue.Queue[Received] = queue.Queue()
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.closing = threading.Event()

    def next(self) -> Received:
        """Wait for the next request, and return it."""
        return self.received.get(timeout=600)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer with this status."""

    def answer(handler: "Handler") -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: "Handler") -> None:
    """Do not answer before the receiver closes."""
    handler.receiver.closing.wait()


def drip(handler: "Handler") -> None:
    """Answer with headers that never end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    try:
        while not handler.receiver.closing.wait(0.05):
            handler.wfile.write(b"X-More: 1\r\n")
    except OSError:
        return


def endless(handler: "Handler") -> None:
    """Answer with a body that never ends."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.receiver.closing.is_set():
            handler.wfile.write(b"more" * 1_024)
    except OSError:
        return


def die(handler: "Handler") -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Hands each request to its receiver, and answers as that says."""

    receiver: Receiver

    def do_POST(self) -> None:
        """Answer a request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.receiver.answers.get_nowait()
        except queue.Empty:
            answer = status(200)
        self.receiver.received.put(Received(self.path, headers, body))
        answer(self)

    def do_GET(self) -> None:
        """Answer a request."""
        self.do_POST()

    def log_message(self, *args: object) -> None:
        """Write no log."""


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver; with ``tls`` for ``https``."""

    class OfReceiver(Handler):
        pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), OfReceiver)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    OfReceiver.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
