"""Shared by both clients: where the service is, what goes with every request, and how calls are planned."""

import re
from typing import Any, Final

import httpx

from service.client.calls import Call, Calls
from service.client.columns import ColumnSupport
from service.client.parameters import whole
from service.client.retry import RetryPolicy

MAX_SERIES: Final = 1_000
MAX_BYTES: Final = 8 * 2**20
"""Half of the service's default limit."""

_KEY: Final = re.compile(r"[!-~]+")


class Endpoint:
    """The address, headers and limits that a client uses.

    Attributes:
        url: the base URL.
        headers: the headers of every request.
        address: the base URL without a password, for messages.
        calls: the plans of all calls.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        retries: int,
        max_wait: float,
        max_series: int,
        max_bytes: int,
        columns: bool,
    ) -> None:
        url = _parse_url(base_url)
        retries = whole("retries", retries)
        if retries < 0 or not max_wait >= 0:
            raise ValueError(f"retries is {retries} and max_wait is {max_wait}: neither can be negative")
        max_series, max_bytes = whole("max_series", max_series), whole("max_bytes", max_bytes)
        if max_series < 1:
            raise ValueError(f"max_series is {max_series}: it must be at least one")
        if max_bytes < 1:
            raise ValueError(f"max_bytes is {max_bytes}: it must be at least one; use the limit of the service")
        self.url = url
        self.headers = {"Accept": "application/json, application/problem+json"}
        if api_key is not None:
            if not _KEY.fullmatch(api_key):
                raise ValueError("api_key is empty or holds a space or another character that a header cannot carry")
            self.headers["Authorization"] = f"Bearer {api_key}"
        self.address = str(url.copy_with(username=None, password=None)).rstrip("/")
        self.calls = Calls(self.address, RetryPolicy(retries, max_wait), max_series, max_bytes, ColumnSupport(columns))


def _parse_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"invalid base_url {text!r}: expected a URL such as http://127.0.0.1:8000")
    return url


def request_arguments(call: Call) -> dict[str, Any]:
    """Return the arguments of httpx's ``request`` for a call."""
    if call.body is None:
        return {"params": call.params}
    accept = {} if call.accept is None else {"Accept": f"{call.accept}, application/problem+json"}
    return {"params": call.params, "content": call.body, "headers": {"Content-Type": call.media_type, **accept}}
