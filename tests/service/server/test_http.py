"""What HTTP allows and few clients do: several requests at once, other versions, and lengths of any size."""

import socket

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.service.requests import body
from tests.service.server.test_limits import content
from tests.serving import connect, read_until

POST = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"


def read(wire: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    answer = b""
    while piece := wire.recv(65_536):
        answer += piece
    return answer


def test_pipelined_requests_are_answered_in_order(wire: socket.socket, nino12: SstSeries) -> None:
    request = content(body(nino12))
    post = POST % len(request) + b"\r\n" + request
    get = b"GET /%s HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: %s\r\n"
    wire.sendall(
        get % (b"health/live", b"first") + b"\r\n" + post + get % (b"", b"last") + b"Connection: close\r\n\r\n"
    )
    answers = read(wire)
    parts = [b'"status":"live"', b'"forecasts":[', b"x-request-id: last"]
    assert [answers.count(part) for part in parts] == [1, 1, 1]
    assert sorted(parts, key=answers.index) == parts


def test_malformed_http_is_refused(wire: socket.socket) -> None:
    wire.sendall(b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n")
    assert read(wire).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("length", [10**17, 10**18, 2**64 - 1])
def test_a_length_of_any_number_of_digits_is_too_large_at_once(client: httpx.Client, length: int) -> None:
    for path in (b"/forecast", b"/compare"):
        with connect(client) as wire:
            wire.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (path, length))
            assert wire.recv(4_096).startswith(b"HTTP/1.1 413 ")
            wire.shutdown(socket.SHUT_WR)
    # Zeros in front make no length larger.
    with connect(client) as wire:
        wire.sendall(b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Length: %020d\r\n\r\n{}" % 2)
        assert wire.recv(4_096).startswith(b"HTTP/1.1 415 ")


def test_a_client_that_reads_only_after_sending_a_body_over_the_limit_gets_413(client: httpx.Client) -> None:
    with connect(client) as wire:
        wire.sendall(POST % 2**25 + b"\r\n")
        for _ in range(32):
            wire.sendall(b" " * 2**20)
        assert wire.recv(4_096).startswith(b"HTTP/1.1 413 ")
        wire.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP/1.1 200 " in read_until(wire, b"HTTP/1.1 200 ")
