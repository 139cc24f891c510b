"""Servers that do nothing: the upper limit for any service."""

import pyarrow as pa
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.forecast.schemas import ForecastRequest


def echo() -> ASGIApp:
    """An ASGI application without a framework that echoes the request body."""
    return _echo


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    await _answer(send, await _read(receive))


def columns() -> ASGIApp:
    """An ASGI application that reads an Arrow stream into arrays, and answers with as many bytes as its query says."""
    return _columns


async def _columns(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    for column in pa.ipc.open_stream(await _read(receive)).read_all().columns:
        column.to_numpy()
    await _answer(send, bytes(int(scope["query_string"] or 0)))


async def _read(receive: Receive) -> bytes:
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


async def _answer(send: Send, content: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


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


def validating() -> FastAPI:
    """A FastAPI application whose endpoint validates the body as the service does, and returns a constant."""
    app = FastAPI()

    @app.post("/forecast")
    async def forecast(request: ForecastRequest) -> dict[str, bool]:
        return {"ok": bool(request.series)}

    return app
