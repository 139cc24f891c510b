"""Real processes and sockets, killed, stopped, reloaded and flooded under load."""

import asyncio
import gzip
import itertools
import os
import re
import resource
import shutil
import signal
import socket
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from forecasting.releases.release import current_version
from forecasting.series.sst_series import SstSeries
from service.gate.keys import Role, new_key
from tests.load import CLIENTS, load
from tests.processes import running, wait_until
from tests.service.requests import body
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.publish.release import point_current
from training.run import Destination, train

pytestmark = pytest.mark.anyio

on_both_ways = pytest.mark.parametrize("http", ["fast", "standard"])
"""Through the fast path and through stock uvicorn."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_killed_worker_takes_only_its_own_requests_with_it_and_is_replaced(
    artifacts: Path, nino12: SstSeries
) -> None:
    with running(artifacts, workers=2) as service:
        service.wait_for("Application startup complete", times=2)
        before = service.children()
        async with load(service.url, body(nino12)) as calls:
            await calls.more(50)
            killed = min(before, key=lambda worker: len(service.connections(worker)))
            os.kill(killed, signal.SIGSTOP)
            held = len(service.connections(killed))
            os.kill(killed, signal.SIGKILL)
            await calls.more(100)
            await asyncio.to_thread(service.wait_for, "Application startup complete", 3)
            await calls.more(50)
        after = service.children()
    assert calls.statuses == {200: len(calls.answers)}
    # Each client has one connection, and waits for one answer at a time.
    assert held < CLIENTS
    assert len(calls.failures) <= held
    assert len(after) == 2
    assert killed not in after


@on_both_ways
@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_under_load_loses_no_request_and_resets_no_connection(
    artifacts: Path, nino12: SstSeries, workers: int, http: str
) -> None:
    large = body(nino12)
    large["series"] *= 2_000
    with running(artifacts, workers=workers, http=http) as service:
        async with load(service.url, body(nino12)) as calls, httpx.AsyncClient(timeout=60) as client:
            await calls.more(50)
            slow = asyncio.create_task(client.post(f"{service.url}/forecast", json=large))
            await calls.more(10)
            service.process.terminate()
            # The first that finds nobody listening any more ends the load.
            await calls.until(calls.enough.is_set)
            assert (await slow).status_code in (200, 503)
        assert await asyncio.to_thread(service.process.wait) == 0
    assert set(calls.statuses) <= {200, 503}
    lost = [error for error in calls.failures if not isinstance(error, httpx.ConnectError)]
    assert not lost
    for answer in calls.answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert answer.headers["connection"] == "close"
    assert not any("Traceback" in line for line in service.log)


@on_both_ways
async def test_a_large_request_in_progress_is_answered_before_the_stop(
    artifacts: Path, nino12: SstSeries, http: str
) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 3_000
    with running(artifacts, linger_seconds=0, http=http) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
            slow = asyncio.create_task(client.post("/forecast", json=large))
            # The scrape is one request in hand itself.
            while "sst_requests_in_flight 2.0" not in (await client.get("/metrics")).text:
                assert not slow.done()
            service.process.terminate()
            answer = await slow
        assert await asyncio.to_thread(service.process.wait) == 0
    assert answer.status_code == 200
    assert len(answer.json()["forecasts"]) == 3_000


@pytest.fixture
def two_releases(artifacts: Path, nino12: SstSeries, small: TrainingConfig, tmp_path: Path) -> Path:
    """An artifacts folder of its own, with two releases of nino12."""
    folder = tmp_path / "artifacts"
    shutil.copytree(artifacts, folder)
    config = small.model_copy(update={"seed": 7, "epochs": 1})
    train(Dataset.divide(nino12, config), Path("data/nino12.csv"), Destination("nino12", folder), config)
    return folder


async def test_fifty_reloads_under_load_drop_nothing_and_mix_nothing(two_releases: Path, nino12: SstSeries) -> None:
    presented, key = new_key("ops", Role.ADMIN)
    dataset = two_releases / "nino12"
    both = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    with running(two_releases, workers=2, keys=key.line, reload_seconds=3_600) as service:
        service.wait_for("Application startup complete", times=2)
        headers = {"Authorization": f"Bearer {presented}"}
        async with (
            load(service.url, body(nino12, model="all")) as calls,
            httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60) as operator,
            httpx.AsyncClient(base_url=service.url, limits=httpx.Limits(max_keepalive_connections=0)) as strangers,
        ):
            for version in itertools.islice(itertools.cycle(both), 50):
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


async def test_a_broken_release_is_refused_and_the_old_one_still_served(two_releases: Path) -> None:
    dataset = two_releases / "nino12"
    good, bad = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    spoil(dataset / bad)
    presented, key = new_key("ops", Role.ADMIN)
    with running(two_releases, keys=key.line, reload_seconds=0.05) as service, httpx.Client() as client:
        point_current(dataset, bad)
        service.wait_for("refused a new release of nino12; still serving the loaded one")
        client.headers["Authorization"] = f"Bearer {presented}"
        loaded = client.post(f"{service.url}/v2/repository/models/nino12-gru/load", json={})
        assert loaded.status_code == 409
        assert "gru.pt has changed since it was published" in loaded.json()["error"]
        assert client.get(f"{service.url}/forecast").json()["version"] == good
        spoil(dataset / bad)
        assert client.post(f"{service.url}/v2/repository/models/nino12-gru/load", json={}).status_code == 200
        assert client.get(f"{service.url}/forecast").json()["version"] == bad
        assert current_version(dataset) == bad


def spoil(release: Path) -> None:
    """Change one byte of the GRU; twice leaves it as it was."""
    checkpoint = release / "gru.pt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content)


def test_the_replacement_of_a_killed_worker_serves_the_same_release_if_a_newer_one_is_refused(
    two_releases: Path,
) -> None:
    dataset = two_releases / "nino12"
    good, bad = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    spoil(dataset / bad)
    with running(two_releases, workers=2, reload_seconds=0.05) as service:
        service.wait_for("Application startup complete", times=2)
        point_current(dataset, bad)
        service.wait_for("refused a new release of nino12; still serving the loaded one", times=2)
        for times in (3, 4):
            # The one, and then the other that has never seen this release refused as it started.
            os.kill(min(service.children()), signal.SIGKILL)
            service.wait_for("Application startup complete", times=times)
            assert len(service.children()) == 2
            for _ in range(8):
                assert httpx.get(f"{service.url}/forecast").json()["version"] == good
        # And where none is left that could say what serves.
        for worker in service.children():
            os.kill(worker, signal.SIGKILL)
        service.wait_for("Application startup complete", times=6)
        assert httpx.get(f"{service.url}/forecast").json()["version"] == good
        service.process.terminate()
        assert service.process.wait() == 0


def test_a_replacement_worker_has_the_keys_that_were_read_at_the_start(artifacts: Path, tmp_path: Path) -> None:
    (presented, key), (other, later) = new_key("pier", Role.FORECAST), new_key("later", Role.FORECAST)
    file = tmp_path / "keys"
    file.write_text(f"{key.line}\n")
    with running(artifacts, workers=2, keys_file=file, allow_anonymous="false") as service:
        service.wait_for("Application startup complete", times=2)
        for times, text in ((3, f"{later.line}\n"), (4, "half a li")):
            file.write_text(text)
            os.kill(min(service.children()), signal.SIGKILL)
            service.wait_for("Application startup complete", times=times)
        file.unlink()
        os.kill(min(service.children()), signal.SIGKILL)
        service.wait_for("Application startup complete", times=5)
        for sent, status in ((presented, 200), (other, 401)):
            for _ in range(8):
                answer = httpx.get(f"{service.url}/models", headers={"Authorization": f"Bearer {sent}"})
                assert answer.status_code == status
    assert not any("Traceback" in line for line in service.log)


def allow_to_open(pid: int, more: int) -> None:
    """Have a process open so many files more, and no other."""
    held = {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()}
    most = next(n for n in itertools.count(1) if len(set(range(n)) - held) == more)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


def test_starting_a_worker_is_retried(artifacts: Path) -> None:
    with running(artifacts, workers=2) as service:
        service.wait_for("Application startup complete", times=2)
        supervisor = service.process.pid
        limits = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        # One more may be opened, where a process takes six.
        allow_to_open(supervisor, 1)
        os.kill(min(service.children()), signal.SIGKILL)
        service.wait_for("cannot start a worker, trying again: Too many open files")
        for _ in range(4):
            httpx.get(f"{service.url}/forecast").raise_for_status()
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, limits)
        service.wait_for("Application startup complete", times=3)
        assert len(service.children()) == 2


def test_there_may_be_more_idle_connections_than_the_soft_limit_on_open_files(artifacts: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
        try:
            service = stack.enter_context(running(artifacts))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(256):
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
        assert httpx.get(f"{service.url}/forecast").status_code == 200


def test_running_out_of_open_files_is_a_503(artifacts: Path) -> None:
    with running(artifacts) as service, httpx.Client(base_url=service.url) as client:
        client.get("/health/live").raise_for_status()
        limits = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
        allow_to_open(service.process.pid, 0)
        answer = client.get("/")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert "the server is out of resources: Too many open files" in answer.json()["detail"]
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, limits)
        assert client.get("/").status_code == 200
    assert not any("Traceback" in line for line in service.log)


def test_a_service_exits_if_all_workers_are_killed_and_there_is_nothing_to_load(two_releases: Path) -> None:
    with running(two_releases, workers=2, reload_seconds=3_600) as service:
        service.wait_for("Application startup complete", times=2)
        two_releases.rename(two_releases.with_name("elsewhere"))
        for worker in service.children():
            os.kill(worker, signal.SIGKILL)
        assert service.process.wait() == 2
    assert any(f"the artifacts folder {two_releases} cannot be read" in line for line in service.log)


async def test_a_refused_release_is_tried_again_once_its_files_have_changed(two_releases: Path) -> None:
    dataset = two_releases / "nino12"
    good, late = sorted(path.name for path in dataset.iterdir() if path.is_dir())
    point_current(dataset, good)
    checkpoint = dataset / late / "gru.pt"
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    with running(two_releases, reload_seconds=0.05) as service, httpx.Client(base_url=service.url) as client:
        point_current(dataset, late)
        service.wait_for("refused a new release of nino12; still serving the loaded one")
        looks = dict.fromkeys(["unchanged", "failed"], 0.0)
        # Looks go on, and find nothing new: what has not changed is not read again.
        for _ in range(5_000):
            found = re.findall(r'sst_reloads_total{outcome="(\w+)"} (\S+)', client.get("/metrics").text)
            looks = {outcome: float(count) for outcome, count in found}
            assert looks["failed"] == 1
            if looks["unchanged"] > 5:
                break
        assert looks["unchanged"] > 5
        assert client.get("/forecast").json()["version"] == good
        checkpoint.write_bytes(content)
        service.wait_for(f"now serving nino12 release {late}")
        assert client.get("/forecast").json()["version"] == late


def reloads(client: httpx.Client, outcome: str) -> float:
    (count,) = re.findall(rf'sst_reloads_total{{outcome="{outcome}"}} (\S+)', client.get("/metrics").text)
    return float(count)


async def test_a_missing_artifacts_folder_is_counted_at_each_check_and_logged_once(two_releases: Path) -> None:
    with running(two_releases, reload_seconds=0.05) as service, httpx.Client(base_url=service.url) as client:
        two_releases.rename(two_releases.with_name("elsewhere"))
        # Each look fails, not the first alone.
        assert any(reloads(client, "failed") >= 3 for _ in range(5_000))
        assert client.get("/forecast").status_code == 200
        two_releases.with_name("elsewhere").rename(two_releases)
        service.wait_for("checking for new releases again")
    said = [line for line in service.log if "cannot check for new releases; still serving the loaded ones" in line]
    assert len(said) == 1
    assert f"the artifacts folder {two_releases} cannot be read: No such file or directory" in said[0]
    assert not any("Traceback" in line for line in service.log)


@on_both_ways
async def test_a_flood_is_refused_quickly_and_leaves_no_trace(artifacts: Path, nino12: SstSeries, http: str) -> None:
    request = body(nino12)
    request["series"] *= 60
    with running(artifacts, max_waiting=4, http=http) as service:

        async def flood() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=64)
            async with httpx.AsyncClient(base_url=service.url, timeout=60, limits=limits) as client:
                return await asyncio.gather(*(client.post("/forecast", json=request) for _ in range(400)))

        answers = await flood()
        held = service.resident()
        answers += await flood()
        assert service.resident() < held * 1.05
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
            assert "too many requests are waiting" in answer.json()["detail"]


@on_both_ways
def test_waiting_bodies_are_limited_in_memory(artifacts: Path, http: str) -> None:
    with running(artifacts, max_waiting_bytes=100_000, http=http) as service:
        head = b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.port)) as first:
            first.sendall(head + b" ")
            # The first holds its share from here on: it has been admitted before the second connects.
            assert httpx.get(f"{service.url}/health/live").status_code == 200
            refused = httpx.post(f"{service.url}/forecast", content=b" " * 60_000)
            assert refused.status_code == 503
            first.sendall(b" " * 59_999)
            assert b" 400 " in first.recv(4_096)
        assert httpx.post(f"{service.url}/forecast", content=b" " * 60_000).status_code == 415


@on_both_ways
def test_chunked_and_compressed_bodies_count_with_their_size_in_memory(artifacts: Path, http: str) -> None:
    with running(artifacts, max_waiting_bytes=100_000, http=http) as service:
        url, headers = f"{service.url}/forecast", {"Content-Type": "application/json"}
        chunks = httpx.post(url, content=iter([b" " * 40_000] * 3), headers=headers)
        packed = httpx.post(url, content=gzip.compress(b" " * 120_000), headers=headers | {"Content-Encoding": "gzip"})
        assert [chunks.status_code, packed.status_code] == [503, 503]
        assert httpx.post(url, content=iter([b" " * 40_000] * 2), headers=headers).status_code == 400


def test_the_answer_to_a_large_request_counts_as_waiting_memory(artifacts: Path, nino12: SstSeries) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 300
    content = httpx.Request("POST", "http://x", json=large).content
    with running(artifacts, max_waiting_bytes=len(content) + 100_000) as service:
        refused = httpx.post(f"{service.url}/forecast", json=large)
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        large["series"] = large["series"][:70]
        assert httpx.post(f"{service.url}/forecast", json=large).status_code == 200


@on_both_ways
def test_a_client_that_sends_too_slowly_gets_504_and_delays_nobody(
    artifacts: Path, nino12: SstSeries, http: str
) -> None:
    with running(artifacts, request_seconds=1, http=http) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
            assert httpx.post(f"{service.url}/forecast", json=body(nino12)).status_code == 200
            answer = b""
            while piece := slow.recv(4_096):
                answer += piece
        assert answer.startswith(b"HTTP/1.1 504")
        assert b"was not answered within 1 seconds" in answer
        assert httpx.post(f"{service.url}/forecast", json=body(nino12)).status_code == 200


@on_both_ways
def test_the_connection_of_a_client_that_does_not_read_its_answer_is_closed(
    artifacts: Path, nino12: SstSeries, http: str
) -> None:
    large = body(nino12, horizon=12)
    large["series"] *= 5_000
    content = httpx.Request("POST", "http://x", json=large).content
    head = b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with running(artifacts, write_seconds=1, http=http) as service, socket.socket() as deaf:
        # The system holds little for the client, so that the service must hold the rest.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", service.port))
        deaf.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
        service.wait_for("closing a connection whose client read nothing of its answer for 1 seconds")
        assert httpx.post(f"{service.url}/forecast", json=body(nino12)).status_code == 200
    assert not any("Traceback" in line for line in service.log)


@on_both_ways
def test_clients_that_leave_leave_nothing_behind(artifacts: Path, nino12: SstSeries, http: str) -> None:
    content = httpx.Request("POST", "http://x", json=body(nino12)).content
    head = b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(content)
    with running(artifacts, max_waiting=8, http=http) as service:
        for cut in (len(content), len(content) // 2, 0):
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", service.port)) as client:
                    client.sendall(head + content[:cut])
        # More have left than may wait: had one stayed counted, this would be refused.
        assert httpx.post(f"{service.url}/forecast", json=body(nino12)).status_code == 200
    assert not any("Traceback" in line or "ERROR" in line for line in service.log)


@pytest.mark.parametrize(
    ("path", "n", "fields"), [("/compare", 600, {"model": "all"}), ("/forecast", 30, {"model": "all", "horizon": 12})]
)
def test_work_for_a_client_that_has_left_is_cancelled(
    artifacts: Path, nino12: SstSeries, path: str, n: int, fields: dict[str, object]
) -> None:
    large = body(nino12, n) | fields
    large["series"] *= 100 if path == "/compare" else 3_000
    content = httpx.Request("POST", "http://x", json=large).content
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" % path.encode()
    ended = re.compile(rf'sst_request_seconds_count{{method="POST",route="{path}",status="(\d+)"}} 1.0')
    with running(artifacts, request_seconds=600) as service, httpx.Client(base_url=service.url) as other:
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
            two = "sst_requests_in_flight 2.0"
            wait_until(lambda: two in other.get("/metrics").text, "the request is not taken up")
        wait_until(lambda: ended.search(other.get("/metrics").text) is not None, "the request does not end")
        # Brought to its end, it would have been answered with 200, though nobody hears it.
        assert ended.findall(other.get("/metrics").text) == ["400"]
    assert not any("Traceback" in line or "ERROR" in line for line in service.log)


@on_both_ways
def test_a_request_that_is_cut_off_by_the_stop_gets_503(artifacts: Path, http: str) -> None:
    with running(artifacts, drain_seconds=1, linger_seconds=0, http=http) as service:
        with socket.create_connection(("127.0.0.1", service.port)) as slow:
            slow.sendall(b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 100\r\n\r\n{")
            # Admitted before it is told to stop: the scrape counts it beside itself.
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


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_the_ipv6_wildcard_address_includes_ipv4(artifacts: Path) -> None:
    with running(artifacts, host="::", allow_anonymous="true") as service:
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{service.port}/health/ready").status_code == 200
