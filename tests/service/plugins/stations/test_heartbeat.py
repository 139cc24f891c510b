"""The heartbeat: a monitor hears of a service that does its work, and nothing of one that does not."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, make_url

from service.plugins.stations.heartbeat import STUCK_SECONDS, Heartbeat
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.store.alerts import Alert, Delivery, put_alert, put_deliveries
from service.plugins.stations.store.database import StationStore, StoreUnavailableError
from service.plugins.stations.store.pulse import SERVICE, last_pulse, record_pulse
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from tests.processes import running, wait_until
from tests.servers.webhook_receiver import Answer, Receiver, die, receiving, status

NOW = 1_700_000_000


@pytest.fixture
def monitor() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def store(store_url: str) -> Iterator[StationStore]:
    with closing(StationStore(make_url(store_url))) as store:
        yield store


def beat(store: StationStore, url: str, now: int = NOW) -> None:
    """Do what the background work does, if it is due."""
    heartbeat = Heartbeat(store, url, Outbound(allow_private=True), lambda: now)

    async def run() -> None:
        if await store.read(heartbeat.task.due, now):
            await heartbeat.task.run()

    asyncio.run(run())


def add_delivery(connection: Connection, next_attempt: int) -> None:
    put_station(connection, "pier", StationSettings("day"), 1)
    number = get_station(connection, "pier").number
    alert = put_alert(connection, Alert(number, "heat", "began", next_attempt, next_attempt, {}))
    put_deliveries(connection, [Delivery(alert, "https://hooks.example", f"key{alert}", next_attempt)])


def test_a_monitor_is_called_once_a_minute_by_all_processes_together(
    store: StationStore, store_url: str, monitor: Receiver
) -> None:
    with closing(StationStore(make_url(store_url))) as other:
        for second in range(0, 180, 10):
            beat(store, f"{monitor.url}/ping/secret?rid=1", NOW + second)
            beat(other, f"{monitor.url}/ping/secret?rid=1", NOW + second)
    assert [monitor.next().path for _ in range(3)] == ["/ping/secret?rid=1"] * 3
    assert monitor.received.empty()


def test_a_clock_that_is_set_back_does_not_stop_the_heartbeat(store: StationStore, monitor: Receiver) -> None:
    beat(store, monitor.url, NOW)
    beat(store, monitor.url, NOW - 86_400)
    assert monitor.received.qsize() == 2


def test_there_is_no_heartbeat_while_a_delivery_waits_for_its_attempt(
    store: StationStore, monitor: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(store.write(add_delivery, NOW))
    beat(store, monitor.url, NOW + STUCK_SECONDS - 1)
    assert monitor.received.qsize() == 1
    beat(store, monitor.url, NOW + STUCK_SECONDS + 60)
    assert monitor.received.qsize() == 1
    assert "no heartbeat was sent to SST_HEARTBEAT_URL: a delivery of an alert has been due for more" in caplog.text


def test_there_is_no_heartbeat_without_a_write(tmp_path: Path, monitor: Receiver) -> None:
    path = tmp_path / "state" / "sst.db"
    with closing(StationStore(make_url(f"sqlite:///{path}"))) as store:
        beat(store, monitor.url)
        assert monitor.received.qsize() == 1
        path.parent.rename(tmp_path / "away")
        with pytest.raises(StoreUnavailableError, match="has vanished"):
            beat(store, monitor.url, NOW + 60)
        assert monitor.received.qsize() == 1
        (tmp_path / "away").rename(path.parent)
        beat(store, monitor.url, NOW + 70)
        assert monitor.received.qsize() == 2


def test_without_a_monitor_the_time_is_kept_once_there_is_a_database(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sst.db"
    with closing(StationStore(make_url(f"sqlite:///{path}"))) as store:
        beat(store, "")
        assert not path.exists()
        asyncio.run(store.write(put_station, "pier", StationSettings("day"), 1))
        beat(store, "")
        assert asyncio.run(store.read(last_pulse, SERVICE)) == NOW
        # What finds the gap after an outage.
        assert asyncio.run(store.write(record_pulse, NOW + 4_000, SERVICE)) == NOW
        assert asyncio.run(store.write(record_pulse, NOW + 4_060, SERVICE)) == NOW + 4_000


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(status(404), "the monitor responded with status 404"), (die, "the request to 127.0.0.1 failed")],
)
def test_a_monitor_that_fails_is_logged_without_its_path(
    store: StationStore, monitor: Receiver, caplog: pytest.LogCaptureFixture, answer: Answer, reason: str
) -> None:
    monitor.answers.put(answer)
    beat(store, f"{monitor.url}/ping/secret")
    assert f"no heartbeat was sent to SST_HEARTBEAT_URL: {reason}" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.long
def test_a_service_calls_its_monitor_from_the_start_with_several_workers(
    artifacts: Path, tmp_path: Path, monitor: Receiver
) -> None:
    store = f"sqlite:///{tmp_path}/state/sst.db"
    with running(artifacts, heartbeat_url=f"{monitor.url}/ping/secret", store=store, workers=2) as service:
        assert monitor.next().path == "/ping/secret"
        with httpx.Client(base_url=service.url, timeout=600) as client:
            # The operator wants a database that works.
            wait_until(lambda: client.get("/health/ready").json().get("store") == "writable", "no database was created")
    assert "secret" not in "".join(service.log)
