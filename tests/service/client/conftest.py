"""Both clients, as one function that asks."""

import asyncio
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import httpx
import pytest

from service.client import AsyncClient, Client

Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Makes one call with a client of its own: ``ask(url, "forecast", series, horizon=2, client={"retries": 0})``.

    Waits before retries go into ``waits`` in place of being slept.
    """

    def ask_sync(
        url: str, call: str, *args: Any, client: Mapping[str, Any] | None = None, waits: Any = None, **kwargs: Any
    ) -> Any:
        waited: list[float] = [] if waits is None else waits
        with Client(url, sleep=waited.append, **(client or {})) as library:
            return attrgetter(call)(library)(*args, **kwargs)

    def ask_async(
        url: str, call: str, *args: Any, client: Mapping[str, Any] | None = None, waits: Any = None, **kwargs: Any
    ) -> Any:
        async def sleep(seconds: float) -> None:
            if waits is not None:
                waits.append(seconds)

        async def run() -> Any:
            async with AsyncClient(url, sleep=sleep, **(client or {})) as library:
                return await attrgetter(call)(library)(*args, **kwargs)

        return asyncio.run(run())

    return ask_sync if request.param == "sync" else ask_async


@pytest.fixture
def url(client: httpx.Client) -> str:
    """The address of the service."""
    return str(client.base_url)
