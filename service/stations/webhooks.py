"""The webhooks of a station: their JSON, how they are stored and shown, and the delivery of alerts."""

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final

import httpx
from orjson import dumps
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from forecasting.errors import RequestError
from forecasting.events.event_schema import MAX_EVENTS, MAX_NAME
from forecasting.requests import ONE_LINE, RequestModel
from service.stations.background import BackgroundTask
from service.stations.outbound import MAX_URL, Outbound, OutboundError, check_url
from service.stations.store.alerts import Delivery, DueDelivery, due_deliveries, is_delivery_due, put_attempt
from service.stations.store.database import StationStore
from service.telemetry.tracing import traced_job

MAX_WEBHOOKS: Final = 10
"""Webhooks of one station."""

_LEAST_SECRET: Final = 16
_MOST_SECRET: Final = 256

_SHOWN: Final = re.compile(r"(?i:https?)://[^/?#]+/\.\.\.#[0-9a-f]{6}")
"""A URL as responses show it."""

_FINGERPRINT: Final = 6
"""Digits that tell two URLs of one host apart, and too few to find what is hidden by trying."""

Json = dict[str, Any]

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


class InputWebhook(RequestModel):
    """Where alerts are sent."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL, pattern=ONE_LINE)] = Field(
        description="An `http` or `https` URL. Responses show only its host, with six digits that distinguish it from "
        "others on this host, such as `https://hooks.example/...#3f2a9c`. You may send this form for a webhook of the "
        "station.",
        examples=["https://hooks.example/sst"],
    )
    secret: Annotated[str, Field(min_length=_LEAST_SECRET, max_length=_MOST_SECRET, pattern=ONE_LINE)] | None = Field(
        default=None,
        description="The key of the signature in `X-SST-Signature`. It is never shown. If it is left out, the webhook "
        "of the station with this URL keeps its secret.",
    )
    events: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=MAX_NAME)], ...],
            Field(max_length=MAX_EVENTS, fail_fast=True),
        ]
        | None
    ) = Field(default=None, description="The names of the events whose alerts are sent. Defaults to all.")


def _different(webhooks: tuple[InputWebhook, ...]) -> tuple[InputWebhook, ...]:
    shown = [shown_url(webhook.url) for webhook in webhooks]
    if len({*shown}) < len(shown):
        raise PydanticCustomError("webhook", "two webhooks have the same URL: send each URL once")
    return webhooks


Webhooks = Annotated[
    tuple[InputWebhook, ...], Field(max_length=MAX_WEBHOOKS, fail_fast=True), AfterValidator(_different)
]
"""The webhooks of a station."""


def shown_url(url: str) -> str:
    """Return a URL without its path and query, which may hold a secret; one that is shown already, as it is."""
    if _SHOWN.fullmatch(url):
        return url
    scheme, _, rest = url.partition("://")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{host}/...#{sha256(url.encode()).hexdigest()[:_FINGERPRINT]}"


def shown_webhooks(stored: Sequence[Json] | None) -> list[Json]:
    """Return webhooks without what is secret."""
    return [{"url": shown_url(webhook["url"]), "events": webhook["events"]} for webhook in stored or ()]


def check_webhooks(webhooks: Sequence[InputWebhook], events: Sequence[str], *, allow_private: bool) -> None:
    """Check webhooks before they are stored; ``events`` are the names of the station's events.

    Raises:
        RequestError: if a URL cannot be used, or an event does not exist.
    """
    for i, webhook in enumerate(webhooks):
        try:
            check_url(webhook.url, allow_private=allow_private)
        except OutboundError as error:
            raise RequestError(f"webhooks[{i}].url: {error}", field=f"webhooks[{i}].url") from None
        unknown = [name for name in webhook.events or () if name not in events]
        if unknown:
            known = f"; it has {', '.join(map(repr, events))}" if events else "; it has no events"
            raise RequestError(
                f"webhooks[{i}].events: the station has no event {unknown[0]!r}{known}", field=f"webhooks[{i}].events"
            )


def stored_webhooks(webhooks: Sequence[InputWebhook], before: Sequence[Json] | None) -> list[Json] | None:
    """Return webhooks as they are stored, with what is left out or hidden of those ``before``.

    Raises:
        RequestError: if a webhook without a secret, or with a URL as responses show it, is new.
    """
    return [_stored(webhook, i, before or ()) for i, webhook in enumerate(webhooks)] or None


def _stored(webhook: InputWebhook, index: int, before: Sequence[Json]) -> Json:
    known = next((known for known in before if shown_url(known["url"]) == shown_url(webhook.url)), None)
    if known is None and _SHOWN.fullmatch(webhook.url):
        raise RequestError(
            f"webhooks[{index}].url is partly hidden, and no webhook of the station matches it: send the complete URL",
            field=f"webhooks[{index}].url",
        )
    if known is None and webhook.secret is None:
        raise RequestError(
            f"webhooks[{index}].secret is missing, and the station has no webhook with this URL: send a secret of at "
            f"least {_LEAST_SECRET} characters",
            field=f"webhooks[{index}].secret",
        )
    url, secret = (webhook.url, webhook.secret) if known is None else (known["url"], webhook.secret or known["secret"])
    return {"url": url, "secret": secret, "events": None if webhook.events is None else [*webhook.events]}


TESTS_A_MINUTE: Final = 12
"""Tests of one station by one process, two of them at once."""

TESTS_AT_ONCE: Final = 16
"""Tests of all stations by one process at once. Each may hold as many connections as a station has webhooks."""


class WebhookSender:
    """Sends the alerts that are due. Each attempt is stored before the next one is made.

    If the process dies after an alert has arrived and before that is stored, it is sent again with the same key.
    """

    def __init__(self, store: StationStore, outbound: Outbound, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._outbound = outbound
        self._clock = clock

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("webhooks", is_delivery_due, self.run)

    async def run(self) -> None:
        """Send all alerts that are due, several at a time."""
        while due := await self._store.read(due_deliveries, self._now(), _READ_AT_ONCE):
            silent: set[str] = set()
            free = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for each in due:
                    group.create_task(self._deliver(each, silent, free))

    @traced_job("deliver")
    async def _deliver(self, due: DueDelivery, silent: set[str], free: asyncio.Semaphore) -> None:
        """Send an alert and store the outcome; ``silent`` are the hosts that did not respond meanwhile."""
        async with free:
            delivery = await self._send(due, silent)
            await self._store.write(put_attempt, delivery)
            if delivery.error != _REMOVED:
                state = delivery.state
                self._store.metrics.attempted("failed" if state == "waiting" else state)

    async def _send(self, due: DueDelivery, silent: set[str]) -> Delivery:
        """Return the delivery with its outcome."""
        delivery = due.delivery
        secret = next((each["secret"] for each in due.webhooks or () if each["url"] == delivery.url), None)
        if secret is None:
            return delivery._replace(next_attempt=None, status=None, error=_REMOVED)
        host = httpx.URL(delivery.url).host
        if host in silent:
            # Each delivery would wait until it times out, and hold up those to other hosts.
            return self._failed(due, delivery.attempts, f"{host} did not respond to an earlier delivery")
        attempts = delivery.attempts + 1
        status, error = await send_signed(self._outbound, delivery.url, secret, delivery.key, due.content)
        if error is not None:
            if status is None:
                silent.add(host)
            return self._failed(due, attempts, error, status)
        return delivery._replace(attempts=attempts, next_attempt=None, delivered=self._now(), status=status, error=None)

    def _failed(self, due: DueDelivery, attempts: int, error: str, status: int | None = None) -> Delivery:
        """Return what to store of a failure, with the time of the next attempt unless the delivery is given up."""
        now = self._now()
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(max(attempts - 1, 0), _DOUBLINGS))
        next_attempt = None if now - due.raised >= GIVEN_UP_AFTER else now + pause
        return due.delivery._replace(attempts=attempts, next_attempt=next_attempt, status=status, error=error)

    def _now(self) -> int:
        return int(self._clock())


def tested_webhooks(stored: Sequence[Json] | None, url: str | None) -> Sequence[Json]:
    """Return the webhook of a station with a URL, as it was sent or is shown; all for None.

    Raises:
        RequestError: if there is none.
    """
    found = [each for each in stored or () if url is None or shown_url(each["url"]) == shown_url(url)]
    if not found:
        problem = "has no webhooks" if url is None or not stored else "has no webhook with this URL"
        raise RequestError(f"the station {problem}: store its settings with the webhook first", field="url")
    return found


async def send_signed(
    outbound: Outbound, url: str, secret: str, key: str, content: Mapping[str, Any]
) -> tuple[int | None, str | None]:
    """Send ``content`` to a webhook, signed with its secret.

    Returns:
        The status of the response, None if there was none; and why the delivery failed, None if it did not.
    """
    body = dumps({"id": key, **content})
    try:
        response = await outbound.send(
            "POST", url, headers=headers_of(body, key, secret), content=body, seconds=SECONDS
        )
    except OutboundError as error:
        return None, str(error)
    status = response.status_code
    if response.is_success:
        return status, None
    if response.is_redirect:
        return status, f"the receiver redirects (status {status}), and redirects are not followed: use the final URL"
    return status, f"the receiver responded with status {status}"


def headers_of(body: bytes, key: str, secret: str) -> dict[str, str]:
    """Return the headers of a delivery: HMAC-SHA256 of the body by the secret, and the key of the delivery."""
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-SST-Signature": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}",
    }
