"""Addresses that alerts are sent to as a sentence, through Apprise: how they are checked and stored, and the sending.

Apprise works in a process of its own, :mod:`~service.plugins.stations.courier`, which has neither settings nor secrets,
ends when its time is over, and connects to public addresses only.
"""

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from forecasting.errors import RequestError
from forecasting.extras import needs_extra
from forecasting.requests import ONE_LINE
from forecasting.wording import listed
from service.plugins.stations.addresses import host_of, is_private_name, is_shown, scheme_of, shown_address
from service.plugins.stations.outbound import MAX_URL, private_refusal
from service.plugins.stations.sentences import alert_sentence, place_of
from service.worker.children import Children

MAX_ADDRESSES: Final = 10
"""Addresses of one station."""

NOTIFY_SECONDS: Final = 20
"""How long one message may take. Mail servers are slow."""

_AT_ONCE: Final = 4
"""Processes at once; each takes 55 MB."""

_PURPOSE: Final = "`notify`"

_REFUSED: Final = {
    "file": "the address names a file of this service, which is not read: leave the file out",
    "program": "the address would run a program of this service: use another kind of address",
}

Json = dict[str, Any]


def _different(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if len({*map(shown_address, addresses)}) < len(addresses):
        raise PydanticCustomError("notify", "two addresses are the same: send each once")
    return addresses


NotifyAddresses = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=MAX_URL, pattern=ONE_LINE)], ...],
    Field(max_length=MAX_ADDRESSES, fail_fast=True),
    AfterValidator(_different),
]
"""The addresses of a station."""


def shown_notify(stored: Sequence[str] | None) -> list[str]:
    """Return addresses without what is secret."""
    return [*map(shown_address, stored or ())]


def stored_notify(addresses: Sequence[str] | None, before: Sequence[str] | None) -> list[str] | None:
    """Return addresses as they are stored; those that are sent as responses show them are those ``before``."""
    known = {shown_address(address): address for address in before or ()}
    stored = []
    for i, address in enumerate(addresses or ()):
        if is_shown(address) and address not in known:
            raise RequestError(
                f"notify[{i}] is partly hidden, and no address of the station matches it: send the complete address",
                field=f"notify[{i}]",
            )
        stored.append(known.get(address, address))
    return stored or None


class Notifier:
    """Sends sentences to addresses. Create one in each process."""

    def __init__(self, schemes: Sequence[str], *, allow_private: bool) -> None:
        """Allow addresses with these schemes, and those on private networks or not."""
        self._schemes = schemes
        self._allow_private = allow_private
        self._children = Children(["-m", "service.plugins.stations.courier"], at_once=_AT_ONCE)

    async def check(self, addresses: Sequence[str]) -> None:
        """Check addresses before they are stored."""
        new = [(i, address) for i, address in enumerate(addresses) if not is_shown(address)]
        for i, address in new:
            if problem := self._problem(address):
                raise RequestError(f"notify[{i}]: {problem}", field=f"notify[{i}]")
        if not addresses:
            return
        _require_apprise()
        answer: Json = {}
        # Without an answer, the first delivery will tell.
        with suppress(TimeoutError):
            answer = await self._ask([address for _, address in new], None) if new else {}
        for (i, address), understood in zip(new, answer.get("understood", ()), strict=False):
            if not understood:
                form = f"this is not a complete {scheme_of(address)}:// address: see https://appriseit.com/services/"
                problem = _REFUSED.get(answer["refused"], form)
                raise RequestError(f"notify[{i}]: {problem}", field=f"notify[{i}]")

    async def send(self, address: str, content: Json) -> tuple[int | None, str | None]:
        """Send what an alert tells as a sentence."""
        if problem := self._problem(address):
            return None, problem
        try:
            _require_apprise()
        except ImportError as error:
            return None, str(error)
        host = host_of(address) or "the receiver"
        message = {"title": f"Alert: {place_of(content)}", "body": alert_sentence(content)}
        try:
            answer = await self._ask([address], message)
        except TimeoutError:
            return None, f"{host} did not take the message within {NOTIFY_SECONDS} seconds"
        if answer.get("sent"):
            return None, None
        return answer.get("status"), self._failure(host, answer)

    def _failure(self, host: str, answer: Json) -> str:
        refused = answer.get("refused")
        if refused == "private":
            return private_refusal(host)
        if refused:
            return _REFUSED[refused]
        if (status := answer.get("status")) is not None:
            return f"the receiver responded with status {status}"
        return f"{host} could not be reached, or did not take the message: check the address and its password"

    def _problem(self, address: str) -> str | None:
        """Return why an address is not used; None if it may be."""
        if scheme_of(address) not in self._schemes:
            allowed = listed([f"{scheme}://" for scheme in self._schemes])
            known = f"addresses here begin with {allowed}" if allowed else "this service allows no addresses"
            return f"{known}: use another address, or ask the operator to set SST_NOTIFY_SCHEMES"
        host = host_of(address)
        # The port of a plain address; an IPv6 address is in brackets.
        name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
        return private_refusal(name) if name and not self._allow_private and is_private_name(name) else None

    async def _ask(self, addresses: Sequence[str], message: Json | None) -> Json:
        """Return what a process responds; nothing if it ends without a response."""
        request = {
            "addresses": addresses,
            "message": message,
            "allow_private": self._allow_private,
            "seconds": NOTIFY_SECONDS,
            "authorities": os.environ.get("SSL_CERT_FILE"),
        }
        async with self._children.lend() as child:
            child.is_reusable = False
            try:
                async with asyncio.timeout(NOTIFY_SECONDS):
                    child.stdin.write(json.dumps(request).encode())
                    child.stdin.write_eof()
                    answer = await child.stdout.read()
            except ConnectionError:
                return {}
        content: Json = json.loads(answer) if answer else {}
        return content


def _require_apprise() -> None:
    """Raise MissingExtraError if Apprise is not installed. This process does not import it."""
    with needs_extra("notify", _PURPOSE):
        if find_spec("apprise") is None:
            raise ModuleNotFoundError(name="apprise")
