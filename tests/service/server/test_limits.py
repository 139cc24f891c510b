"""Too many requests, too large ones, and clients that are slow, read nothing or leave."""

import asyncio
import gzip
import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from service.settings import Settings
from tests.processes import Service, running, wait_until
from tests.service.requests import JSON, body
from tests.serving import connect, serve

pytestmark = pytest.mark.anyio

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


def head(length: int, path: str = "/forecast") -> bytes:
    """Return the head of a POST whose body has ``length`` bytes."""
    return HEAD.format(path=path, length=length).encode()


def content(request: dict[str, object]) -> bytes:
    """Return a request as JSON."""
    return httpx.Request("POST", "http://x", json=request).content


@pytest.fixture(scope="module")
def strict(artifacts: Path) -> Iterator[Service]:
    """A process in which few requests may wait, and whose clients have to read; it logs no error."""
    with running(artifacts, max_waiting=4, write_seconds=1) as service:
        yield service
    assert not any("Traceback" in line or "ERROR" in line for line in service.log)


@pytest.mark.long
async def test_a_flood_is_refused_quickly_and_leaves_no_trace(strict: Service, nino12: SstSeries) -> None:
    large = body(nino12)
    large["series"] *= 60
    request = content(large)

    async def flood() -> list[httpx.Response]:
        remaining = iter(range(200))
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=strict.url, limits=limits) as client:
            # One caller a connection: the time that httpx takes for each request grows with those that wait for one.
            async def call() -> list[httpx.Response]:
                return [await client.post("/forecast", content=request, headers=JSON) for _ in remaining]

            return [answer for answers in await asyncio.gather(*(call() for _ in range(64))) for answer in answers]

    answers = await flood()
    held = strict.resident()
    answers += await flood()
    assert strict.resident() < held * 1.05
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert "too many requests are waiting" in answer.json()["detail"]


def test_clients_that_disconnect_leave_nothing_behind(strict: Service, nino12: SstSeries) -> None:
    request = content(body(nino12))
    for cut in (len(request), len(request) // 2, 0):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", strict.port)) as client:
                client.sendall(head(len(request)) + request[:cut])
    left = "sst_requests_in_flight 1.0"
    wait_until(lambda: left in httpx.get(f"{strict.url}/metrics").text, "a request stays counted")
    # More have left than may wait: had one stayed counted, this would be refused.
    assert httpx.post(f"{strict.url}/forecast", json=body(nino12)).status_code == 200


def test_the_connection_of_a_client_that_does_not_read_its_answer_is_closed(strict: Service, nino12: SstSeries) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 5_000
    request = content(large)
    with socket.socket() as deaf:
        # The system holds little for the client, so that the service must hold the rest.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", strict.port))
        deaf.sendall(head(len(request)) + request)
        strict.wait_for("closing a connection whose client read nothing for 1 seconds")
        assert httpx.post(f"{strict.url}/forecast", json=body(nino12)).status_code == 200


@pytest.fixture(scope="module")
def cramped(artifacts: Path) -> Iterator[httpx.Client]:
    """A service that holds 100 kB of waiting bodies."""
    with serve(Settings(artifacts=artifacts, max_waiting_bytes=100_000, caller_share=1)) as client:
        yield client


def test_waiting_bodies_are_limited_in_memory(cramped: httpx.Client) -> None:
    with connect(cramped) as first:
        first.sendall(head(60_000) + b" " * 59_999)
        wait_until(
            lambda: cramped.post("/forecast", content=b" " * 60_000).status_code == 503, "the first body is not counted"
        )
        first.sendall(b" ")
        assert b" 400 " in first.recv(4_096)
    assert cramped.post("/forecast", content=b" " * 60_000).status_code == 415


def test_a_body_that_is_only_announced_reserves_nothing(cramped: httpx.Client) -> None:
    with ExitStack() as idle:
        for _ in range(4):
            wire = idle.enter_context(connect(cramped))
            wire.sendall(head(90_000) + b" ")
        wait_until(lambda: "in_flight 5.0" in cramped.get("/metrics").text, "the idle requests are not taken up")
        assert cramped.post("/forecast", content=b" " * 60_000, headers=JSON).status_code == 400


def test_chunked_and_compressed_bodies_count_with_their_size_in_memory(cramped: httpx.Client) -> None:
    chunks = cramped.post("/forecast", content=iter([b" " * 40_000] * 3), headers=JSON)
    packed = cramped.post(
        "/forecast", content=gzip.compress(b" " * 120_000), headers=JSON | {"Content-Encoding": "gzip"}
    )
    assert [chunks.status_code, packed.status_code] == [503, 503]
    assert cramped.post("/forecast", content=iter([b" " * 40_000] * 2), headers=JSON).status_code == 400


def test_the_answer_to_a_large_request_counts_as_waiting_memory(artifacts: Path, nino12: SstSeries) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 3_000
    with serve(
        Settings(artifacts=artifacts, max_waiting_bytes=len(content(large)) + 500_000, caller_share=1)
    ) as client:
        refused = client.post("/forecast", json=large)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        large["series"] = large["series"][:70]
        assert client.post("/forecast", json=large).status_code == 200


@pytest.mark.long
def test_a_client_that_sends_too_slowly_gets_504_and_delays_nobody(artifacts: Path, nino12: SstSeries) -> None:
    with serve(Settings(artifacts=artifacts, request_seconds=5)) as client:
        with connect(client) as slow:
            slow.sendall(head(100) + b"{")
            assert client.post("/forecast", json=body(nino12)).status_code == 200
            answer = b""
            while piece := slow.recv(4_096):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 504")
        assert b"was not answered within 5 seconds" in answer
        assert client.post("/forecast", json=body(nino12)).status_code == 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "n", "fields"), [("/compare", 600, {"model": "all"}), ("/forecast", 30, {"model": "all", "horizon": 12})]
)
def test_work_for_a_client_that_has_left_is_cancelled(
    artifacts: Path,
    nino12: SstSeries,
    path: str,
    n: int,
    fields: dict[str, object],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    large = body(nino12, n) | fields
    large["series"] *= 100 if path == "/compare" else 3_000
    request = content(large)
    ended = re.compile(rf'sst_request_seconds_count{{method="POST",route="{path}",status="(\d+)"}} 1.0')
    with serve(Settings(artifacts=artifacts)) as other:
        with connect(other) as client:
            client.sendall(head(len(request), path) + request)
            two = "sst_requests_in_flight 2.0"
            wait_until(lambda: two in other.get("/metrics").text, "the request is not taken up")
        wait_until(lambda: ended.search(other.get("/metrics").text) is not None, "the request does not end")
        # If it had been finished, it would have been answered with 200, though nobody reads the answer.
        assert ended.findall(other.get("/metrics").text) == ["400"]
    assert not any(record.exc_info or record.levelname == "ERROR" for record in caplog.records)
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    assert "ERROR" not in errors
