"""What the routes of stations share: their dependencies and parameters, and the store's errors as problems."""

import re
from asyncio import Semaphore
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from fastapi import Depends, FastAPI, Path, Query, Request
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from forecasting.errors import RequestError, SeriesError
from forecasting.series.times import DAY, seconds_of
from service.api.dependencies import app_state
from service.api.openapi import links
from service.http.problems import ProblemError, error_response
from service.middleware.access import KEY, Access, Guard, RateLimiter
from service.middleware.keys import ANONYMOUS, Key, Role
from service.plugins.stations.background import Background
from service.plugins.stations.notify import Notifier
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL, StationStore, StoreError
from service.plugins.stations.store.pulse import WriteProof
from service.plugins.stations.store.stations import Caller, Limits
from service.settings import Settings

GUARD: Final = Guard(("/stations", "/observations"), Role.STATION, "writing stations and their readings needs")


async def _caller(request: Request) -> Caller:
    key: Key | None = request.scope.get(KEY)
    access: Access = request.app.state.access
    settings: Settings = request.app.state.settings
    if key is None or key is ANONYMOUS:
        return Caller(None, may_write=access.anyone_writes, may_all=access.anyone_writes)
    is_limited = key.role is Role.STATION
    return Caller(
        key.name,
        may_write=access.refusal(GUARD, key) is None,
        may_all=key.role is Role.ADMIN,
        limits=Limits(settings.stations_per_key, settings.sources_per_key) if is_limited else None,
    )


StationStoreDep = Annotated[StationStore, app_state("station_store")]
WriteProofDep = Annotated[WriteProof, app_state("write_proof")]
BackgroundDep = Annotated[Background, app_state("background")]
CallerDep = Annotated[Caller, Depends(_caller)]
AccessDep = Annotated[Access, app_state("access")]
NotifierDep = Annotated[Notifier, app_state("notifier")]
OutboundDep = Annotated[Outbound, app_state("outbound")]
WebhookTestsDep = Annotated[RateLimiter, app_state("webhook_tests")]
WebhookTestsAtOnceDep = Annotated[Semaphore, app_state("webhook_tests_at_once")]

STATION_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def _checked_id(text: str) -> str:
    if not re.fullmatch(STATION_ID, text):
        raise PydanticCustomError(
            "station_id",
            "an ID has up to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or a digit",
        )
    return text


StationName = Annotated[
    str, AfterValidator(_checked_id), WithJsonSchema({"type": "string", "pattern": STATION_ID, "examples": ["pier"]})
]
"""The ID of a station in a body."""

StationId = Annotated[StationName, Path(description="The ID of the station.")]
"""The ID of a station in a path."""


_READ: Final = (
    "getStation",
    "sendReadings",
    "getObservations",
    "getStationForecast",
    "listStationForecasts",
    "verifyStation",
    "getStationCard",
    "listStationAlerts",
)
STATION_LINKS: Final = links(*_READ, "putStation", "testWebhooks", "deleteStation", id="$request.path.id") | links(
    "listAudit", station="$request.path.id"
)
"""What clients call next with the settings of a station, for OpenAPI."""


def reading_links(time: str) -> dict[str, Any]:
    """Return what clients call next with the time of a reading of a station, for OpenAPI."""
    return links("correctReading", "takeBackReading", id="$request.path.id", time=time)


def stored_links(time: str) -> dict[str, Any]:
    """Return what clients call next when readings were stored, with the time of one of them, for OpenAPI."""
    return links(*_READ, id="$request.path.id") | reading_links(time)


def page_links(operation: str, **parameters: str) -> dict[str, Any]:
    """Return the link from a page to the next one, for OpenAPI."""
    return links(operation, **parameters, after="$response.body#/next")


PAGE: Final = 100
"""Entries of a page by default."""

MAX_PAGE: Final = 1_000

_CURSOR: Final = r"^-?[0-9]{1,18}\.[0-9]{1,18}$"


def _checked_cursor(text: str) -> str:
    if text and not re.fullmatch(_CURSOR, text):
        raise PydanticCustomError("cursor", "send the `next` of the previous page, or leave it out")
    return text


PageSize = Annotated[int, Query(ge=1, le=MAX_PAGE, description="The most entries to return.")]
After = Annotated[
    str,
    Query(description="The `next` of the previous page."),
    AfterValidator(_checked_cursor),
    WithJsonSchema({"type": "string", "pattern": f"^$|{_CURSOR}"}),
]


Entry = TypeVar("Entry")


class Cursor(NamedTuple):
    """The last entry of a page: its time in Unix seconds, and its number among those of this time."""

    time: int
    number: int

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """Return what :meth:`__str__` has written; None for an empty text."""
        if not text:
            return None
        time, _, number = text.partition(".")
        return cls(int(time), int(number))

    def __str__(self) -> str:
        """Return the text that clients send back."""
        return f"{self.time}.{self.number}"


def cut_page(
    entries: Sequence[Entry], limit: int, cursor: Callable[[Entry], Cursor]
) -> tuple[Sequence[Entry], str | None]:
    """Return the first ``limit`` of ``entries``, and the ``next`` of their page: None if there are no more."""
    page = entries[:limit]
    return page, str(cursor(page[-1])) if len(entries) > limit else None


TimeQuery = Annotated[str | None, Query(max_length=64)]
"""A time in a query: ISO 8601, read by :class:`Period`."""

_DATE: Final = "YYYY-MM-DD"


class Period(NamedTuple):
    """The period that a call asks for: its earliest and latest time in Unix seconds."""

    begin: int = BEFORE_ALL
    end: int = AFTER_ALL

    @classmethod
    def read(cls, begin: str | None, end: str | None) -> "Period":
        """Parse the times of a query. A day as ``end`` is part of the period."""
        first, last = _time(begin, "from", BEFORE_ALL), _time(end, "to", AFTER_ALL)
        if end is not None and len(end) == len(_DATE):
            last += DAY - 1
        if first > last:
            raise RequestError(f"from {begin} is after to {end}: swap them", field="from")
        return cls(first, last)


def _time(text: str | None, name: str, default: int) -> int:
    try:
        return default if text is None else seconds_of(text)
    except SeriesError as error:
        raise RequestError(f"{name}: {error}", field=name) from None


def install_store_errors(app: FastAPI) -> None:
    """Answer the store's errors with problem documents."""

    async def refuse(request: Request, error: Any) -> Response:
        headers = {"Retry-After": "10"} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return error_response(ProblemError(error.status, str(error), headers=headers), request.scope)

    app.add_exception_handler(StoreError, refuse)
