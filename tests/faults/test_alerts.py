"""Alerts whose storing and delivery fail once, at each call: each is raised once, arrives, and is then delivered."""

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty

import httpx
import pytest

from tests.faults.faults import KINDS, Faults, Kind, numbers
from tests.faults.restarted import Restarted
from tests.faults.test_stations import PIER, READINGS, SETTINGS, WARM, attempt, check_problem, create, day, value
from tests.processes import wait_until
from tests.servers.webhook_receiver import Receiver, receiving
from tests.service.requests import Json, answered

pytestmark = pytest.mark.long

LEAST = 8
SHARE = 4
UNTIL_RETRIED = 120
"""Seconds after which a delivery is tried again, and another process does what a dead one was at."""


class Inbox:
    """The alerts that have arrived, by what they say happened, each with the keys of its deliveries."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.keys = defaultdict[tuple[str, str], set[str]](set)

    def look(self) -> None:
        """Take what has arrived whole."""
        try:
            while True:
                received = self._receiver.received.get_nowait()
                if len(received.body) == int(received.headers["content-length"]):
                    self.keys[said(json.loads(received.body))].add(received.headers["webhook-id"])
        except Empty:
            return


def said(alert: Json) -> tuple[str, str]:
    """Return what happened, and when."""
    return alert["alert"], alert["observed_until"]


def push(client: httpx.Client, station: str, n: int) -> httpx.Response:
    """Send a reading, with which the event begins or ends."""
    body = {"start": day(READINGS + n), "values": [value(READINGS + n)]}
    return client.post(f"/stations/{station}/observations", json=body)


def listed(client: httpx.Client) -> list[Json]:
    """Return the alerts that readers get, oldest first."""
    alerts: list[Json] = answered(client.get(f"/stations/{PIER}/alerts?limit=1000"))["alerts"]
    return alerts[::-1]


def delivered(client: httpx.Client) -> list[Json]:
    """Return those that are said to be delivered."""
    return [alert for alert in listed(client) if any(each["delivered"] for each in alert["deliveries"])]


@pytest.mark.parametrize("kind", KINDS)
def test_an_alert_whose_storing_or_delivery_fails_is_raised_once_and_arrives(
    releases: Path,
    watch: Callable[..., Faults],
    tmp_path: Path,
    report: Callable[[int, int], None],
    kind: Kind,
) -> None:
    folder = tmp_path / "state"
    settings = {"store": f"sqlite:///{folder}/sst.db", "default_dataset": "abroad", "allow_private_addresses": True}
    with receiving() as receiver:
        faults, inbox = watch(folder, httpx.URL(receiver.url).port), Inbox(receiver)
        with Restarted(releases, faults, **settings) as restarted:
            create(restarted.client)
            watching = SETTINGS | {"events": [WARM | {"alert_at": 1}], "webhooks": [{"url": receiver.url}]}
            restarted.client.put(f"/stations/{PIER}", json=watching).raise_for_status()
            before = len(listed(restarted.client))

            def is_over(count: int) -> bool:
                try:
                    return len(delivered(restarted.client)) == count
                except httpx.TransportError:
                    return False  # it dies meanwhile

            def is_over_or_fails(count: int) -> bool:
                return faults.injected > 0 or is_over(count)

            with faults.at(0, kind):
                push(restarted.client, PIER, 0).raise_for_status()
                wait_until(partial(is_over, 1), "an alert is never delivered")
            injected = 0
            for n, number in enumerate(numbers(len(faults.calls), SHARE), 1):
                with faults.at(number, kind):
                    response = attempt(push, restarted.client, n)
                    wait_until(partial(is_over_or_fails, n + 1), "an alert is never delivered")
                if not faults.injected:
                    break
                injected += 1
                where = faults.describe(number)
                if kind == "the process dies":
                    restarted.restart()
                elif response is None or not response.is_success:
                    assert response is not None, where
                    check_problem(response)
                # What is said to be delivered has arrived.
                over = [*map(said, delivered(restarted.client))]
                inbox.look()
                assert {*over} <= inbox.keys.keys(), where
                faults.move_clock(UNTIL_RETRIED)
                push(restarted.client, PIER, n).raise_for_status()
                # A change of settings lets the service look for work at once.
                restarted.client.put(f"/stations/{PIER}", json=watching).raise_for_status()
                wait_until(partial(is_over, n + 1), f"an alert is never delivered after {where}")
            raised = [said(alert) for alert in listed(restarted.client)][before:]
        inbox.look()
    count = len(raised)
    assert raised == [(("ended", "began")[(READINGS + n) % 2], day(READINGS + n)) for n in range(count)]
    assert count >= injected
    assert inbox.keys.keys() == {*raised}
    # A receiver that knows a key already can tell that an alert was sent again.
    assert [keys for keys in inbox.keys.values() if len(keys) > 1] == []
    assert not any("Traceback" in line for line in restarted.log + restarted.service.log)
    report(injected, LEAST)
