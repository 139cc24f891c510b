"""Compression of responses with gzip."""

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from service.http.media import weighed


class Compression(GZipMiddleware):
    """Compresses responses of 4 KiB or more for clients that accept gzip.

    The inference protocol compresses its own, because one of its clients asks for gzip everywhere but decompresses
    inferences only. The gate's own responses, such as forecasts for many series, do not pass here.
    """

    def __init__(self, app: ASGIApp) -> None:
        # Higher levels save little, and take up to ten times as long.
        super().__init__(app, minimum_size=4_096, compresslevel=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "http" and not scope["path"].startswith("/v2"):
            accepted = Headers(scope=scope).get("accept-encoding", "").lower()
            if any(name == "gzip" and weight > 0 for name, weight in map(weighed, accepted.split(","))):
                await super().__call__(scope, receive, send)
                return
        await self.app(scope, receive, send)
