"""Bodies over the limit are refused while they are read, whether or not they say their length.

FastAPI's own ``max_body_size`` answers in plain text where the length is stated, and clients are promised a problem
document.
"""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import problem_response


class BodyLimitMiddleware:
    """Answers 413 to a body of more than ``limit`` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        detail = f"the body is too large: send at most {self.limit} bytes"
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > self.limit:
            response = problem_response(scope["request_id"], HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            await response(scope, receive, send)
            return
        seen = 0

        async def receive_up_to_limit() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
            return message

        await self.app(scope, receive_up_to_limit, send)
