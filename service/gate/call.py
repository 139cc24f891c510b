"""A request on its way through the gate."""

import asyncio
from collections.abc import Iterator
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from service.http.security_headers import RawHeaders
from service.telemetry.instruments import OTHER

Headers = dict[bytes, bytes]
"""Of a request, by name in lower case."""

_DIGITS: Final = 19
"""Of a length, without leading zeros: with so many it is over any limit, whatever follows."""


class Call:
    """One request on its way.

    Attributes:
        deadline: when it is overdue, in the event loop's time.
        held: bytes that are counted for it among those that wait.
        left: whether its client has gone, so that nobody hears the answer.
        streams: whether it is answered line by line.
        status: that was sent; 0 before.
    """

    __slots__ = (
        "deadline",
        "headers",
        "held",
        "left",
        "overdue",
        "own_headers",
        "receive",
        "route",
        "scope",
        "send_on",
        "status",
        "streams",
        "task",
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, deadline: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.scope = scope
        self.headers: Headers = dict(scope["headers"])
        self.receive = receive
        self.deadline = deadline
        self.task: asyncio.Task[object] = task
        self.overdue = False
        self.held = 0
        self.left = False
        self.own_headers: RawHeaders = ()
        self.route = OTHER
        self.status = 0
        self.streams = False
        self.send_on = send

    @property
    def stated_length(self) -> int:
        """Bytes of the body as the client states them; 0 where it does not, or is no number."""
        stated = self.headers.get(b"content-length", b"0")
        return int(stated.lstrip(b"0")[:_DIGITS] or 0) if stated.isdigit() else 0

    @property
    def is_beyond_refusal(self) -> bool:
        """Whether nothing can be said any more; to an answer of lines one more can be added."""
        return self.status != 0 and not self.streams

    async def send(self, message: Message) -> None:
        """Pass on what is answered, with what every answer carries."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            request_id = (b"x-request-id", self.scope["request_id"].encode())
            message["headers"] = [*message["headers"], request_id, *self.own_headers]
        await self.send_on(message)

    async def answer(self, content: bytes, own_headers: RawHeaders) -> None:
        """Answer with 200."""
        headers = [*own_headers, (b"content-length", b"%d" % len(content))]
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.send_on({"type": "http.response.body", "body": content})

    async def pass_piece(self, piece: bytes, own_headers: RawHeaders, *, last: bool = False) -> None:
        """Answer with 200 and a piece of the body; returns when the client can take more."""
        if not self.status:
            await self.send({"type": "http.response.start", "status": 200, "headers": [*own_headers]})
        await self.send_on({"type": "http.response.body", "body": piece, "more_body": not last})

    def replay(self, body: bytes) -> Receive:
        """What the application receives in place of the body that was read."""
        messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Message:
            return next(messages, None) or await self.receive()

        return receive
