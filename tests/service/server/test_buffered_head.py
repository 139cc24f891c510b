"""The head of an answer and its body are sent together."""

import json
import socket
from pathlib import Path

from forecasting.series.sst_series import SstSeries
from tests.processes import running
from tests.service.requests import body


def exchange(caller: socket.socket, request: bytes) -> bytes:
    """Send a request, and return the first piece of the answer."""
    caller.sendall(request)
    return caller.recv(1 << 20)


def test_the_head_of_an_answer_arrives_with_its_body(artifacts: Path, nino12: SstSeries) -> None:
    content = json.dumps(body(nino12)).encode()
    request = b"POST /forecast HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    with running(artifacts) as service, socket.create_connection(("127.0.0.1", service.port)) as caller:
        for _ in range(200):
            head, _, answer = exchange(caller, request % (len(content), content)).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK")
            assert json.loads(answer)["model"] == "nino12-gru"


def test_an_answer_without_a_body_is_sent_at_once(artifacts: Path) -> None:
    with running(artifacts) as service, socket.create_connection(("127.0.0.1", service.port)) as caller:
        for _ in range(3):
            answer = exchange(caller, b"HEAD /forecast HTTP/1.1\r\nHost: here\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert answer.endswith(b"\r\n\r\n")
