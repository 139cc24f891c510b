"""Large bodies: what they take in memory is bounded, and meanwhile others are answered."""

import gzip
import select
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.processes import running, wait_until
from tests.service.requests import JSON
from tests.service.server.test_limits import head
from tests.serving import connect, read_until

pytestmark = pytest.mark.long

MOST = 600 * 2**20
"""Bytes that all requests take at most at once beside the models, as docs/guides/run-the-service.md says."""

LARGE = 15 * 2**20 + 2**19


def request(value: bytes, n: int) -> bytes:
    """Return a request as large as they may be, with series of ``n`` times the same value."""
    part = b'{"start":"1900-01-01","step":"hour","values":[%s]}' % b",".join([value] * n)
    return b'{"series":[%s]}' % b",".join([part] * (LARGE // (len(part) + 1)))


@pytest.mark.parametrize(
    "content",
    [
        request(b"24.12", 100_000),
        request(b"24", 100_000),
    ],
    ids=["floats", "integers"],
)
def test_four_large_bodies_at_once_stay_within_the_documented_memory(seas: Path, content: bytes) -> None:
    with running(seas) as service:
        before = service.resident() * 1024
        with ThreadPoolExecutor(4) as senders:
            answers = senders.map(
                lambda _: httpx.post(f"{service.url}/forecast", content=content, headers=JSON), range(4)
            )
        assert [answer.status_code for answer in answers] == [200] * 4
        assert service.peak() - before < MOST


def test_uploads_that_clients_abandon_do_not_add_up_in_memory(seas: Path) -> None:
    hours = np.datetime_as_string(np.datetime64("1900-01-01T00") + np.arange(600_000), unit="m")
    upload = gzip.compress("\n".join(["time,sst", *(f"{hour},24.81" for hour in hours)]).encode(), 1)
    lines = b"POST /series HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(
        upload
    )
    with running(seas, max_waiting_bytes=2**31, caller_share=1) as service:
        before = service.resident() * 1024
        with httpx.Client(base_url=service.url) as client:
            for _ in range(50):
                with connect(client) as wire:
                    wire.sendall(lines + upload)
                    # Meanwhile the upload, which came before, arrives and is decompressed.
                    for _ in range(20):
                        assert client.get("/health/live").status_code == 200
            assert service.peak() - before < MOST


def test_others_are_answered_while_a_large_body_is_read(seas: Path) -> None:
    # The answer follows as soon as the error at the end is found.
    content = request(b"24", 1_000)[:-2] + b',{"values":["x"]}]}'
    with running(seas) as service, httpx.Client(base_url=service.url) as client:

        def is_answered_meanwhile() -> bool:
            with connect(client) as wire:
                wire.sendall(head(len(content)) + content[:-1])
                in_flight = "sst_requests_in_flight 2.0"
                wait_until(lambda: in_flight in client.get("/metrics").text, "the body is not taken up")
                wire.sendall(content[-1:])
                for _ in range(2):
                    assert client.get("/health/live").status_code == 200
                is_first = not select.select([wire], [], [], 0)[0]
                refusal = b"values[0]: must be a valid number"
                assert refusal in read_until(wire, refusal)
                return is_first

        # On a busy machine, the test itself may get its turn too late.
        assert any(is_answered_meanwhile() for _ in range(5))
