"""A service whose database fails: a full disk, and a PostgreSQL server that stops under load."""

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx

from tests.processes import Service, running, wait_until
from tests.servers.postgres import Cluster
from tests.service.requests import Json, answered

MANY_DAYS: Json = {"start": "1990-01-01", "values": [10 + i % 977 / 100 for i in range(12_000)]}


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
            answered(client.get("/forecast?dataset=nino12"))
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
                answered(client.get("/forecast?dataset=nino12"))
                assert client.get("/health/ready").status_code == 200
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
