"""A request on its way through the gate."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Final, NamedTuple

from starlette.types import Message, Receive, Scope, Send

from service.gate.accounting import RequestAccount
from service.http.security_headers import RawHeaders
from service.telemetry.instruments import OTHER
from service.telemetry.tracing import note_span

Headers = dict[bytes, bytes]
"""Request headers, by name in lower case."""

RENEW_DEADLINE: Final = "renew_deadline"
"""Key in the scope that routes get: a function without arguments that gives the request a new deadline."""

KEY: Final = "key"
"""Key in the scope of a request with an API key: that :class:`~service.gate.keys.Key`."""

_MAX_LENGTH_DIGITS: Final = 19
"""Digits of a Content-Length, without leading zeros. A number with this many is over any limit, whatever follows."""


class WholeAnswer(NamedTuple):
    """All of an answer that may leave piece by piece: it leaves at once, with its length.

    Attributes:
        content: of the answer.
    """

    content: bytes


class StreamedAnswer(NamedTuple):
    """An answer that leaves piece by piece, while the request comes in.

    Attributes:
        headers: that describe it.
        pieces: of it; an empty one says that there is progress, and a whole answer follows no piece that is not empty.
        end_with: returns the last piece of an answer that has begun and cannot be finished, from the problem document.
    """

    headers: RawHeaders
    pieces: AsyncGenerator[bytes | WholeAnswer]
    end_with: Callable[[bytes], bytes]


class Call:
    """One request on its way through the gate.

    Attributes:
        account: what the request takes up.
        deadline: when the request is overdue, in the event loop's time.
        overdue: whether it was cancelled because of that.
        left: whether the client has gone, so that nobody receives the answer.
        parsed: bytes that a small body takes once it is parsed.
        own_headers: sent with the answer, except those that it sets itself.
        route: template of the route that answers, for metrics.
        streamed: the answer that leaves while the request comes in, once it begins.
        streams: whether the request is answered while it comes in.
        status: status that was sent; 0 before that.
    """

    __slots__ = (
        "account",
        "deadline",
        "headers",
        "left",
        "overdue",
        "own_headers",
        "parsed",
        "receive",
        "route",
        "scope",
        "send_on",
        "status",
        "streamed",
        "streams",
        "task",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, account: RequestAccount, deadline: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.scope = scope
        self.headers: Headers = dict(scope["headers"])
        self.receive = receive
        self.account = account
        self.deadline = deadline
        self.task: asyncio.Task[object] = task
        self.overdue = False
        self.left = False
        self.own_headers: RawHeaders = ()
        self.parsed = 0
        self.route = OTHER
        self.status = 0
        self.streamed: StreamedAnswer | None = None
        self.streams = False
        self.send_on = send

    @property
    def stated_length(self) -> int:
        """Content-Length in bytes; 0 if it is missing or not a number."""
        stated = self.headers.get(b"content-length", b"0")
        return int(stated.lstrip(b"0")[:_MAX_LENGTH_DIGITS] or 0) if stated.isdigit() else 0

    @property
    def is_beyond_refusal(self) -> bool:
        """Whether the answer has begun and cannot be replaced. A streamed answer can still get one more piece."""
        return self.status != 0 and not self.streams

    async def send(self, message: Message) -> None:
        """Pass on a message of the answer, with the headers that every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            request_id = (b"x-request-id", self.scope["request_id"].encode())
            given = {name for name, _ in message["headers"]}
            own_headers = [header for header in self.own_headers if header[0] not in given]
            message["headers"] = [*message["headers"], request_id, *own_headers]
        await self.send_on(message)

    async def send_in_span(self, message: Message) -> None:
        """Pass on a message as :meth:`send` does, and note FastAPI's span, whose IDs the request's log lines show."""
        note_span(self.scope)
        await self.send(message)

    async def answer(self, content: bytes, own_headers: RawHeaders) -> None:
        """Send a whole answer with status 200."""
        headers = [*own_headers, (b"content-length", b"%d" % len(content))]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.send_on({"type": "http.response.body", "body": content})

    async def pass_piece(self, piece: bytes, own_headers: RawHeaders, *, last: bool = False) -> None:
        """Send a piece of an answer with status 200; return when the client can take more."""
        if not self.status:
            await self.send({"type": "http.response.start", "status": 200, "headers": [*own_headers]})
        await self.send_on({"type": "http.response.body", "body": piece, "more_body": not last})

    def replay(self, body: bytes) -> Receive:
        """Return a ``receive`` that yields ``body``, which has been read already."""
        messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(messages, None) or await self.receive()

        return receive
