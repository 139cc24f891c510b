"""Responses that leave piece by piece, while the request comes in."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.http.problems import error_response
from service.middleware.limits import DEADLINE, Deadline


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
        """Build a response.

        Args:
            pieces: its content; an empty piece says that there is progress, and all of the content at once may follow
                only empty pieces.
            media_type: that of the content.
            end_with: returns the last piece of a response that has begun and cannot be finished, from the problem
                document.
        """
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
