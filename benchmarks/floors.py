"""Servers that do nothing: the upper limit for any service."""

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send


def echo() -> ASGIApp:
    """An ASGI application without a framework that echoes the request body."""
    return _echo


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def no_op() -> FastAPI:
    """A FastAPI application whose endpoint ignores the body and returns a constant."""
    app = FastAPI()

    @app.post("/forecast")
    async def forecast() -> dict[str, bool]:
        return {"ok": True}

    return app
