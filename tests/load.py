"""Concurrent clients that call a server until they are stopped."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

CLIENTS = 8


class Load:
    """Concurrent clients, each making one call after another, and the results of all calls."""

    def __init__(self, url: str, request: dict[str, Any]) -> None:
        self.url = url
        self.request = request
        self.answers: list[httpx.Response] = []
        self.failures: list[httpx.TransportError] = []
        self.enough = asyncio.Event()
        self._changed = asyncio.Condition()

    async def call(self) -> None:
        """Make calls until ``enough`` is set or the server cannot be reached."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            while not self.enough.is_set():
                try:
                    self.answers.append(await client.post("/forecast", json=self.request))
                except httpx.TransportError as error:
                    self.failures.append(error)
                    if isinstance(error, httpx.ConnectError):
                        self.enough.set()
                async with self._changed:
                    self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds, checking it after each call."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), timeout=600)

    async def more(self, n: int) -> None:
        """Wait for ``n`` more answers."""
        goal = len(self.answers) + n
        await self.until(lambda: len(self.answers) >= goal)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(answer.status_code for answer in self.answers)


@asynccontextmanager
async def load(url: str, request: dict[str, Any]) -> AsyncIterator[Load]:
    """Run the clients; they have stopped when the block ends."""
    calls = Load(url, request)
    async with asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(calls.call())
        yield calls
        calls.enough.set()
