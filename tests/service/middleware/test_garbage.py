"""A request leaves nothing to the garbage collector, which stops the event loop while it runs."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import Message

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from tests.service.requests import body

REQUESTS = 30

pytestmark = pytest.mark.anyio


@pytest.fixture
async def app(artifacts: Path) -> AsyncIterator[FastAPI]:
    app = create_app(Settings(artifacts=artifacts, background=False))
    async with app.router.lifespan_context(app):
        yield app


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


@pytest.mark.parametrize(("change", "status"), [({}, 200), ({"horizon": 0}, 422), ({"model": "none"}, 404)])
async def test_a_request_leaves_no_cycles(
    app: FastAPI, nino12: SstSeries, change: dict[str, object], status: int
) -> None:
    content = json.dumps(body(nino12) | change).encode()
    assert await post(app, content) == status
    gc.collect()
    gc.disable()
    try:
        for _ in range(REQUESTS):
            await post(app, content)
        assert gc.collect() < REQUESTS
    finally:
        gc.enable()
