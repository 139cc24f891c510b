"""Requests of misbehaving clients: endless heads, malformed requests, old HTTP, and early disconnects."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from email.parser import BytesParser
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.http.security_headers import security_headers
from service.server.connection.discarding import DISCARD_BYTES
from service.server.connection.refusals import MAX_HEAD_BYTES
from service.settings import Settings
from tests.processes import Service, running, wait_until
from tests.service.conftest import Http
from tests.service.requests import Json, body
from tests.serving import connect, serve

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = (
    b"POST /forecast HTTP/1.1\r\nHost: [::1]\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.fixture(scope="module")
def http() -> Http:
    """Only the fast path answers these as the tests say."""
    return "fast"


def read_all(wire: socket.socket) -> bytes:
    """Read until the server closes, even if it closes without reading everything."""
    answer = b""
    try:
        while piece := wire.recv(1 << 16):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


def parsed(answer: bytes) -> tuple[int, Message, bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    line, _, headers = head.partition(b"\r\n")
    return int(line.split()[1]), BytesParser().parsebytes(headers), content


def refused(answer: bytes, status: int) -> Json:
    """The problem document of the one and last answer on a connection."""
    answered, headers, content = parsed(answer)
    assert answered == status
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    for name, value in security_headers():
        assert headers[name.decode()] == value.decode()
    problem: Json = json.loads(content)
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    return problem


def posted(content: bytes) -> bytes:
    head = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(content) + content


def counted(client: httpx.Client, start: str) -> float:
    """Return the value of the metric whose line begins with ``start``; 0 if there is none."""
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(start)), 0)


@pytest.fixture(scope="module")
def process(artifacts: Path) -> Iterator[Service]:
    """A service in a process that logs no failure."""
    with running(artifacts) as service:
        yield service
    assert not any("Traceback" in line or "failed" in line for line in service.log)


def test_heads_without_an_end_take_no_memory(process: Service) -> None:
    with socket.create_connection(("127.0.0.1", process.port)) as wire:
        before = process.resident()
        wire.sendall(b"GET / HTTP/1.1\r\n")
        with suppress(OSError):
            for number in range(200):
                wire.sendall(b"X-%d: " % number + b"x" * 2**20 + b"\r\n")
        assert process.resident() < before + 50_000


def test_clients_that_send_several_requests_at_once_and_leave_are_not_logged(
    process: Service, nino12: SstSeries
) -> None:
    forecast = posted(json.dumps(body(nino12)).encode())
    for requests in (b"GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20, forecast * 3):
        for _ in range(30):
            with socket.create_connection(("127.0.0.1", process.port)) as leaving:
                leaving.sendall(requests)
    with httpx.Client(base_url=process.url) as client:
        begun = 'sst_request_seconds_count{method="GET",route="/models",status="200"}'
        wait_until(
            lambda: counted(client, "sst_requests_in_flight ") <= 1,
            "requests of clients that have left are worked on for ever",
        )
        # The service begins one or two requests of a connection before it sees that the client has left, and no more.
        assert counted(client, begun) < 30 * 5


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /forecast HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES,
        b"GET /" + b"x" * MAX_HEAD_BYTES,
        b"GET /forecast HTTP/1.1\r\n" + b"X: x\r\n" * (MAX_HEAD_BYTES // 6),
        b"GET /forecast HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        LIVE + b"GET /forecast HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
        CHUNKED + b"0\r\nX: " + b"x" * 2**20,
        CHUNKED + b"0;" + b"x" * 2**20,
    ],
    ids=["one header", "target", "headers", "whole", "behind another", "trailer", "chunk"],
)
def test_a_head_over_the_limit_is_refused(wire: socket.socket, sent: bytes) -> None:
    wire.sendall(sent)
    answer = read_all(wire)
    assert "send at most 65536 bytes" in refused(answer[answer.rindex(b"HTTP/1.1 ") :], 431)["detail"]


def test_a_head_over_the_limit_behind_another_request_is_refused_when_its_end_arrives_later(
    wire: socket.socket,
) -> None:
    head = b"GET /forecast HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n"
    wire.sendall(LIVE + head[:40_000])
    # What came with it has been read once it is answered.
    answer = wire.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 200 ")
    wire.sendall(head[40_000:])
    answer += read_all(wire)
    assert "send at most 65536 bytes" in refused(answer[answer.rindex(b"HTTP/1.1 ") :], 431)["detail"]


def test_a_head_under_the_limit_is_read_behind_other_requests(wire: socket.socket) -> None:
    large = LIVE[:-2] + b"X: %s\r\n\r\n" % (b"x" * (MAX_HEAD_BYTES - 100))
    wire.sendall(LIVE * 300 + large + large[:-2])
    stream = wire.makefile("rb")
    for _ in range(301):
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        length = int(BytesParser().parsebytes(b"".join(iter(stream.readline, b"\r\n")))["content-length"])
        stream.read(length)
    wire.sendall(b"\r\n")
    assert stream.readline() == b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def impatient(artifacts: Path) -> Iterator[httpx.Client]:
    """A service that closes a connection after an idle second."""
    with serve(Settings(artifacts=artifacts), keep_alive_seconds=1) as client:
        yield client


@pytest.mark.parametrize(
    "begun", [b"", b"\r\n", b"GET / HTTP/1.1\r\nX: ", LIVE, LIVE + b"GET /health", LIVE * 2 + b"G"]
)
def test_a_connection_without_a_complete_head_is_closed_without_an_answer(
    impatient: httpx.Client, begun: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(impatient) as wire:
        wire.sendall(begun)
        assert read_all(wire).count(b"HTTP/1.1 ") == begun.count(LIVE)
    assert not caplog.records


def test_a_head_that_arrives_byte_by_byte_times_out(impatient: httpx.Client) -> None:
    with connect(impatient) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nX: ")
        wire.settimeout(0.02)
        for _ in range(1_000):
            try:
                assert wire.recv(1) == b""
                break
            except TimeoutError:
                wire.sendall(b"x")
        else:
            pytest.fail("it was waited for")


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"\0garbage", "Invalid method"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "Invalid method"),
        (b"get / HTTP/1.1\r\n\r\n", "Invalid method encountered): use an HTTP library to send it"),
        (b"GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n", "escape the characters in its target that are not ASCII"),
        (b"GET http://[x/ HTTP/1.1\r\n\r\n", "not a valid URL"),
        (b"GET /forecast x HTTP/1.1\r\n\r\n", "Expected HTTP/"),
        (b"GET /forecast HTTP/1.1\r\nno colon\r\n\r\n", "Invalid header token"),
        (b"POST /forecast HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "Duplicate Content-Length"),
        (b"POST /forecast HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "Invalid character in Content-Length"),
        (CHUNKED[:-2] + b"Content-Length: 1\r\n\r\n", "Content-Length can't be present"),
        (CHUNKED + b"zz\r\n", "Invalid character in chunk size"),
        (CHUNKED + b"1\r\n{}\r\n", "Expected LF after chunk data"),
        (CHUNKED.replace(b"/json", b"/x-ndjson") + b"zz\r\n", "Invalid character in chunk size"),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", "CONNECT is not supported"),
    ],
)
def test_malformed_http_gets_a_problem_document(
    client: httpx.Client, wire: socket.socket, sent: bytes, sentence: str
) -> None:
    wire.sendall(sent)
    assert sentence in refused(read_all(wire), 400)["detail"]


def test_the_answer_to_malformed_http_has_the_format_of_its_path_and_is_counted(client: httpx.Client) -> None:
    count = 'sst_request_seconds_count{method="GET",route="other",status="400"}'
    before = counted(client, count)
    with connect(client) as wire:
        wire.sendall(b"GET /v2/models HTTP/1.1\r\nX-Request-ID: mine\r\nno colon\r\n\r\n")
        status, headers, content = parsed(read_all(wire))
    assert (status, headers["content-type"], headers["connection"]) == (400, "application/json", "close")
    assert "Invalid header token" in json.loads(content)["error"]
    assert headers["x-request-id"]
    assert counted(client, count) == before + 1


def test_malformed_http_is_answered_after_the_requests_before_it(wire: socket.socket, nino12: SstSeries) -> None:
    wire.sendall(posted(json.dumps(body(nino12)).encode()) + LIVE + b"\0garbage")
    answers = read_all(wire).split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers if answer[:1].isdigit()] == [b"200", b"200", b"400"]


def test_ndjson_lines_before_a_malformed_chunk_are_answered(wire: socket.socket) -> None:
    line = b'{"start": "2009-01-01", "values": [1]}\n'
    head = CHUNKED.replace(b"/json", b"/x-ndjson").replace(b"/forecast ", b"/forecast?dataset=nino12 ")
    wire.sendall(head + b"%x\r\n%s\r\n" % (len(line), line))
    answer = b""
    while b"too few" not in answer:
        piece = wire.recv(1 << 16)
        assert piece, f"the connection ended before the line was answered: {answer!r}"
        answer += piece
    wire.sendall(b"zz\r\n")
    rest = read_all(wire)
    assert b"Invalid character in chunk size" in rest
    # Cut off before its end.
    assert not rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_http_1_0_gets_no_chunks(client: httpx.Client, version: bytes) -> None:
    line = b'{"start": "2009-01-01", "values": [1]}\n'
    head = b"POST /forecast?dataset=nino12 HTTP/%s\r\nHost: localhost\r\nConnection: close\r\n" % version
    head += b"Content-Type: application/x-ndjson\r\n"
    with connect(client) as wire:
        wire.sendall(head + b"Content-Length: %d\r\n\r\n" % (2 * len(line)) + line + line)
        status, headers, content = parsed(read_all(wire))
    assert (status, headers["connection"]) == (200, "close")
    assert headers["transfer-encoding"] == (None if version == b"1.0" else "chunked")
    assert content.count(b"too few") == 2
    if version == b"1.0":
        assert [json.loads(line)["line"] for line in content.splitlines()] == [1, 2]


def test_http_1_0_gets_answers_with_a_content_length(client: httpx.Client) -> None:
    with connect(client) as wire:
        wire.sendall(b"GET /health/live HTTP/1.0\r\n\r\n")
        status, headers, content = parsed(read_all(wire))
    assert (status, headers["connection"]) == (200, "close")
    assert int(headers["content-length"]) == len(content)


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
    large = bytes(30_000_000)
    for headers in ({"Content-Type": "application/json"}, {"Transfer-Encoding": "chunked"}):
        connection = HTTPConnection("127.0.0.1", client.base_url.port or 0, timeout=60)
        content = large if "Content-Type" in headers else iter([large[:100_000]] * 300)
        connection.request("POST", "/forecast", content, headers, encode_chunked="Content-Type" not in headers)
        answer = connection.getresponse()
        assert answer.status == 413
        assert "the body is too large" in json.loads(answer.read())["detail"]
        connection.close()
    with pytest.raises(urllib.error.HTTPError, match=HTTPStatus(413).phrase) as error:
        urllib.request.urlopen(f"{client.base_url}/forecast", large, timeout=60)
    with error.value:
        assert error.value.code == 413


def test_data_after_the_last_answer_is_read_up_to_a_limit(client: httpx.Client) -> None:
    with connect(client) as wire:
        wire.sendall(b"POST /series HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\n\r\n")
        stream = wire.makefile("rb")
        assert stream.readline().startswith(b"HTTP/1.1 413 ")
        # All that will come has been written, and the connection is open yet.
        assert stream.read().endswith(b"}")
        with pytest.raises(OSError, match=r"reset|pipe"):
            send_for_ever(wire)
        assert stream.read() == b""


def send_for_ever(wire: socket.socket) -> None:
    for _ in range(10 * DISCARD_BYTES // 2**16):
        wire.sendall(bytes(2**16))


def test_a_silent_client_after_the_last_answer_does_not_delay_the_stop(artifacts: Path) -> None:
    with (
        running(artifacts, linger_seconds=0, drain_seconds=60) as service,
        socket.create_connection(("127.0.0.1", service.port)) as wire,
    ):
        wire.sendall(b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n")
        assert read_all(wire).startswith(b"HTTP/1.1 413 ")
        service.process.terminate()
        assert service.process.wait() == 0
    # It did not wait until it was to wait no longer.
    assert not any("Cancel" in line or "Traceback" in line for line in service.log)


def test_a_client_that_sends_a_large_body_during_the_stop_gets_503(artifacts: Path) -> None:
    with running(artifacts, linger_seconds=10) as service:
        service.process.terminate()
        ready = f"{service.url}/health/ready"
        wait_until(lambda: httpx.get(ready).status_code != 200, "a service that was told to stop says that it is ready")
        connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request("POST", "/forecast", bytes(15_000_000), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 503
        connection.close()
        assert service.process.wait() == 0
    assert not any("Traceback" in line for line in service.log)
