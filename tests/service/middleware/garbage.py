"""Counts the garbage that requests leave, in a process in which nothing else leaves any."""

import asyncio
import gc
import sys
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Message

from service.app import create_app
from service.middleware import deadlines
from service.settings import Settings

REQUESTS = 30


async def post(app: FastAPI, content: bytes) -> int:
    """Send a request as a server does; return the status."""
    statuses: list[int] = []
    arriving = [content]

    async def receive() -> Message:
        if not arriving:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": arriving.pop(), "more_body": False}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/forecast",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return statuses[0]


async def main(artifacts: str, body: str) -> None:
    """Write the status of a request with the body in a file, and how much garbage more of them leave."""
    # Then each request is checked while it runs, as those are that take long.
    deadlines.CHECK_SECONDS = 0  # type: ignore[misc]
    app, content = create_app(Settings(artifacts=Path(artifacts), background=False)), Path(body).read_bytes()
    async with app.router.lifespan_context(app):
        status = await post(app, content)
        gc.collect()
        gc.disable()
        for _ in range(REQUESTS):
            await post(app, content)
        sys.stdout.write(f"{status} {gc.collect()}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
