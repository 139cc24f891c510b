"""Both clients, as one function that asks."""

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import httpx
import pytest

from service.client import AsyncClient, Client

Ask = Callable[..., Any]

HANG_UP: Final = httpx.RemoteProtocolError("server disconnected without sending a response")


class Script:
    """A service that answers in turn, repeating the last answer, and the requests that it received."""

    def __init__(self, *answers: httpx.Response | httpx.RequestError, url: str = "http://sst.example") -> None:
        self.url = url
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)
        self._answers = answers

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, httpx.RequestError):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have both clients make each call; only the sync one where the test is about what a service responds."""
    if "ask" in metafunc.fixturenames:
        about_responses = not {"url", "seas_url"}.isdisjoint(metafunc.fixturenames)
        metafunc.parametrize("ask", ["sync"] if about_responses else ["sync", "async"], indirect=True)


@pytest.fixture
def ask(request: pytest.FixtureRequest) -> Ask:
    """Makes one call with a client of its own: ``ask(url, "forecast", series, horizon=2, client={"retries": 0})``.

    The service is one at a URL, or a :class:`Script`. Waits before retries go into ``waits`` in place of being slept.
    """

    def ask_once(service: str | Script, call: str, *args: Any, client: Any = None, waits: Any = None, **kw: Any) -> Any:
        options: dict[str, Any] = {"timeout": 600.0, **(client or {})}
        if isinstance(service, Script):
            options["transport"] = service.transport
        address = service if isinstance(service, str) else service.url
        waited: list[float] = [] if waits is None else waits
        if request.param == "sync":
            with Client(address, sleep=waited.append, **options) as library:
                return attrgetter(call)(library)(*args, **kw)

        async def sleep(seconds: float) -> None:
            waited.append(seconds)

        async def run() -> Any:
            async with AsyncClient(address, sleep=sleep, **options) as library:
                return await attrgetter(call)(library)(*args, **kw)

        return asyncio.run(run())

    return ask_once


@pytest.fixture
def url(client: httpx.Client) -> str:
    """The address of the service."""
    return str(client.base_url)
