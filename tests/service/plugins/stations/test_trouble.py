"""A service whose database fails: a full disk, a server that stops under load, and a database that vanishes."""

import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.processes import Service, running, wait_until
from tests.servers.postgres import Cluster
from tests.service.requests import Json, answered

pytestmark = pytest.mark.long

MANY_DAYS: Json = {"start": "1990-01-01", "values": [10 + i % 977 / 100 for i in range(12_000)]}


def is_up(service: httpx.Client) -> bool:
    """Return ``sst_store_up``."""
    return "\nsst_store_up 1.0\n" in service.get("/metrics").text


def is_ready(service: httpx.Client, store: str = "writable") -> bool:
    answer = service.get("/health/ready")
    return answer.status_code == 200 and answer.json()["store"] == store


def check_down(service: httpx.Client, reason: str) -> None:
    """Wait until the service says that its database takes no writes, and why; the rest goes on."""
    wait_until(lambda: service.get("/health/ready").status_code == 503, "a failing database is not noticed")
    assert not is_up(service)
    refused = service.get("/health/ready")
    assert reason in refused.json()["detail"]
    assert refused.headers["retry-after"]
    answered(service.get("/forecast?dataset=nino12"))
    assert service.get("/v2/health/ready").status_code == 200


def check_up(service: httpx.Client) -> None:
    wait_until(lambda: is_up(service) and is_ready(service), "the database is not used again")


def days(service: httpx.Client, station: str) -> Json:
    return answered(service.get(f"/stations/{station}/observations"))


@contextmanager
def full_disk(service: Service, file: Path) -> Iterator[None]:
    """Let no file of the service grow beyond the size of ``file``."""
    hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


def test_a_full_disk_refuses_readings_loses_none_and_leaves_the_rest_alone(artifacts: Path, tmp_path: Path) -> None:
    store = tmp_path / "sst.db"
    with (
        running(artifacts, store=f"sqlite:///{store}", request_seconds=600) as service,
        httpx.Client(base_url=service.url, timeout=600) as client,
    ):
        client.put("/stations/pier", json={"step": "day"}).raise_for_status()
        few = {"start": "2025-01-01", "values": [10.5, 10.6]}
        answered(client.post("/stations/pier/observations", json=few))
        before = days(client, "pier")
        with full_disk(service, store.with_name("sst.db-wal")):
            refused = client.post("/stations/pier/observations", json=MANY_DAYS)
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            assert "sst.db: " in refused.json()["detail"]
            assert days(client, "pier") == before
            check_down(client, "sst.db: ")
        check_up(client)
        assert answered(client.post("/stations/pier/observations", json=MANY_DAYS))["new"] == 12_000
        assert len(days(client, "pier")["values"]) == 12_002


def test_postgresql_that_stops_under_load_costs_only_calls_about_stations(artifacts: Path, postgres: Cluster) -> None:
    names = ["pier", "buoy", "reef"]
    ended, refusals = Event(), {name: Event() for name in names}

    def send(client: httpx.Client, name: str) -> dict[str, float]:
        """Send one reading after the other until told to end; return those that were accepted."""
        accepted, day = dict[str, float](), 0
        while not ended.is_set():
            time = f"{2000 + day // 336}-{1 + day // 28 % 12:02}-{1 + day % 28:02}T00:00:00Z"
            value = round(10 + day % 97 / 10, 1)
            reading = {"timestamps": [time], "values": [value]}
            answer = client.post(f"/stations/{name}/observations", json=reading)
            if answer.status_code == 200:
                accepted[time] = value
                day += 1
            else:
                assert answer.status_code == 503, answer.text
                refusals[name].set()
        return accepted

    with (
        running(artifacts, store=postgres.new_database(), request_seconds=600) as service,
        httpx.Client(base_url=service.url, timeout=600) as client,
        ThreadPoolExecutor(len(names)) as senders,
    ):
        for name in names:
            client.put(f"/stations/{name}", json={"step": "day"}).raise_for_status()
        sending = {name: senders.submit(send, client, name) for name in names}
        try:
            wait_until(lambda: all(len(days(client, name)["values"]) > 5 for name in names), "nothing is stored")
            postgres.stop()
            try:
                wait_until(lambda: all(refusal.is_set() for refusal in refusals.values()), "nothing is refused")
                check_down(client, "the PostgreSQL server of SST_STORE cannot be used")
            finally:
                postgres.start()
            wait_until(lambda: client.get("/stations").status_code == 200, "the database did not come back")
            counts = {name: len(days(client, name)["values"]) for name in names}
            wait_until(
                lambda: all(len(days(client, name)["values"]) > count + 5 for name, count in counts.items()),
                "nothing is stored any more",
            )
        finally:
            ended.set()
        for name in names:
            accepted = sending[name].result()
            stored = days(client, name)
            assert accepted.items() <= dict(zip(stored["timestamps"], stored["values"], strict=True)).items()
            assert set(stored["revision"]) == {0}
        check_up(client)


def test_a_database_that_is_moved_away_is_missed_by_every_worker_and_loses_nothing(
    artifacts: Path, tmp_path: Path
) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    run = partial(running, artifacts, store=f"sqlite:///{folder}/sst.db", workers=2, background=False)
    with run() as service:

        def ask(path: str = "/stations/pier") -> httpx.Response:
            # On a connection of its own, so that any worker may answer.
            return httpx.get(f"{service.url}{path}", timeout=600)

        def is_refused_by_all() -> bool:
            return all(ask("/stations").status_code == 503 for _ in range(20))

        with httpx.Client(base_url=service.url, timeout=600) as client:
            client.put("/stations/pier", json={"step": "day"}).raise_for_status()
            accepted = answered(
                client.post("/stations/pier/observations", json={"start": "2025-01-01", "values": [10.5, 10.6]})
            )
            assert accepted["new"] == 2
            before = days(client, "pier")
            folder.rename(away)
            refused = client.get("/stations")
            assert refused.status_code == 503
            assert "has vanished (sst.db)" in refused.json()["detail"]
            assert refused.headers["retry-after"]
            again = client.post("/stations/pier/observations", json={"start": "2025-01-03", "values": [10.7]})
            assert again.status_code == 503
            check_down(client, "has vanished (sst.db)")
            # A worker that starts now has never seen the database.
            killed = min(service.children())
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: killed not in (now := service.children()) and len(now) == 2, "no worker was started")
            wait_until(lambda: service.logged("ready: ") >= 3, "the new worker does not become ready")
            assert is_refused_by_all()
            assert not folder.exists()
            away.rename(folder)
            wait_until(lambda: all(ask().status_code == 200 for _ in range(20)), "the database is not used again")
        with httpx.Client(base_url=service.url, timeout=600) as client:
            assert days(client, "pier") == before
            check_up(client)
        folder.rename(away)
        assert is_refused_by_all()
    with run() as service, httpx.Client(base_url=service.url, timeout=600) as client:
        # Started anew, it begins without the database.
        assert is_ready(client, "not_created")
        assert answered(client.get("/stations"))["stations"] == []
        client.put("/stations/buoy", json={"step": "day"}).raise_for_status()
        check_up(client)


def test_no_reading_that_was_accepted_is_lost_while_the_database_moves_away_and_back(
    artifacts: Path, tmp_path: Path
) -> None:
    folder, away = tmp_path / "state", tmp_path / "away"
    accepted, ended, refused = dict[str, float](), Event(), Event()

    def send(client: httpx.Client) -> None:
        day = 0
        while not ended.is_set():
            time = f"{2000 + day // 336}-{1 + day // 28 % 12:02}-{1 + day % 28:02}T00:00:00Z"
            value = round(10 + day % 97 / 10, 1)
            answer = client.post("/stations/pier/observations", json={"timestamps": [time], "values": [value]})
            if answer.status_code == 200:
                accepted[time] = value
                day += 1
            else:
                assert answer.status_code == 503, answer.text
                refused.set()

    with (
        running(artifacts, store=f"sqlite:///{folder}/sst.db") as service,
        httpx.Client(base_url=service.url, timeout=600) as client,
        ThreadPoolExecutor(1) as sender,
    ):
        client.put("/stations/pier", json={"step": "day"}).raise_for_status()
        sending = sender.submit(send, client)
        try:
            for _ in range(5):
                stored = len(accepted) + 3
                wait_until(lambda: len(accepted) > stored or sending.done(), "nothing is stored")  # noqa: B023
                refused.clear()
                folder.rename(away)
                wait_until(lambda: refused.is_set() or sending.done(), "nothing is refused")
                away.rename(folder)
        finally:
            ended.set()
        sending.result()
        kept = days(client, "pier")
        assert accepted.items() <= dict(zip(kept["timestamps"], kept["values"], strict=True)).items()
