"""The webhooks of a station: their JSON, and how they are stored and shown."""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from forecasting.errors import RequestError
from forecasting.events.event_schema import MAX_EVENTS, MAX_NAME
from forecasting.requests.model import ONE_LINE, RequestModel
from service.stations.outbound.outbound import MAX_URL, OutboundError, check_url

MAX_WEBHOOKS: Final = 10
"""Webhooks of one station."""

_LEAST_SECRET: Final = 16
_MOST_SECRET: Final = 256

_SHOWN: Final = re.compile(r"(?i:https?)://[^/?#]+/\.\.\.#[0-9a-f]{6}")
"""A URL as answers show it."""

_FINGERPRINT: Final = 6
"""Digits that tell two URLs of one host apart, and too few to find what is hidden by trying."""

Json = dict[str, Any]


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
    """Check webhooks before they are stored.

    Args:
        webhooks: to check.
        events: the names of the station's events.
        allow_private: whether they may be on private networks.

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
        RequestError: if a webhook without a secret, or with a URL as answers show it, is new.
    """
    return [_stored(webhook, i, before or ()) for i, webhook in enumerate(webhooks)] or None


def _stored(webhook: InputWebhook, place: int, before: Sequence[Json]) -> Json:
    known = next((known for known in before if shown_url(known["url"]) == shown_url(webhook.url)), None)
    if known is None and _SHOWN.fullmatch(webhook.url):
        raise RequestError(
            f"webhooks[{place}].url is partly hidden, and no webhook of the station matches it: send the complete URL",
            field=f"webhooks[{place}].url",
        )
    if known is None and webhook.secret is None:
        raise RequestError(
            f"webhooks[{place}].secret is missing, and the station has no webhook with this URL: send a secret of at "
            f"least {_LEAST_SECRET} characters",
            field=f"webhooks[{place}].secret",
        )
    url, secret = (webhook.url, webhook.secret) if known is None else (known["url"], webhook.secret or known["secret"])
    return {"url": url, "secret": secret, "events": None if webhook.events is None else [*webhook.events]}
