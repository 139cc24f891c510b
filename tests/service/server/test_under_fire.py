"""Real processes and sockets, killed, stopped and reloaded under load, or out of files."""

import asyncio
import itertools
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from forecasting.releases.release import point_current
from forecasting.series.sst_series import SstSeries
from service.middleware.keys import Role, new_key
from tests.load import CLIENTS, load
from tests.processes import Service, allow_to_open, running
from tests.service.requests import body
from tests.service.server.releases import spoil

pytestmark = [pytest.mark.anyio, pytest.mark.long]

STARTED = "Application startup complete"
"""Each worker logs this once it serves."""


@pytest.fixture(scope="module")
def pair(artifacts: Path) -> Iterator[Service]:
    """A service with two workers. Tests may kill one, and wait for its replacement."""
    with running(artifacts, workers=2) as service:
        service.wait_for(STARTED, times=2)
        yield service
    assert service.process.returncode == 0


async def test_a_killed_worker_takes_only_its_own_requests_with_it_and_is_replaced(
    pair: Service, nino12: SstSeries
) -> None:
    before, started = pair.children(), pair.logged(STARTED)
    async with load(pair.url, body(nino12)) as calls:
        await calls.more(50)
        killed = min(before, key=lambda worker: len(pair.connections(worker)))
        os.kill(killed, signal.SIGSTOP)
        held = len(pair.connections(killed))
        os.kill(killed, signal.SIGKILL)
        await calls.more(100)
        await asyncio.to_thread(pair.wait_for, STARTED, started + 1)
        await calls.more(50)
    after = pair.children()
    assert calls.statuses == {200: len(calls.answers)}
    # Each client has one connection, and waits for one answer at a time.
    assert held < CLIENTS
    assert len(calls.failures) <= held
    assert len(after) == 2
    assert killed not in after


def test_starting_a_worker_is_retried(pair: Service) -> None:
    started = pair.logged(STARTED)
    supervisor = pair.process.pid
    limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
    # It may open one more, and starting a process takes six.
    allow_to_open(supervisor, 1)
    os.kill(min(pair.children()), signal.SIGKILL)
    pair.wait_for("cannot start a worker, trying again: Too many open files")
    for _ in range(4):
        httpx.get(f"{pair.url}/forecast").raise_for_status()
    resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
    pair.wait_for(STARTED, times=started + 1)
    assert len(pair.children()) == 2


def kill(service: Service, workers: set[int]) -> None:
    """Kill these workers and wait until their replacements serve."""
    started = service.logged(STARTED)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    service.wait_for(STARTED, times=started + len(workers))
    assert len(service.children()) == 2


def statuses(url: str, presented: str, version: str | None = None) -> set[int]:
    """Return the statuses of eight requests with an API key; those answered with 200 have to use this release."""
    answers = [httpx.get(f"{url}/forecast", headers={"Authorization": f"Bearer {presented}"}) for _ in range(8)]
    assert all(answer.json()["version"] == version for answer in answers if answer.status_code == 200)
    return {answer.status_code for answer in answers}


def test_replacements_of_killed_workers_have_the_release_and_the_keys_of_the_start(
    two_releases: Path, tmp_path: Path
) -> None:
    (presented, key), (other, later) = new_key("pier", Role.FORECAST), new_key("later", Role.FORECAST)
    file = tmp_path / "keys"
    file.write_text(f"{key.line}\n")
    dataset = two_releases / "nino12"
    good, bad = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    spoil(dataset / bad)
    with running(two_releases, workers=2, keys_file=file, allow_anonymous="false", reload_seconds=0.05) as service:
        service.wait_for(STARTED, times=2)
        point_current(dataset, bad)
        service.wait_for("refused a new release of nino12; still serving the loaded one", times=2)
        # The second kill leaves only a worker that started after the release had been refused.
        for text in (f"{later.line}\n", "half a li"):
            file.write_text(text)
            kill(service, {min(service.children())})
            assert statuses(service.url, presented, good) == {200}
            assert statuses(service.url, other) == {401}
        # No worker is left that could tell which release serves.
        file.unlink()
        kill(service, service.children())
        assert statuses(service.url, presented, good) == {200}
        assert statuses(service.url, other) == {401}
        service.process.terminate()
        assert service.process.wait() == 0
    assert not any("Traceback" in line for line in service.log)


def test_a_service_exits_if_all_workers_are_killed_and_there_is_nothing_to_load(two_releases: Path) -> None:
    with running(two_releases, workers=2, reload_seconds=3_600) as service:
        service.wait_for(STARTED, times=2)
        two_releases.rename(two_releases.with_name("elsewhere"))
        for worker in service.children():
            os.kill(worker, signal.SIGKILL)
        assert service.process.wait() == 2
    assert any(f"cannot read the artifacts folder {two_releases}" in line for line in service.log)


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_under_load_answers_what_has_begun_and_refuses_the_rest_with_503(
    artifacts: Path, nino12: SstSeries, workers: int
) -> None:
    content = json.dumps(body(nino12) | {"series": body(nino12)["series"] * 2_000}).encode()
    with running(artifacts, workers=workers) as service:
        async with load(service.url, body(nino12)) as calls:
            await calls.more(50)
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            head = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(content))
            assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            writer.write(content)
            service.process.terminate()
            # The first that finds nobody listening any more ends the load.
            await calls.until(calls.enough.is_set)
            assert b"HTTP/1.1 200 OK\r\n" in await reader.read()
            writer.close()
        assert await asyncio.to_thread(service.process.wait) == 0
    assert set(calls.statuses) == {200, 503}
    # Connections that are refused once nobody listens any more. Load balancers send these requests to another process.
    assert all(isinstance(error, httpx.ConnectError) for error in calls.failures)
    for answer in calls.answers:
        assert answer.headers["x-request-id"]
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["connection"] == "close"
    assert not any("Traceback" in line for line in service.log)


async def test_a_large_request_in_progress_is_answered_before_the_stop(artifacts: Path, nino12: SstSeries) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 3_000
    with running(artifacts, linger_seconds=0) as service:
        async with httpx.AsyncClient(base_url=service.url) as client:
            slow = asyncio.create_task(client.post("/forecast", json=large))
            # The scrape is one request in hand itself.
            while "sst_requests_in_flight 2.0" not in (await client.get("/metrics")).text:
                assert not slow.done()
            service.process.terminate()
            answer = await slow
        assert await asyncio.to_thread(service.process.wait) == 0
    assert answer.status_code == 200
    assert len(answer.json()["forecasts"]) == 3_000


def test_a_request_that_is_cut_off_by_the_stop_gets_503(artifacts: Path) -> None:
    with running(artifacts, drain_seconds=1, linger_seconds=0) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
            # Admitted before the stop, so that the scrape counts it in addition to itself.
            while "sst_requests_in_flight 2.0" not in httpx.get(f"{service.url}/metrics").text:
                pass
            service.process.terminate()
            answer = b""
            while piece := slow.recv(4_096):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"the service is shutting down" in answer
        assert service.process.wait() == 0
    assert not any("Traceback" in line for line in service.log)


async def test_reloads_under_load_drop_nothing_and_mix_nothing(two_releases: Path, nino12: SstSeries) -> None:
    presented, key = new_key("ops", Role.ADMIN)
    dataset = two_releases / "nino12"
    both = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    with running(two_releases, workers=2, keys=key.line, reload_seconds=3_600) as service:
        service.wait_for("Application startup complete", times=2)
        headers = {"Authorization": f"Bearer {presented}"}
        async with (
            load(service.url, body(nino12, model="all")) as calls,
            httpx.AsyncClient(base_url=service.url, headers=headers) as operator,
            httpx.AsyncClient(base_url=service.url, limits=httpx.Limits(max_keepalive_connections=0)) as strangers,
        ):
            for version in itertools.islice(itertools.cycle(both), 4):
                point_current(dataset, version)
                response = await operator.post("/v2/repository/models/nino12-gru/load", json={})
                assert response.status_code == 200, response.text
                # Every worker has followed: whichever takes a connection, it serves that release.
                for _ in range(4):
                    assert (await strangers.get("/forecast")).json()["version"] == version
    assert not calls.failures
    assert calls.statuses == {200: len(calls.answers)}
    seen: dict[str, set[tuple[float, ...]]] = {version: set() for version in both}
    for answer in calls.answers:
        models = answer.json()["models"]
        (version,) = {model["version"] for model in models}
        seen[version].add(tuple(round(model["forecasts"][0]["sst"][0], 3) for model in models))
    # One forecast a release and network, each its own.
    assert [len(values) for values in seen.values()] == [1, 1]
    assert not seen[both[0]] & seen[both[1]]


@pytest.fixture(scope="module")
def few_files(artifacts: Path) -> Iterator[Service]:
    """A service that is started with a soft limit of 128 open files; it logs no traceback."""
    code = (
        "import resource, runpy; limit = resource.RLIMIT_NOFILE;"
        "resource.setrlimit(limit, (128, resource.getrlimit(limit)[1]));"
        "runpy.run_module('service', run_name='__main__', alter_sys=True)"
    )
    with running(artifacts, (sys.executable, "-c", code)) as service:
        yield service
    assert not any("Traceback" in line for line in service.log)


def test_there_may_be_more_idle_connections_than_the_soft_limit_on_open_files(few_files: Service) -> None:
    with ExitStack() as stack:
        for _ in range(256):
            stack.enter_context(socket.create_connection(("127.0.0.1", few_files.port)))
        assert httpx.get(f"{few_files.url}/forecast").status_code == 200


def test_running_out_of_open_files_is_a_503(few_files: Service) -> None:
    with httpx.Client(base_url=few_files.url) as client:
        client.get("/health/live").raise_for_status()
        limits = resource.prlimit(few_files.process.pid, resource.RLIMIT_NOFILE)
        allow_to_open(few_files.process.pid, 0)
        answer = client.get("/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert "the server is out of resources: Too many open files" in answer.json()["detail"]
        resource.prlimit(few_files.process.pid, resource.RLIMIT_NOFILE, limits)
        assert client.get("/").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_the_ipv6_wildcard_address_includes_ipv4(artifacts: Path) -> None:
    with running(artifacts, host="::", allow_anonymous="true") as service:
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{service.port}/health/ready").status_code == 200
