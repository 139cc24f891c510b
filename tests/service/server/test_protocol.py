"""A request gets the same answer whole, in pieces and pipelined, and in order."""

import asyncio
import re
import socket
import time
from email.message import Message
from email.parser import BytesParser
from io import BufferedReader
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from uvicorn.server import ServerState

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.server.hot_path import HotPath
from service.server.protocol import Protocol
from service.settings import Settings
from tests.processes import running
from tests.service.conftest import Http
from tests.service.requests import body
from tests.serving import serve

fast_only = pytest.mark.parametrize("http", ["fast"], indirect=True, scope="module")
"""Stock uvicorn takes an upgrade that it does not know for the end of the connection."""


def written(content: bytes, *headers: str, path: str = "/forecast") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


def read(stream: BufferedReader) -> tuple[int, Message, bytes]:
    status = int(stream.readline().split()[1])
    lines = iter(stream.readline, b"\r\n")
    headers = BytesParser().parsebytes(b"".join(lines))
    return status, headers, stream.read(int(headers["content-length"]))


@pytest.fixture
def content(nino12: SstSeries) -> bytes:
    return httpx.Request("POST", "http://x", json=body(nino12)).content


def test_a_request_gets_the_same_answer_whole_and_in_pieces(wire: socket.socket, content: bytes) -> None:
    stream = wire.makefile("rb")
    request = written(content, "X-Request-ID: mine")
    answers = []
    for cut in (len(request), request.index(b"\r\n\r\n") + 4, len(request) - 1, 10):
        wire.sendall(request[:cut])
        # It is answered only after the first piece has been read.
        httpx.get(f"http://127.0.0.1:{wire.getpeername()[1]}/health/live").raise_for_status()
        wire.sendall(request[cut:])
        status, headers, answer = read(stream)
        answers.append((status, sorted((name, text) for name, text in headers.items() if name != "date"), answer))
    assert answers[0][0] == 200
    assert answers == [answers[0]] * 4


def test_pipelined_requests_are_answered_in_order(wire: socket.socket, content: bytes) -> None:
    ids = [f"r-{i}" for i in range(5)]
    bodies = [content, b"{", content, b"[]", content]
    requests = [written(content, f"X-Request-ID: {name}") for content, name in zip(bodies, ids, strict=True)]
    wire.sendall(b"".join(requests) + b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: last\r\n\r\n")
    stream = wire.makefile("rb")
    answers = [read(stream) for _ in (*ids, "last")]
    assert [headers["x-request-id"] for _, headers, _ in answers] == [*ids, "last"]
    assert [status for status, _, _ in answers] == [200, 400, 200, 422, 200, 200]


def test_a_request_with_connection_close_closes_the_connection(wire: socket.socket, content: bytes) -> None:
    wire.sendall(written(content, "Connection: close"))
    stream = wire.makefile("rb")
    status, headers, _ = read(stream)
    assert (status, headers["connection"]) == (200, "close")
    assert stream.read() == b""


def test_only_the_exact_path_is_answered(wire: socket.socket, content: bytes) -> None:
    stream = wire.makefile("rb")
    for path, expected in (("/forecast?strict=true", 200), ("/%66orecast", 200), ("/forecastle", 404), ("/v2/x/", 404)):
        wire.sendall(written(content, path=path))
        assert read(stream)[0] == expected


def test_a_url_with_escapes_or_a_fragment_is_read_alike_whole_and_in_pieces(
    wire: socket.socket, content: bytes
) -> None:
    stream = wire.makefile("rb")
    for path, sent, expected in (
        ("/forecast?strict=true#end", content, 200),
        ("/v2/models/nino12%2Dgru/infer", b"{}", 400),
    ):
        request = written(sent, path=path)
        for pieces in ([request], [request[:-1], request[-1:]]):
            for piece in pieces:
                wire.sendall(piece)
                httpx.get(f"http://127.0.0.1:{wire.getpeername()[1]}/health/live").raise_for_status()
            assert read(stream)[0] == expected


@fast_only
def test_a_client_that_asks_for_http_2_is_answered_in_http_1_1(wire: socket.socket, content: bytes) -> None:
    wish = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA")
    stream = wire.makefile("rb")
    request = written(content, *wish)
    for pieces in ([request], [request[:-9], request[-9:]], [request + written(content)], []):
        for piece in pieces:
            wire.sendall(piece)
            httpx.get(f"http://127.0.0.1:{wire.getpeername()[1]}/health/live").raise_for_status()
        status, _, answer = read(stream)
        assert status == 200
        assert b'"sst":' in answer


@fast_only
def test_many_pipelined_upgrade_requests_are_all_answered(wire: socket.socket) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    wire.sendall(request * 300)
    stream = wire.makefile("rb")
    assert [read(stream)[0] for _ in range(300)] == [200] * 300


@fast_only
def test_an_upgrade_does_not_keep_a_connection_open_that_asks_for_close(wire: socket.socket, content: bytes) -> None:
    wire.sendall(written(content, "Connection: close, Upgrade", "Upgrade: h2c"))
    stream = wire.makefile("rb")
    status, headers, _ = read(stream)
    assert (status, headers["connection"]) == (200, "close")
    assert stream.read() == b""


def test_connect_is_refused(wire: socket.socket) -> None:
    wire.sendall(
        b"CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n" + b"X: %s\r\n" % bytes(30_000).replace(b"\0", b"x") + b"\r\n"
    )
    assert wire.makefile("rb").readline() == b"HTTP/1.1 400 Bad Request\r\n"


def test_a_broken_connection_does_not_affect_the_answers_of_others(
    client: httpx.Client, wire: socket.socket, content: bytes
) -> None:
    address = ("127.0.0.1", client.base_url.port or 0)
    others = [socket.create_connection(address, timeout=60) for _ in range(12)]
    look = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    wire.sendall(written(content) + look + b"\0garbage\r\n\r\n")
    for other in others:
        other.sendall(written(content))
    for other in others:
        with other:
            assert read(other.makefile("rb"))[0] == 200
    shown = client.get("/metrics").text
    # The one that asks is in flight itself.
    assert "\nsst_requests_in_flight 1.0\n" in shown


def test_an_idle_connection_is_closed(artifacts: Path, content: bytes, http: Http) -> None:
    with serve(Settings(artifacts=artifacts, http=http), keep_alive_seconds=1) as client:
        port = client.base_url.port or 0
        with socket.create_connection(("127.0.0.1", port), timeout=60) as wire, wire.makefile("rb") as stream:
            for _ in range(3):
                wire.sendall(written(content))
                assert read(stream)[0] == 200
            assert stream.read() == b""


def test_a_worker_sleeps_while_its_only_client_is_idle(artifacts: Path, content: bytes) -> None:
    """It polls for the next request for a moment only."""
    with running(artifacts, busy_poll_microseconds=10_000) as service:

        def sleeps() -> int:
            status = Path(f"/proc/{service.process.pid}/status").read_text()
            return int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[0])

        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as wire, wire.makefile("rb") as stream:
            for _ in range(2):
                wire.sendall(written(content))
                assert read(stream)[0] == 200
                before, end = sleeps(), time.monotonic() + 60
                while sleeps() < before + 3:
                    assert time.monotonic() < end


class Wire(asyncio.Transport):
    """A transport without a socket."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.answered = asyncio.Event()

    def write(self, data: Any) -> None:
        self.answered.set()

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.parametrize(("microseconds", "awake"), [(1_000_000, [False, True, False, False, True]), (0, [False] * 5)])
def test_a_worker_stays_awake_for_a_client_that_it_answers_twice_in_a_row(
    artifacts: Path, content: bytes, microseconds: int, awake: list[bool]
) -> None:
    """Not for clients that take turns: polling too early would find one request where there would be a batch."""

    async def ask() -> list[bool]:
        gate = create_app(Settings(artifacts=artifacts, busy_poll_microseconds=microseconds))
        config = uvicorn.Config(gate, server_header=False)
        config.load()
        path, seen = HotPath(gate), []
        async with gate.app.router.lifespan_context(gate.app):
            connections = [Protocol(path, config=config, server_state=ServerState(), app_state={}) for _ in range(2)]
            wires = [Wire() for _ in connections]
            for connection, wire in zip(connections, wires, strict=True):
                connection.connection_made(wire)
            for connection_number in (0, 0, 1, 0, 0):
                wires[connection_number].answered.clear()
                connections[connection_number].data_received(written(content))
                await wires[connection_number].answered.wait()
                seen.append(connections[connection_number].is_awake)
            for connection in connections:
                connection.connection_lost(None)
        return seen

    assert asyncio.run(ask()) == awake
