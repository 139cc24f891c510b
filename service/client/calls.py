"""Calls as plans: what to send, when to wait, and how to read the responses, for sync and async clients alike.

A plan is a generator. It yields a :class:`Call` and is sent the outcome, or yields a number of seconds to wait.
"""

import inspect
import logging
import random
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial, wraps
from itertools import count
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, get_args, overload

import httpx

from service.client.bodies import Names
from service.client.errors import no_response, refusal, unexpected_response
from service.client.options import given, in_query, whole

logger = logging.getLogger("service.client")

P = ParamSpec("P")
T = TypeVar("T")

Outcome = httpx.Response | httpx.RequestError
"""The response to a request, or the error that it failed with."""

TEMPORARY_STATUSES: Final = frozenset({429, 502, 503, 504})
TEMPORARY_ERRORS: Final = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
"""A read timeout is not one of them: a retry would give a slow service the same work again."""

FIRST_WAIT_SECONDS: Final = 0.5
"""The wait before the first retry if the response does not ask for one. Each further wait is twice as long."""


@dataclass(frozen=True)
class Call:
    """A request to send; ``once`` if it must not be sent again after a failure."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: str | bytes | None = None
    media_type: str = "application/json"
    accept: str | None = None
    once: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of httpx's ``request``."""
        arguments: dict[str, Any] = {"method": self.method, "url": self.path, "params": self.params}
        if self.body is None:
            return arguments
        accept = {} if self.accept is None else {"Accept": f"{self.accept}, application/problem+json"}
        return arguments | {"content": self.body, "headers": {"Content-Type": self.media_type, **accept}}


Plan = Generator[Call | float, Outcome | None, T]


@dataclass
class Service:
    """The service as plans see it.

    Attributes:
        address: its base URL without a password, for messages.
        retries: the number of retries after the first try.
        max_wait: the longest wait in seconds. There is no retry if the service asks for a longer one.
        max_series: the most series in one request.
        max_bytes: the largest body of one request.
        takes_columns: whether many series may be sent as columns: yes, until the service refuses some.

    Raises:
        TypeError: if a count is not an integer.
        ValueError: if an attribute is out of range.
    """

    address: str
    retries: int
    max_wait: float
    max_series: int
    max_bytes: int
    takes_columns: bool

    def __post_init__(self) -> None:
        for name in ("retries", "max_series", "max_bytes"):
            setattr(self, name, whole(name, getattr(self, name)))
        if self.retries < 0 or not self.max_wait >= 0:
            raise ValueError(f"retries is {self.retries} and max_wait is {self.max_wait}: neither can be negative")
        if self.max_series < 1:
            raise ValueError(f"max_series is {self.max_series}: it must be at least one")
        if self.max_bytes < 1:
            raise ValueError(f"max_bytes is {self.max_bytes}: it must be at least one; use the limit of the service")

    def ask(self, call: Call, read: Callable[[Any], T]) -> Plan[T]:
        """Send a call, and ``read`` the response: its JSON, or its content if the call accepts something else.

        Raises:
            AnswerError: if the response does not have the expected form.
        """
        response = yield from self.send(call)
        try:
            return read(response.json() if call.accept is None else response.content)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError) as error:
            raise unexpected_response(response, self.address + call.path) from error

    def ask_each(
        self, call: Call, requests: Iterable[tuple[Names, str | bytes]], read: Callable[[Names, Any], T]
    ) -> Plan[list[T]]:
        """Send a call with each of several bodies; ``read`` also gets the names of the series in it."""
        parts: list[T] = []
        for names, body in requests:
            part = yield from self.ask(replace(call, body=body), partial(read, names))
            parts.append(part)
        return parts

    def send(self, call: Call) -> Plan[httpx.Response]:
        """Send a call until it succeeds, or no further try is allowed.

        Raises:
            ServiceError: if it does not succeed.
        """
        address = self.address + call.path
        for tries in count(1):
            outcome = yield call
            assert outcome is not None
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return outcome
            retry_after = _retry_after(outcome)
            delay = None if call.once or tries > self.retries else self._delay(tries, outcome, retry_after)
            if delay is not None:
                what = outcome.status_code if isinstance(outcome, httpx.Response) else type(outcome).__name__
                logger.info("%s: %s; retrying in %.1f s", address, what, delay)
                if delay:
                    yield delay
            elif isinstance(outcome, httpx.Response):
                raise refusal(outcome, address, retry_after)
            else:
                raise no_response(outcome, address, tries) from outcome
        raise AssertionError

    def _delay(self, tries: int, outcome: Outcome, retry_after: float | None) -> float | None:
        """Return the seconds to wait before the next try; None if there is to be none."""
        if isinstance(outcome, httpx.Response):
            is_temporary = outcome.status_code in TEMPORARY_STATUSES
        else:
            is_temporary = isinstance(outcome, TEMPORARY_ERRORS)
        if not is_temporary or (retry_after is not None and retry_after > self.max_wait):
            return None
        if retry_after is not None:
            return retry_after
        # Random, so that clients which failed together do not retry together. This needs no cryptography.
        spread = random.uniform(0.5, 1.0)  # noqa: S311
        return min(self.max_wait, FIRST_WAIT_SECONDS * 2.0 ** min(tries - 1, 30)) * spread


def _retry_after(outcome: Outcome) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait (RFC 9110); None without that header."""
    if not isinstance(outcome, httpx.Response):
        return None
    text = outcome.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # The offset "-0000" means UTC, but is parsed as no zone.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


class Caller:
    """The base of clients: something that calls a service."""

    def __init__(self, service: Service, http: httpx.Client | httpx.AsyncClient, sleep: Callable[[float], Any]) -> None:
        self._service, self._http, self._sleep = service, http, sleep

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._service.address!r})"

    def _get(self, path: str, read: Callable[[Any], T], **options: Any) -> Plan[T]:
        """Get what is at a path, with the options that are not None."""
        return self._service.ask(Call("GET", path, in_query(given(**options))), read)

    def _take(self, step: Call | float) -> Any:
        """Take a step of a plan, or begin it: the outcome is that of a request, and None of a wait."""
        return self._http.request(**step.arguments) if isinstance(step, Call) else self._sleep(step)


class SyncCaller(Caller):
    """Carries out plans at once."""

    _http: httpx.Client

    def _run(self, plan: Plan[T]) -> T:
        outcome: Outcome | None = None
        while True:
            try:
                step = plan.send(outcome)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                outcome = self._take(step)
            except httpx.RequestError as error:
                outcome = error


class AsyncCaller(Caller):
    """Carries out plans while others run."""

    _http: httpx.AsyncClient

    async def _run(self, plan: Plan[T]) -> T:
        outcome: Outcome | None = None
        while True:
            try:
                step = plan.send(outcome)
            except StopIteration as stop:
                result: T = stop.value
                return result
            try:
                outcome = await self._take(step)
            except httpx.RequestError as error:
                outcome = error


class Planned(Generic[P, T]):
    """Makes a method of a plan: one that returns the result, or one to be awaited, as its object carries out plans."""

    def __init__(self, plan: Callable[Concatenate[Any, P], Plan[T]]) -> None:
        def returning(caller: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            return caller._run(plan(caller, *args, **kwargs))

        async def awaited(caller: Any, *args: P.args, **kwargs: P.kwargs) -> Any:
            return await caller._run(plan(caller, *args, **kwargs))

        signature = inspect.signature(plan)
        signature = signature.replace(return_annotation=get_args(signature.return_annotation)[-1])
        functions: list[Any] = [wraps(plan)(function) for function in (returning, awaited)]
        for function in functions:
            function.__signature__ = signature
        self._returning, self._awaited = functions

    @overload
    def __get__(self, caller: SyncCaller, owner: type) -> Callable[P, T]: ...

    @overload
    def __get__(self, caller: AsyncCaller, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, caller: None, owner: type) -> Callable[Concatenate[Any, P], Any]: ...

    def __get__(self, caller: Caller | None, owner: type) -> Any:
        """Return the method of an object, or the function of a class."""
        function = self._awaited if issubclass(owner, AsyncCaller) else self._returning
        return function.__get__(caller, owner)
