"""The deadline of every request, which a response that leaves piece by piece renews."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.engine.serving import Lifecycle
from service.http.problems import ProblemError, error_response, shutting_down
from service.middleware.access import READING

DEADLINE: Final = "deadline"
"""Key in the scope of every request: its :class:`Deadline`."""

STREAMED: Final = "streamed"
"""Key in the scope of every request: the :class:`~service.http.paths.Stream` of its body, None for a whole one."""

STATUS: Final = "response_status"
"""Key in the scope of a request whose response has begun: its status."""

CHECK_SECONDS: Final = 0.25
"""Seconds between checks of all requests. One timer for all of them costs less than one each."""


class Deadline:
    """Ends the work on a request that is overdue, or whose client has left."""

    def __init__(self, deadlines: "Deadlines", scope: Scope, receive: Receive) -> None:
        """Begin the time of a request."""
        task = asyncio.current_task()
        assert task is not None
        self.awaits_client = scope["method"] in READING
        self._deadlines = deadlines
        self._scope = scope
        self._receive = receive
        self._task: asyncio.Task[object] = task
        self._watch: asyncio.Task[None] | None = None
        self._is_overdue = self._has_left = False
        self.at = deadlines.begin(self)

    def renew(self) -> None:
        """Begin the time of the request anew."""
        self.at = self._deadlines.begin(self)

    def end(self) -> None:
        """End the request, answered or not."""
        self._deadlines.running.discard(self)
        if self._watch is not None:
            self._watch.cancel()
            # The task refers to this object; a cycle would wait for the garbage collector.
            self._watch = None

    def check(self, now: float) -> None:
        """Cancel the request if it is overdue, and from the first check on watch whether its client leaves."""
        if self.at <= now and not self._is_overdue:
            self._is_overdue = True
            self._task.cancel()
        # What an administrator asks for goes on without a client.
        elif self.awaits_client and self._watch is None and not self._deadlines.is_for_admins(self._scope["path"]):
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
    """The deadlines of all requests in progress."""

    def __init__(self, seconds: float, lifecycle: Lifecycle, is_for_admins: Callable[[str], bool]) -> None:
        """Give each request ``seconds``; ``lifecycle`` says whether the process is stopping."""
        self.lifecycle, self.is_for_admins = lifecycle, is_for_admins
        self._seconds = seconds
        self.running: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, deadline: Deadline) -> float:
        """Begin the time of a request; return when it is overdue."""
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(CHECK_SECONDS, self._check)
        self.running.add(deadline)
        return loop.time() + self._seconds

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in self.running:
            deadline.check(now)
        self._timer = loop.call_later(CHECK_SECONDS, self._check) if self.running else None

    def overdue(self, *, streams: bool) -> ProblemError:
        """Return the 504 for a request that was not answered in time."""
        seconds = f"{self._seconds:g} seconds"
        detail = f"the request was not answered within {seconds}; send less at once, or try again later"
        if streams:
            detail = f"the connection made no progress for {seconds}; send and read without longer pauses"
        return ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail, headers={"Connection": "close"}, reason="deadline")


class WholeContent(NamedTuple):
    """All of the content of a streamed response: it leaves at once, with its length."""

    content: bytes


class StreamedResponse(Response):
    """A response whose pieces leave as they are made. Each of them gives the request a new deadline."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes | WholeContent] | AsyncGenerator[bytes],
        media_type: str,
        end_with: Callable[[bytes], bytes],
    ) -> None:
        """Build a response."""
        super().__init__(headers={"content-type": media_type})
        # Its length is unknown.
        del self.headers["content-length"]
        self._pieces = pieces
        self._end_with = end_with
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. An error before its first piece is raised; a later one is its last piece."""
        deadline: Deadline = scope[DEADLINE]
        try:
            await self._send_all(deadline, send)
        except asyncio.CancelledError:
            error = deadline.take_error() if self._has_begun else None
            if error is None:
                raise
            await self._abort(error, scope, send)
        except Exception as error:
            if not self._has_begun:
                raise
            await self._abort(error, scope, send)

    async def _send_all(self, deadline: Deadline, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                if isinstance(piece, WholeContent):
                    self.headers["content-length"] = str(len(piece.content))
                    await self._send(piece.content, send, last=True)
                    return
                if piece:
                    await self._send(piece, send)
                deadline.renew()
        await self._send(b"", send, last=True)

    async def _send(self, piece: bytes, send: Send, *, last: bool = False) -> None:
        if not self._has_begun:
            self._has_begun = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": piece, "more_body": not last})

    async def _abort(self, error: Exception, scope: Scope, send: Send) -> None:
        # The server cuts the connection of an unfinished response, so that nobody takes it for a whole one.
        await self._send(self._end_with(bytes(error_response(error, scope).body)), send)
