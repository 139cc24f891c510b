"""Cost of a small request from the incoming bytes to the outgoing ones, without a socket, beside a FastAPI no-op."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from itertools import cycle
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from opentelemetry.trace import TracerProvider
from uvicorn.server import ServerState

from benchmarks.support.floors import validating
from benchmarks.support.payloads import mixed_bodies, simple_bodies
from service.app import create_app
from service.server import KEEP_ALIVE_SECONDS
from service.settings import Settings

BODIES = 500
CONNECTIONS = (1, 8, 32)
ROUNDS = 7
REQUESTS = 3_000
"""Requests in a round."""


def measure() -> Iterator[str]:
    """Yield a table with a row for each kind of request: microseconds of processor time per request."""
    yield f"µs of processor time per request, with {' / '.join(map(str, CONNECTIONS))} at a time; best of {ROUNDS}:"
    yield "| requests | from bytes to bytes |"
    yield "|---|---:|"
    simple, mixed = simple_bodies(BODIES), mixed_bodies(BODIES)
    for name, build, bodies in (
        ("uniform, FastAPI no-op that validates them", validating, simple),
        ("uniform", lambda: create_app(Settings()), simple),
        ("mixed", lambda: create_app(Settings()), mixed),
    ):
        yield f"| {name} | {' / '.join(f'{cost:.1f}' for cost in uvloop.run(_costs(build(), bodies)))} |"


async def _costs(app: FastAPI, bodies: Sequence[bytes]) -> list[float]:
    async with app.router.lifespan_context(app):
        return [await _cost(app, bodies, connections) for connections in CONNECTIONS]


async def traced_costs(bodies: Sequence[bytes], provider: TracerProvider | None) -> list[float]:
    """Return the same costs with traces by ``provider``, those of all threads of the process together."""
    app = create_app(Settings(), telemetry=None if provider is None else {"tracer_provider": provider})
    async with app.router.lifespan_context(app):
        return [await _cost(app, bodies, connections, time.process_time) for connections in CONNECTIONS]


async def _cost(
    app: FastAPI, bodies: Sequence[bytes], connections: int, clock: Callable[[], float] = time.thread_time
) -> float:
    wires = _connect(app, connections)
    requests = cycle([_request(body) for body in bodies])
    await _send(wires, requests, REQUESTS)
    costs = []
    for _ in range(ROUNDS):
        begin = clock()
        sent = await _send(wires, requests, REQUESTS)
        costs.append((clock() - begin) / sent * 1e6)
    for wire in wires:
        wire.protocol.connection_lost(None)
    return min(costs)


async def _send(wires: "Sequence[_Wire]", requests: Iterator[bytes], n: int) -> int:
    """Send at least ``n`` requests, one at a time on each connection; returns their number."""
    sent = 0
    while sent < n:
        for wire in wires:
            wire.protocol.data_received(next(requests))
        sent += len(wires)
        while not all(wire.protocol.cycle.response_complete for wire in wires):
            await asyncio.sleep(0)
        for wire in wires:
            if not wire.response.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"a response is not {HTTPStatus.OK}: {wire.response[:500]!r}")
            wire.response = b""
    return sent


def _request(body: bytes) -> bytes:
    head = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _connect(app: FastAPI, n: int) -> "list[_Wire]":
    config = uvicorn.Config(app, server_header=False, access_log=False, timeout_keep_alive=KEEP_ALIVE_SECONDS)
    config.load()
    make: Any = config.http_protocol_class
    return [_Wire(make(config=config, server_state=ServerState(), app_state={})) for _ in range(n)]


class _Wire(asyncio.Transport):
    """A connection that stores what is written to it."""

    def __init__(self, protocol: Any) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.protocol = protocol
        self.response = b""
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.response += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing."""

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""
