"""Connections across a stop: none is reset, or ended on a client that is about to send its next request."""

import asyncio
import errno
import json
import os
import signal
import socket
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from forecasting.series.sst_series import SstSeries
from tests.processes import Service, running, wait_until
from tests.service.requests import body
from tests.service.server.test_start_and_stop import starting
from tests.serving import read_until

pytestmark = pytest.mark.long

STARTED = "Application startup complete"

GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"

CLOSE = b"Connection: close\r\n"

LOOPBACK = "127.0.0.1"


def post(nino12: SstSeries) -> bytes:
    """Return a small request for a forecast."""
    content = json.dumps(body(nino12)).encode()
    head = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(content) + content


class Callers:
    """Concurrent clients, until the service refuses their connections."""

    def __init__(self, port: int, request: bytes) -> None:
        self.outcomes: Counter[str] = Counter()
        self._port, self._request = port, request
        self._changed = asyncio.Condition()

    async def more(self, n: int) -> None:
        """Wait for ``n`` more outcomes, or until the service refuses connections."""
        goal = self.outcomes.total() + n
        async with self._changed:
            await self._changed.wait_for(lambda: self.outcomes.total() >= goal or self.outcomes["refused"] > 0)

    async def call(self, *, requests: int, slow: bool = False) -> None:
        """Connect and send up to ``requests``, again and again; with ``slow``, the end of a body comes later."""
        while self.outcomes["refused"] == 0:
            try:
                reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
            except ConnectionRefusedError:
                await self._note("refused")
                return
            except ConnectionError as error:
                await self._note(f"reset: {error!r}")
                continue
            for _ in range(requests):
                outcome = await self._ask(reader, writer, slow=slow)
                await self._note(outcome)
                if outcome != "answered":
                    break
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, slow: bool) -> str:
        try:
            writer.write(self._request[:-9])
            if slow:
                await self.more(20)
            writer.write(self._request[-9:])
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = (line[16:] for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
            await reader.readexactly(int(length))
        except ConnectionError as error:
            return f"reset: {error!r}"
        except asyncio.IncompleteReadError as error:
            return f"cut off after {len(error.partial)} bytes"
        return "answered, the last" if b"\r\nconnection: close\r\n" in head.lower() else "answered"

    async def _note(self, outcome: str) -> None:
        async with self._changed:
            self.outcomes[outcome] += 1
            self._changed.notify_all()


@pytest.mark.anyio
@pytest.mark.parametrize("linger_seconds", [0, 1])
@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_under_load_answers_or_refuses_and_resets_nothing(
    artifacts: Path, nino12: SstSeries, workers: int, linger_seconds: int
) -> None:
    with running(artifacts, workers=workers, linger_seconds=linger_seconds, rate_limit=0) as service:
        service.wait_for(STARTED, workers)
        callers = Callers(service.port, post(nino12))
        async with asyncio.TaskGroup() as clients:
            for _ in range(16):
                clients.create_task(callers.call(requests=1))
                clients.create_task(callers.call(requests=1_000))
            for _ in range(8):
                clients.create_task(callers.call(requests=10, slow=True))
            await callers.more(500)
            service.process.terminate()
        assert await asyncio.to_thread(service.process.wait) == 0
    assert set(callers.outcomes) == {"answered", "answered, the last", "refused"}


def ask(wire: socket.socket, request: bytes) -> bytes:
    """Send a request and return everything up to the end of the connection."""
    wire.sendall(request)
    return read_until(wire, b"at the end")


def read_by(service: Service, wire: socket.socket) -> bool:
    """Return whether the service has read all that was sent to it."""
    client = f":{wire.getsockname()[1]:04X}"
    rows = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
    (queues,) = (row[4] for row in rows if row[1].endswith(f":{service.port:04X}") and row[2].endswith(client))
    return queues.endswith(":00000000")


def refuses(service: Service) -> bool:
    """Return whether the service refuses connections."""
    with socket.socket() as wire:
        return wire.connect_ex((LOOPBACK, service.port)) == errno.ECONNREFUSED


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_that_nobody_has_accepted_before_the_stop_are_answered(artifacts: Path, workers: int) -> None:
    with running(artifacts, workers=workers, linger_seconds=0) as service, ExitStack() as stack:
        service.wait_for(STARTED, workers)
        processes = {service.process.pid, *service.children()}
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        wires = [stack.enter_context(socket.create_connection((LOOPBACK, service.port))) for _ in range(40)]
        for wire in wires[::2]:
            wire.sendall(GET + CLOSE + b"\r\n")
        for process in processes:
            os.kill(process, signal.SIGTERM)
            os.kill(process, signal.SIGCONT)
        answers = [read_until(wire, b"at the end") for wire in wires[::2]]
        service.wait_for("Shutting down", workers)
        for wire in wires[1::2]:
            wire.sendall(GET + b"\r\n")
        answers += [read_until(wire, b"at the end") for wire in wires[1::2]]
        for answer in answers:
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"connection: close" in answer.lower()
        assert service.process.wait() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_connections_that_wait_for_the_start_are_answered_if_a_stop_comes_first(artifacts: Path, workers: int) -> None:
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        starting(artifacts, folder, workers) as process,
    ):
        assert process.stdout is not None
        port = int(process.stdout.readline().partition("127.0.0.1:")[2].split()[0])
        with socket.create_connection((LOOPBACK, port)) as wire:
            wire.sendall(GET.replace(b"/health/live", b"/forecast") + b"\r\n")
            process.terminate()
            answer = read_until(wire, b"at the end")
        assert process.wait() == 0
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in answer
    assert b"the service is shutting down" in answer


def test_a_request_whose_head_is_read_in_part_when_the_service_stops_to_listen_gets_503(
    artifacts: Path, nino12: SstSeries
) -> None:
    request = post(nino12)
    with running(artifacts, linger_seconds=0) as service, socket.create_connection((LOOPBACK, service.port)) as wire:
        wire.sendall(request[:40])
        wait_until(lambda: read_by(service, wire), "the service does not read the request")
        service.process.terminate()
        wait_until(lambda: refuses(service), "the service still listens")
        answer = ask(wire, request[40:])
        assert service.process.wait() == 0
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the service is shutting down" in answer


def test_a_client_that_reads_only_after_sending_a_long_body_gets_the_503(artifacts: Path) -> None:
    with running(artifacts, linger_seconds=3_600) as service:
        service.process.terminate()
        while httpx.get(f"{service.url}/health/ready").status_code != 503:
            pass
        with socket.create_connection((LOOPBACK, service.port)) as wire:
            wire.sendall(b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % 2**23)
            for _ in range(8):
                wire.sendall(b" " * 2**20)
            answer = read_until(wire, b"at the end")
        service.process.terminate()
        assert service.process.wait() == 0
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the service is shutting down" in answer


def test_a_client_that_is_about_to_send_its_next_request_is_answered(artifacts: Path) -> None:
    with running(artifacts, linger_seconds=0) as service, socket.create_connection((LOOPBACK, service.port)) as wire:
        wire.sendall(GET + b"\r\n")
        read_until(wire, b"live")
        service.process.terminate()
        service.wait_for("Shutting down")
        answer = ask(wire, GET + b"\r\n")
        assert service.process.wait() == 0
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()


def test_clients_that_send_nothing_more_do_not_hold_up_the_stop_and_see_a_clean_end(artifacts: Path) -> None:
    with running(artifacts, drain_seconds=3_600) as service, ExitStack() as stack:
        idle, silent = (stack.enter_context(socket.create_connection((LOOPBACK, service.port))) for _ in range(2))
        idle.sendall(GET + b"\r\n")
        read_until(idle, b"live")
        service.process.terminate()
        assert service.process.wait() == 0
        assert not ask(idle, b"")
        assert not ask(silent, b"")


def test_a_request_whose_head_does_not_come_in_time_sees_a_clean_end(artifacts: Path) -> None:
    with (
        running(artifacts, linger_seconds=0, drain_seconds=1) as service,
        socket.create_connection((LOOPBACK, service.port)) as wire,
    ):
        wire.sendall(GET)
        wait_until(lambda: read_by(service, wire), "the service does not read the request")
        service.process.terminate()
        assert service.process.wait() == 0
        assert not ask(wire, b"")
