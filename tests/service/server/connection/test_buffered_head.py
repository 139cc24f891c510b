"""The head of an answer and its body are sent together."""

import json
import socket

import pytest

from forecasting.series.sst_series import SstSeries
from tests.service.conftest import Http
from tests.service.requests import body


@pytest.fixture(scope="module")
def http() -> Http:
    """Only the fast path sends them together."""
    return "fast"


def exchange(wire: socket.socket, request: bytes) -> bytes:
    """Send a request, and return the first piece of the answer."""
    wire.sendall(request)
    return wire.recv(1 << 20)


def test_the_head_of_an_answer_arrives_with_its_body(wire: socket.socket, nino12: SstSeries) -> None:
    content = json.dumps(body(nino12)).encode()
    request = (
        b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    )
    for _ in range(200):
        head, _, answer = exchange(wire, request % (len(content), content)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert json.loads(answer)["model"] == "nino12-gru"


def test_an_answer_without_a_body_is_sent_at_once(wire: socket.socket) -> None:
    for _ in range(3):
        answer = exchange(wire, b"HEAD /forecast HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"\r\n\r\n")
