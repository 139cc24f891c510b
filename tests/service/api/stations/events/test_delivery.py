"""Alerts of services in processes of their own, which are killed or share a store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from tests.processes import Service, running
from tests.servers.webhook_receiver import Receiver, hang, receiving

SECRET = "a secret that no log shows"
STATIONS = [f"pier{i}" for i in range(10)]


def settings(store_url: str) -> dict[str, str]:
    return {
        "store": store_url,
        "default_dataset": "nino12",
        "device": "cpu",
        "allow_private_addresses": "true",
        "log_level": "debug",
    }


def watch(service: Service, receiver: Receiver, stations: list[str]) -> None:
    """Create stations that watch an event."""
    body = {
        "step": "day",
        "events": [{"name": "warm", "above": 20.0}],
        "webhooks": [{"url": f"{receiver.url}/?token=hidden", "secret": SECRET}],
    }
    for station in stations:
        httpx.put(f"{service.url}/stations/{station}", json=body, timeout=60).raise_for_status()


def send(service: Service, stations: list[str]) -> None:
    """Send readings with which the event begins."""
    start = datetime.now(UTC).date() - timedelta(days=29)
    values = [round(21 + i % 3 / 10, 1) for i in range(30)]
    readings = [{"station": station, "start": start.isoformat(), "values": values} for station in stations]
    httpx.post(f"{service.url}/observations", json={"readings": readings}, timeout=60).raise_for_status()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_an_alert_of_a_service_that_is_killed_is_delivered_by_the_next_with_the_same_key(
    seas: Path, store_url: str
) -> None:
    with receiving() as receiver:
        receiver.answers.put(hang)
        with running(seas, **settings(store_url)) as service:
            watch(service, receiver, ["pier"])
            send(service, ["pier"])
            unanswered = receiver.next()
            service.process.kill()
        # As if a minute had passed, after which another process may go on.
        engine = create_engine(store_url)
        with engine.begin() as connection:
            assert connection.execute(text("DELETE FROM leases WHERE name = 'webhooks'")).rowcount == 1
        engine.dispose()
        with running(seas, **settings(store_url)) as service:
            again = receiver.next()
        assert again.body == unanswered.body
        assert again.headers["idempotency-key"] == unanswered.headers["idempotency-key"]
        assert receiver.received.empty()
        log = "".join(service.log)
        assert SECRET not in log
        assert "hidden" not in log


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_two_services_that_share_a_store_deliver_each_alert_once(seas: Path, store_url: str) -> None:
    with receiving() as receiver:
        with running(seas, **settings(store_url)) as first, running(seas, **settings(store_url)) as second:
            watch(first, receiver, STATIONS)
            send(first, STATIONS[::2])
            send(second, STATIONS[1::2])
            keys = [receiver.next().headers["idempotency-key"] for _ in STATIONS]
        assert len({*keys}) == len(STATIONS)
        assert receiver.received.empty()
