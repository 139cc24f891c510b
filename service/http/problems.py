"""Every error as a problem document (RFC 9457): what is wrong where, and the HTTP status of the core's errors."""

import errno
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from forecasting import requests
from forecasting.errors import ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.requests import MAX_UNKNOWN_FIELDS, UnknownFieldsError, location_of, message_of
from service.http.paths import Paths, paths_of
from service.telemetry.metrics import Reason

MAX_CHOICES: Final = 100
"""Limit of answers, such as the stations of a file."""


class Choice(BaseModel):
    """A possible answer to a question that a file leaves open."""

    option: str = Field(description="The parameter to set.", examples=["dates"])
    value: str = Field(description="The value to set it to.", examples=["dmy"])
    label: str = Field(description="What the value means.", examples=["1 June 2010"])


def choices_of(error: SeriesError | None) -> list[Choice]:
    """Return the possible answers to what an error asks; none for None."""
    settings = () if error is None else error.choices[:MAX_CHOICES]
    return [Choice(option=setting.option, value=setting.text, label=setting.label) for setting in settings]


_KNOWN_FIELDS: Final = "see /docs for the known ones"

_MAX_PLACES: Final = 50


class Place(BaseModel):
    """A place in a request where something is wrong."""

    location: str = Field(examples=["body.series[0].values[3]"])
    message: str


def errors_of(content: bytes, error: ValidationError | UnknownFieldsError) -> list[dict[str, Any]]:
    """Return what pydantic found wrong with JSON ``content``, in the form that ``RequestValidationError`` takes."""
    if isinstance(error, UnknownFieldsError):
        message = f"more than {MAX_UNKNOWN_FIELDS} unknown fields; {_KNOWN_FIELDS}"
        return [{"type": "unknown_fields", "loc": (), "msg": message}]
    errors: list[dict[str, Any]] = [*map(dict, error.errors(include_url=False, include_input=False))]
    encoding = _foreign_encoding(content) if errors[0]["type"] == "json_invalid" else None
    if encoding:
        errors[0]["ctx"] = {"error": f"expected UTF-8 without a byte order mark, but it looks like {encoding}"}
    return errors


def invalid_body(content: bytes, error: ValidationError | UnknownFieldsError) -> RequestValidationError:
    """Return the error for a request whose JSON body is invalid."""
    return RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in errors_of(content, error)])


def first_error(errors: Sequence[Mapping[str, Any]], subject: str) -> str:
    """Return a sentence for the first of pydantic's errors, and how many more there are."""
    return requests.first_error(errors, subject, _KNOWN_FIELDS)


def places_of(errors: Sequence[Mapping[str, Any]]) -> list[Place]:
    """Return the places of pydantic's errors, the first fifty of them."""
    return [
        Place(location=location_of(error), message=message_of(error, _KNOWN_FIELDS)) for error in errors[:_MAX_PLACES]
    ]


def _foreign_encoding(content: bytes) -> str | None:
    if content.startswith(b"\xef\xbb\xbf"):
        return "UTF-8 with one"
    # JSON in UTF-8 has no zero bytes.
    return "UTF-16 or UTF-32" if content.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in content[:2] else None


STATUSES: Final[dict[type[ForecastError], HTTPStatus]] = {
    SeriesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownNameError: HTTPStatus.NOT_FOUND,
    # Not 503, after which a proxy would try another worker: the folder has to change first.
    ReleaseError: HTTPStatus.CONFLICT,
}

_TITLES: Final = {413: "Request Entity Too Large", 422: "Unprocessable Entity"}
"""Titles that Python 3.13 changed. A client may compare them, so they do not depend on the version of Python."""

_MAX_PATH_LENGTH: Final = 200
"""Characters of a path that a message repeats."""

REFUSAL: Final = "refusal"
"""Key in the scope of a request that was refused without being processed: the reason, for the metrics."""

PROBLEM_JSON: Final = "application/problem+json"

logger = logging.getLogger("service")


def title_of(status: int) -> str:
    """Return the title of an error status, the same on every version of Python."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


class Problem(BaseModel):
    """An error, in the form of RFC 9457."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["series 'pier': 3 values are too few: nino12-gru needs at least 24"])
    request_id: str
    errors: list[Place] | None = Field(default=None, description="For a 422, each place where something is wrong.")
    choices: list[Choice] | None = Field(
        default=None,
        description="The possible answers to a question that a file leaves open. Send the file again with one of them.",
    )


class ProblemError(Exception):
    """The service refuses a request, with this status and message."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        places: Sequence[Place] = (),
        headers: Mapping[str, str] | None = None,
        reason: Reason | None = None,
        choices: Sequence[Choice] = (),
    ) -> None:
        """With a ``reason``, the metrics count it among the requests that were rejected without being processed."""
        super().__init__(detail)
        self.reason = reason
        self.headers = headers
        self.status = status
        self.detail = detail
        self.places = tuple(places)
        self.choices = tuple(choices)


_EXHAUSTION_ERRORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
"""What the system reports when it runs out of open files, memory or disk space, which is temporary."""


def shutting_down() -> ProblemError:
    """Return the refusal of a new request by a process that is shutting down."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the service is shutting down; try again in a second",
        headers={"Retry-After": "1", "Connection": "close"},
        reason="draining",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error with :func:`error_response`, including the framework's own."""

    async def answer(request: Request, error: Exception) -> Response:
        return error_response(error, request.scope)

    for kind in (ProblemError, ForecastError, RequestValidationError, HTTPException, OSError):
        app.add_exception_handler(kind, answer)


def error_response(error: Exception, scope: Scope) -> Response:
    """Return the response for an error: a problem document, or the form of the Open Inference Protocol on its paths."""
    match error:
        case ProblemError():
            if error.reason:
                scope[REFUSAL] = error.reason
            return _refusal(scope, error.status, error.detail, error.places, error.headers, error.choices)
        case ForecastError():
            return _forecast_error(error, scope)
        case RequestValidationError():
            return _invalid_request(error, scope)
        case HTTPException():
            return _http_exception(error, scope)
        case OSError() if error.errno in _EXHAUSTION_ERRORS:
            logger.error("request %s failed: %s", scope.get("request_id", ""), error)
            return _exhausted(scope, error.strerror or str(error))
        case MemoryError():
            logger.error("request %s failed: out of memory", scope.get("request_id", ""))
            return _exhausted(scope, "memory")
        case RuntimeError() if str(error) == "can't start new thread":
            logger.error("request %s failed: %s", scope.get("request_id", ""), error)
            return _exhausted(scope, "threads")
    logger.error("request %s failed", scope.get("request_id", ""), exc_info=error)
    return _refusal(
        scope, HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; look for the request ID in the service's log"
    )


def _exhausted(scope: Scope, resource: str) -> Response:
    detail = f"the server is out of resources: {resource}; try again later"
    return _refusal(scope, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"})


def _refusal(
    scope: Scope,
    status: int,
    detail: str,
    places: Sequence[Place] = (),
    headers: Mapping[str, str] | None = None,
    choices: Sequence[Choice] = (),
) -> Response:
    """Return the response in ASCII, in which any text from a client can be encoded."""
    if (protocol := paths_of(scope).protocol(scope["path"])) is not None:
        return protocol.refusal(status, detail, headers or {})
    problem = Problem(
        title=title_of(status),
        status=status,
        detail=detail,
        request_id=str(scope.get("request_id", "")),
        errors=list(places) or None,
        choices=list(choices) or None,
    )
    content = json.dumps(problem.model_dump(exclude_none=True))
    return Response(content, status, dict(headers or {}), media_type=PROBLEM_JSON)


def error_model(path: str, paths: Paths) -> type[BaseModel]:
    """Return the form of errors of a path."""
    protocol = paths.protocol(path)
    return Problem if protocol is None else protocol.error


def _source(scope: Scope, field: str) -> str:
    """Return the part of a request that carries ``field``."""
    if field in scope.get("path_params", {}):
        return "path"
    name = field.partition("[")[0]
    return "query" if scope["method"] == "GET" or name in QueryParams(scope["query_string"]) else "body"


def _forecast_error(error: ForecastError, scope: Scope) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    places = []
    if isinstance(error, RequestError):
        places = [Place(location=f"{_source(scope, error.field)}.{error.field}", message=str(error))]
    return _refusal(scope, status, str(error), places)


def _http_exception(error: HTTPException, scope: Scope) -> Response:
    detail, headers, path = error.detail, error.headers, scope["path"][:_MAX_PATH_LENGTH]
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"no such path: {path}; see /docs for the API"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(scope))
        detail = f"{scope['method']} is not allowed at {path}; allowed: {allowed}"
        headers = {**(headers or {}), "Allow": allowed}
    return _refusal(scope, error.status_code, detail, headers=headers)


def _methods(scope: Scope) -> list[str]:
    """Return every method that a route answers at this path; HEAD wherever GET is."""
    routes = scope["app"].routes
    methods = [
        name for name in ("DELETE", "GET", "PATCH", "POST", "PUT") if _matches(routes, {**scope, "method": name})
    ]
    return sorted([*methods, "HEAD"] if "GET" in methods else methods)


def has_route(routes: Iterable[BaseRoute], path: str, method: str) -> bool:
    """Return whether one of ``routes`` answers ``method`` at ``path``."""
    return _matches(routes, {"type": "http", "path": path, "method": method})


def _matches(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in routes)


def _invalid_request(error: RequestValidationError, scope: Scope) -> Response:
    errors = error.errors()
    detail = first_error(errors, "the body")
    if errors[0]["type"] == "json_invalid":
        return _refusal(scope, HTTPStatus.BAD_REQUEST, detail)
    return _refusal(scope, HTTPStatus.UNPROCESSABLE_ENTITY, detail, places_of(errors))
