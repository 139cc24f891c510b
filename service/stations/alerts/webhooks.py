"""Delivers alerts to webhooks, at least once."""

import asyncio
import hmac
import time
from collections.abc import Callable
from typing import Final

import httpx
from orjson import dumps
from sqlalchemy import Connection

from service.stations.outbound.outbound import Outbound, OutboundError
from service.stations.station_store import StationStore
from service.store.deliveries import Attempted, DueDelivery, due_deliveries, is_delivery_due, put_attempt
from service.telemetry.spans import traced_job
from service.telemetry.station_metrics import Delivered

SECONDS: Final = 10.0
"""How long a receiver may take for one delivery."""

FIRST_PAUSE: Final = 30
"""Seconds after the first attempt. Each further pause is twice as long."""

LONGEST_PAUSE: Final = 3 * 3_600

GIVEN_UP_AFTER: Final = 86_400
"""Seconds since the alert, after which a delivery that fails is not tried again."""

_DOUBLINGS: Final = 20
_AT_ONCE: Final = 16
_READ_AT_ONCE: Final = 64
_REMOVED: Final = "the webhook was removed from the station before it was delivered"
_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)


class WebhookSender:
    """Sends the alerts that are due. Each attempt is stored before the next one is made.

    If the process dies after an alert has arrived and before that is stored, it is sent again with the same key.
    """

    def __init__(self, store: StationStore, outbound: Outbound, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._outbound = outbound
        self._clock = clock

    def is_due(self, connection: Connection, now: int) -> bool:
        """Return whether an alert is to be sent by now."""
        return is_delivery_due(connection, now)

    async def run(self) -> None:
        """Send all alerts that are due, several at a time."""
        while due := await self._store.read(due_deliveries, self._now(), _READ_AT_ONCE):
            silent: set[str] = set()
            free = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for delivery in due:
                    group.create_task(self._deliver(delivery, silent, free))

    @traced_job("deliver")
    async def _deliver(self, delivery: DueDelivery, silent: set[str], free: asyncio.Semaphore) -> None:
        """Send an alert and store the outcome; ``silent`` are the hosts that did not answer meanwhile."""
        async with free:
            attempted = await self._send(delivery, silent)
            await self._store.write(put_attempt, delivery.number, attempted)
            if attempted.error != _REMOVED:
                self._store.metrics.attempted(_outcome(attempted))

    async def _send(self, delivery: DueDelivery, silent: set[str]) -> Attempted:
        secret = next((each["secret"] for each in delivery.webhooks or () if each["url"] == delivery.url), None)
        if secret is None:
            return Attempted(delivery.attempts, error=_REMOVED)
        host = httpx.URL(delivery.url).host
        if host in silent:
            # Each delivery would wait until it times out, and hold up those to other hosts.
            return self._failed(delivery, delivery.attempts, f"{host} did not respond to an earlier delivery")
        body = body_of(delivery)
        headers = headers_of(body, delivery.key, secret)
        attempts = delivery.attempts + 1
        try:
            answer = await self._outbound.send("POST", delivery.url, headers=headers, content=body, seconds=SECONDS)
        except OutboundError as error:
            silent.add(host)
            return self._failed(delivery, attempts, str(error))
        if answer.status in _SUCCESS:
            return Attempted(attempts, delivered=self._now(), status=answer.status)
        return self._failed(delivery, attempts, _refusal(answer.status), answer.status)

    def _failed(self, delivery: DueDelivery, attempts: int, error: str, status: int | None = None) -> Attempted:
        """Return what to store of a failure, with the time of the next attempt unless the delivery is given up."""
        now = self._now()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(attempts - 1, 0), _DOUBLINGS))
        next_attempt = None if now - delivery.raised >= GIVEN_UP_AFTER else now + pause
        return Attempted(attempts, next_attempt, status=status, error=error)

    def _now(self) -> int:
        return int(self._clock())


def body_of(delivery: DueDelivery) -> bytes:
    """Return the body of a delivery, which is the same at each attempt."""
    return dumps({"id": delivery.key, **delivery.content})


def headers_of(body: bytes, key: str, secret: str) -> dict[str, str]:
    """Return the headers of a delivery: HMAC-SHA256 of the body by the secret, and the key of the delivery."""
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-SST-Signature": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}",
    }


def _outcome(attempted: Attempted) -> Delivered:
    if attempted.delivered is not None:
        return "delivered"
    return "given_up" if attempted.next_attempt is None else "failed"


def _refusal(status: int) -> str:
    if status in _REDIRECT:
        return f"the receiver redirects (status {status}), and redirects are not followed: use the final URL"
    return f"the receiver responded with status {status}"
