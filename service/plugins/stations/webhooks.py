"""The webhooks of a station: their JSON, how they are stored and shown, and the delivery of alerts.

Deliveries are signed as Standard Webhooks say: https://www.standardwebhooks.com. To verify them takes a library, but to
sign takes three lines, so that the service needs none.
"""

import asyncio
import binascii
import hmac
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, get_args

import httpx
from orjson import dumps
from pydantic import AfterValidator, Field, PrivateAttr, WithJsonSchema
from pydantic_core import PydanticCustomError

from forecasting.errors import RequestError
from forecasting.events.event_schema import MAX_EVENTS, MAX_NAME
from forecasting.requests import ONE_LINE, RequestModel
from service.plugins.stations.addresses import is_shown, shown_address
from service.plugins.stations.background import BackgroundTask
from service.plugins.stations.notify import Notifier
from service.plugins.stations.outbound import MAX_URL, Outbound, OutboundError, check_url
from service.plugins.stations.store.alerts import Delivery, DueDelivery, due_deliveries, is_delivery_due, put_attempt
from service.plugins.stations.store.database import StationStore
from service.telemetry.tracing import traced_job

MAX_WEBHOOKS: Final = 10
"""Webhooks of one station."""

NEW: Final = "new"
"""Sent as the secret of a webhook, it asks for a new one."""

BOTH_VALID: Final = 86_400
"""Seconds for which the secret before the last change still signs too."""

HealthKind = Literal["silent", "stuck"]
"""The events that every station has: no readings arrive, or they repeat one value. Their names are their kinds."""

HEALTH: Final[tuple[HealthKind, ...]] = get_args(HealthKind)

_LEAST_SECRET: Final = 16
_MOST_SECRET: Final = 256
_PREFIX: Final = "whsec_"
_LEAST_KEY: Final = 24
_MOST_KEY: Final = 64
_MADE_KEY: Final = 32
"""Bytes of the keys in secrets with the prefix, and of those that the service makes."""

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

_REMOVED: Final = "its address was removed from the station before it was delivered"


def _usable_secret(secret: str) -> str:
    """Check a secret that was sent; the message does not repeat it."""
    if secret.startswith(_PREFIX):
        if _key_in(secret) is None:
            raise PydanticCustomError(
                "secret",
                f"after {_PREFIX} a secret must be {_LEAST_KEY} to {_MOST_KEY} bytes in base64: leave it out, and the "
                "service makes one",
            )
    elif secret != NEW and not _LEAST_SECRET <= len(secret) <= _MOST_SECRET:
        raise PydanticCustomError(
            "secret",
            f'a secret must have {_LEAST_SECRET} to {_MOST_SECRET} characters: leave it out, or send "{NEW}", and the '
            "service makes one",
        )
    return secret


def _key_in(secret: str) -> bytes | None:
    """Return the key in a secret with the prefix; None if it is not one."""
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if secret.startswith(_PREFIX) and _LEAST_KEY <= len(key) <= _MOST_KEY else None


def _made_secret() -> str:
    return _PREFIX + b64encode(secrets.token_bytes(_MADE_KEY)).decode()


Secret = Annotated[
    str,
    Field(max_length=_MOST_SECRET, pattern=ONE_LINE),
    AfterValidator(_usable_secret),
    WithJsonSchema(
        {"anyOf": [{"const": NEW}, {"type": "string", "minLength": _LEAST_SECRET, "maxLength": _MOST_SECRET}]}
    ),
]


class InputWebhook(RequestModel):
    """Where alerts are sent."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL, pattern=ONE_LINE)] = Field(
        description="An `http` or `https` URL. Responses show only its host, with six digits that distinguish it from "
        "others on this host, such as `https://hooks.example/...#3f2a9c`. You may send this form for a webhook of the "
        "station.",
        examples=["https://hooks.example/sst"],
    )
    secret: Secret | None = Field(
        default=None,
        description="The key of the signature, as in Standard Webhooks: `whsec_` and 24 to 64 bytes in base64. If it "
        "is left out, the webhook of the station with this URL keeps its secret, and a new webhook gets one that the "
        f'service makes. Send `"{NEW}"` to have another one made. The response shows once what was made. After a '
        "change, the secret before signs too for a day. Other texts of 16 to 256 characters are taken too: their "
        "bytes are the key, which libraries take as `whsec_` and the base64 of these bytes.",
    )
    events: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1, max_length=MAX_NAME)], ...],
            Field(max_length=MAX_EVENTS, fail_fast=True),
        ]
        | None
    ) = Field(
        default=None,
        description="The names of the events whose alerts are sent. Defaults to all. `silent` and `stuck` may be "
        "listed too, and are sent anyway unless `health` is false.",
    )
    health: bool = Field(
        default=True, strict=True, description="Whether alerts about a silent station or a stuck sensor are sent too."
    )
    _made: str = PrivateAttr(default_factory=_made_secret)
    """The secret that it gets if the service has to make one."""


def _different(webhooks: tuple[InputWebhook, ...]) -> tuple[InputWebhook, ...]:
    shown = [shown_address(webhook.url) for webhook in webhooks]
    if len({*shown}) < len(shown):
        raise PydanticCustomError("webhook", "two webhooks have the same URL: send each URL once")
    return webhooks


Webhooks = Annotated[
    tuple[InputWebhook, ...], Field(max_length=MAX_WEBHOOKS, fail_fast=True), AfterValidator(_different)
]
"""The webhooks of a station."""


def shown_webhooks(stored: Sequence[Json] | None) -> list[Json]:
    """Return webhooks without what is secret."""
    return [
        {
            "url": shown_address(webhook["url"]),
            "events": webhook["events"],
            "health": webhook.get("health", True),
            "secret": None,
        }
        for webhook in stored or ()
    ]


def made_secrets(webhooks: Sequence[InputWebhook], stored: Sequence[Json] | None) -> dict[str, str]:
    """Return the secrets that the service has made for ``webhooks`` when they were stored, by shown URL."""
    made = {webhook._made for webhook in webhooks}
    return {shown_address(each["url"]): each["secret"] for each in stored or () if each["secret"] in made}


def receivers(stored: Sequence[Json] | None, event: str, kind: str) -> list[Json]:
    """Return the webhooks that receive an alert about an event of this name and kind.

    Alerts about a silent station or a stuck sensor concern all events: a list of these does not keep them away, but
    ``"health": false`` does.
    """
    if kind in HEALTH:
        return [webhook for webhook in stored or () if webhook.get("health", True)]
    return [webhook for webhook in stored or () if webhook["events"] is None or event in webhook["events"]]


def check_webhooks(webhooks: Sequence[InputWebhook], events: Sequence[str], *, allow_private: bool) -> None:
    """Check webhooks before they are stored; ``events`` are the names of the station's events."""
    for i, webhook in enumerate(webhooks):
        try:
            check_url(webhook.url, allow_private=allow_private)
        except OutboundError as error:
            raise RequestError(f"webhooks[{i}].url: {error}", field=f"webhooks[{i}].url") from None
        _check_events(i, webhook, events)


def _check_events(i: int, webhook: InputWebhook, events: Sequence[str]) -> None:
    field = f"webhooks[{i}].events"
    for name in webhook.events or ():
        if name in events:
            continue
        if name not in HEALTH:
            known = f"; it has {', '.join(map(repr, events))}" if events else "; it has no events"
            raise RequestError(f"{field}: the station has no event {name!r}{known}", field=field)
        if not webhook.health:
            raise RequestError(
                f'{field}: {name!r} is an alert about the health of the station, and "health" is false: leave out one '
                "of them",
                field=field,
            )


def stored_webhooks(webhooks: Sequence[InputWebhook], before: Sequence[Json] | None, now: int) -> list[Json] | None:
    """Return webhooks as they are stored, with what is left out or hidden of those ``before``.

    A secret that was changed remains beside the new one for a day from ``now``, Unix seconds.
    """
    return [_stored(webhook, i, before or (), now) for i, webhook in enumerate(webhooks)] or None


def _stored(webhook: InputWebhook, index: int, before: Sequence[Json], now: int) -> Json:
    known = next((known for known in before if shown_address(known["url"]) == shown_address(webhook.url)), None)
    if known is None and is_shown(webhook.url):
        raise RequestError(
            f"webhooks[{index}].url is partly hidden, and no webhook of the station matches it: send the complete URL",
            field=f"webhooks[{index}].url",
        )
    kept = None if known is None else known["secret"]
    secret = webhook._made if webhook.secret == NEW else webhook.secret or kept or webhook._made
    previous = known.get("previous") if known is not None else None
    if kept is not None and secret != kept:
        previous = {"secret": kept, "until": now + BOTH_VALID}
    return {
        "url": webhook.url if known is None else known["url"],
        "secret": secret,
        "events": None if webhook.events is None else [*webhook.events],
        "health": webhook.health,
        **({"previous": previous} if previous is not None and previous["until"] > now else {}),
    }


TESTS_A_MINUTE: Final = 12
"""Tests of one station by one process, two of them at once."""

TESTS_AT_ONCE: Final = 16
"""Tests of all stations by one process at once. Each may hold as many connections as a station has webhooks."""


class WebhookSender:
    """Sends the alerts that are due. Each attempt is stored before the next one is made.

    If the process dies after an alert has arrived and before that is stored, it is sent again with the same key.
    """

    def __init__(
        self, store: StationStore, outbound: Outbound, notifier: Notifier, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._outbound = outbound
        self._notifier = notifier
        self._clock = clock

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("webhooks", is_delivery_due, self.run)

    async def run(self) -> None:
        """Send all alerts that are due, several at a time."""
        while due := await self._store.read(due_deliveries, self._now(), _READ_AT_ONCE):
            silent: dict[str, str] = {}
            free = asyncio.Semaphore(_AT_ONCE)
            async with asyncio.TaskGroup() as group:
                for each in due:
                    group.create_task(self._deliver(each, silent, free))

    @traced_job("deliver")
    async def _deliver(self, due: DueDelivery, silent: dict[str, str], free: asyncio.Semaphore) -> None:
        """Send an alert and store the outcome; ``silent`` has the hosts that did not respond meanwhile, and errors."""
        async with free:
            delivery = await self._send(due, silent)
            await self._store.write(put_attempt, delivery)
            if delivery.error != _REMOVED:
                state = delivery.state
                self._store.metrics.attempted("failed" if state == "waiting" else state)

    async def _send(self, due: DueDelivery, silent: dict[str, str]) -> Delivery:
        """Return the delivery with its outcome."""
        delivery = due.delivery
        is_hook = delivery.channel == "webhook"
        webhook = next((each for each in due.webhooks or () if each["url"] == delivery.url), None)
        if (webhook is None) if is_hook else (delivery.url not in (due.notify or ())):
            return delivery._replace(next_attempt=None, status=None, error=_REMOVED)
        receiver = httpx.URL(delivery.url).host if is_hook else delivery.url
        if receiver in silent:
            # Each delivery would wait until it times out, and hold up those to others.
            return self._failed(due, delivery.attempts, silent[receiver])
        attempts = delivery.attempts + 1
        if webhook is None:
            status, error = await self._notifier.send(delivery.url, due.content)
        else:
            status, error = await send_signed(self._outbound, webhook, delivery.key, due.content, self._now())
        if error is not None:
            if status is None:
                silent[receiver] = f"{receiver} did not respond to an earlier delivery" if is_hook else error
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


def tested_receivers(
    webhooks: Sequence[Json] | None, notify: Sequence[str] | None, url: str | None
) -> tuple[list[Json], list[str]]:
    """Return the webhook or the address of a station with a URL, as it was sent or is shown; all for None."""

    def is_meant(address: str) -> bool:
        return url is None or shown_address(address) == shown_address(url)

    found = [each for each in webhooks or () if is_meant(each["url"])], [*filter(is_meant, notify or ())]
    if not any(found):
        problem = "has no webhooks" if url is None or not (webhooks or notify) else "has no webhook with this URL"
        raise RequestError(f"the station {problem}: store its settings with the webhook first", field="url")
    return found


async def send_signed(
    outbound: Outbound, webhook: Json, key: str, content: Mapping[str, Any], now: int
) -> tuple[int | None, str | None]:
    """Send ``content`` to a stored webhook, signed with its secrets that are valid ``now``, Unix seconds."""
    body, previous = dumps({"id": key, **content}), webhook.get("previous")
    valid = [webhook["secret"], *([previous["secret"]] if previous and previous["until"] > now else [])]
    try:
        response = await outbound.send(
            "POST", webhook["url"], headers=headers_of(body, key, valid, now), content=body, seconds=SECONDS
        )
    except OutboundError as error:
        return None, str(error)
    status = response.status_code
    if response.is_success:
        return status, None
    if response.is_redirect:
        return status, f"the receiver redirects (status {status}), and redirects are not followed: use the final URL"
    return status, f"the receiver responded with status {status}"


def headers_of(body: bytes, key: str, valid: Sequence[str], now: int) -> dict[str, str]:
    """Return the headers of an attempt to deliver ``body``: its key, its time and a signature by each valid secret."""
    signed = f"{key}.{now}.".encode() + body
    digests = [hmac.digest(_key_in(secret) or secret.encode(), signed, "sha256") for secret in valid]
    return {
        "Content-Type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests),
    }
