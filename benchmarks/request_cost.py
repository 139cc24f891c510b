"""What a small request costs between the bytes that come in and those that go out, without a socket."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from functools import partial
from http import HTTPStatus
from itertools import cycle
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.payloads import mixed_bodies, simple_bodies
from service.app import create_app
from service.gate.gate import Gate
from service.server.hot_path import HotPath
from service.server.process import KEEP_ALIVE_SECONDS
from service.server.protocol import Protocol
from service.settings import Settings

BODIES = 500
CONNECTIONS = (1, 8, 32)
ROUNDS = 7
REQUESTS = 3_000
"""A round."""


def measure() -> Iterator[str]:
    """A table, a row a kind of request: microseconds of processor time a request."""
    yield f"µs of processor time a request, with {' / '.join(map(str, CONNECTIONS))} of them at once; best of {ROUNDS}:"
    yield "| requests | from bytes to bytes |"
    yield "|---|---:|"
    for name, bodies in (("alike in form", simple_bodies(BODIES)), ("mixed", mixed_bodies(BODIES))):
        yield f"| {name} | {' / '.join(f'{cost:.1f}' for cost in uvloop.run(_costs(bodies)))} |"


async def _costs(bodies: Sequence[bytes]) -> list[float]:
    gate = create_app(Settings())
    async with gate.app.router.lifespan_context(gate.app):
        return [await _cost(gate, bodies, connections) for connections in CONNECTIONS]


async def _cost(gate: Gate, bodies: Sequence[bytes], connections: int) -> float:
    wires = _connect(gate, connections)
    requests = cycle([_request(body) for body in bodies])
    await _ask(wires, requests, REQUESTS)
    costs = []
    for _ in range(ROUNDS):
        begin = time.thread_time()
        asked = await _ask(wires, requests, REQUESTS)
        costs.append((time.thread_time() - begin) / asked * 1e6)
    for wire in wires:
        wire.protocol.connection_lost(None)
    return min(costs)


async def _ask(wires: "Sequence[_Wire]", requests: Iterator[bytes], n: int) -> int:
    """At least ``n`` requests, one on each wire at a time; how many they were.

    Raises:
        RuntimeError: if one is not answered with 200.
    """
    asked = 0
    while asked < n:
        for wire in wires:
            wire.protocol.data_received(next(requests))
        asked += len(wires)
        while not all(wire.answer for wire in wires):
            await asyncio.sleep(0)
        for wire in wires:
            if not wire.answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"an answer is not {HTTPStatus.OK}: {wire.answer[:500]!r}")
            wire.answer = b""
    return asked


def _request(body: bytes) -> bytes:
    head = b"POST /forecast HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _connect(gate: Gate, n: int) -> "list[_Wire]":
    config = uvicorn.Config(gate, server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS)
    config.load()
    make = partial(Protocol, HotPath(gate), config=config, server_state=ServerState(), app_state={})
    return [_Wire(make()) for _ in range(n)]


class _Wire(asyncio.Transport):
    """A connection that keeps what is written to it."""

    def __init__(self, protocol: Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.protocol = protocol
        self.answer = b""
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.answer += data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """There is nothing to close."""
