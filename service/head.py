"""HEAD is answered as GET without a body; the server leaves the body out."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadMiddleware:
    """Lets routes see GET where a client sent HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)
