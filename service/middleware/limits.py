"""The deadline of every request, and whom it counts for until its key is known."""

import asyncio
import ipaddress
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from starlette.types import Message, Receive, Scope

from service.engine.lifecycle import Lifecycle
from service.http.problems import ProblemError, shutting_down
from service.middleware.access import READING, REPOSITORY

DEADLINE: Final = "deadline"
"""Key in the scope of every request: its :class:`Deadline`."""

STREAMED: Final = "streamed"
"""Key in the scope of every request: the media type of a body that its route reads piece by piece, else None."""

STATUS: Final = "response_status"
"""Key in the scope of a request whose response has begun: its status."""

_CHECK_SECONDS: Final = 0.25
"""Seconds between checks of all requests. One timer for all of them costs less than one each."""

_IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that identify a caller, who may choose the others."""


class Deadline:
    """Ends the work on a request that is overdue, or whose client has left.

    Attributes:
        at: when the request is overdue, in the event loop's time.
        awaits_client: whether the body has arrived, so that only the end of the connection can.
    """

    def __init__(self, deadlines: "Deadlines", scope: Scope, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.at = 0.0
        self.awaits_client = scope["method"] in READING
        self._deadlines = deadlines
        self._scope = scope
        self._receive = receive
        self._task: asyncio.Task[object] = task
        self._watch: asyncio.Task[None] | None = None
        self._is_overdue = self._has_left = False

    def renew(self) -> None:
        """Begin the time of the request anew."""
        self._deadlines.end(self)
        self._deadlines.begin(self)

    def end(self) -> None:
        """End the request, answered or not."""
        self._deadlines.end(self)
        if self._watch is not None:
            self._watch.cancel()

    def check(self, now: float) -> None:
        """Cancel the request if it is overdue, and from the first check on watch whether its client leaves."""
        if self.at <= now and not self._is_overdue:
            self._is_overdue = True
            self._task.cancel()
        # Loading and unloading models goes on without a client.
        elif self.awaits_client and self._watch is None and not self._scope["path"].startswith(REPOSITORY):
            self._watch = asyncio.create_task(self._watch_client())

    async def _watch_client(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if STATUS not in self._scope and not self._is_overdue:
            self._has_left = True
            self._task.cancel()

    async def receive(self) -> Message:
        """Receive from the client, and note when the whole body has arrived."""
        message = await self._receive()
        if not message.get("more_body"):
            self.awaits_client = True
        return message

    def take_error(self) -> ProblemError | None:
        """Return why the request was cancelled, and end its cancellation; None if it was not cancelled here."""
        if self._has_left:
            error = ProblemError(HTTPStatus.BAD_REQUEST, "the client disconnected before the response was sent")
        elif self._is_overdue:
            error = self._deadlines.overdue(streams=self._scope[STREAMED] is not None)
        elif self._deadlines.lifecycle.draining:
            error = shutting_down()
        else:
            return None
        self._task.uncancel()
        return error


class Deadlines:
    """The deadlines of all requests in progress, the earliest first."""

    def __init__(self, seconds: float, lifecycle: Lifecycle) -> None:
        """Give each request ``seconds``; ``lifecycle`` says whether the process is stopping."""
        self.lifecycle = lifecycle
        self._seconds = seconds
        self._deadlines: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: Deadline) -> None:
        """Begin the time of a request."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(_CHECK_SECONDS, self._check)
        deadline.at = loop.time() + self._seconds
        self._deadlines[deadline] = None

    def end(self, deadline: Deadline) -> None:
        """Forget a request."""
        self._deadlines.pop(deadline, None)

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in self._deadlines:
            deadline.check(now)
        self._timer = loop.call_later(_CHECK_SECONDS, self._check) if self._deadlines else None

    def overdue(self, *, streams: bool) -> ProblemError:
        """Return the 504 for a request that was not answered in time."""
        seconds = f"{self._seconds:g} seconds"
        detail = f"the request was not answered within {seconds}; send less at once, or try again later"
        if streams:
            detail = f"the connection made no progress for {seconds}; send and read without longer pauses"
        return ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail, headers={"Connection": "close"}, reason="deadline")


def caller_of(scope: Scope) -> str:
    """Return who a request counts for as long as its key is unknown: its address, or its /64 network of IPv6."""
    client = scope.get("client")
    return _network_of(client[0]) if client else ""


@lru_cache(maxsize=4_096)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))
