"""Every error as ``application/problem+json`` (RFC 9457): the one table that speaks HTTP for the core's errors."""

import errno
import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from forecasting.errors import ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError
from service.http.request_model import MAX_UNKNOWN_FIELDS, UnknownFieldsError
from service.telemetry.instruments import Reason

_SUBJECT: Final = re.compile("^(?:Input|Tuple|List|Dictionary|String|Value) should")
"""What pydantic calls a value by its type in Python, which says nothing to someone who sends JSON."""

_NO_NUMBER: Final = ("finite_number", "float_type")
"""What pydantic calls the error of a value that should be a number."""

STATUSES: Final[dict[type[ForecastError], HTTPStatus]] = {
    SeriesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownNameError: HTTPStatus.NOT_FOUND,
    # Not 503, upon which a proxy asks again, of another worker too: the folder has to change first.
    ReleaseError: HTTPStatus.CONFLICT,
}

_PATH_SHOWN: Final = 200
"""Characters of a path that a sentence repeats."""

PROBLEM_JSON: Final = "application/problem+json"
_JSON: Final = "application/json"

logger = logging.getLogger("service")


class Place(BaseModel):
    """Where in a request something is wrong, and what."""

    location: str = Field(examples=["body.series[0].values[3]"])
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 has it."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["series 'pier': 3 values are too few: nino12-gru needs at least 24"])
    request_id: str
    errors: list[Place] | None = Field(default=None, description="each place, for a 422")


class InferenceError(BaseModel):
    """An error as the Open Inference Protocol has it."""

    error: str = Field(examples=["input sst should have the datatype FP32, not 'FP64'"])


class ProblemError(Exception):
    """A refusal of the service's own, by status and sentence."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        places: Sequence[Place] = (),
        headers: Mapping[str, str] | None = None,
        reason: Reason | None = None,
    ) -> None:
        """``reason`` counts it among the requests that were rejected before anyone worked on them."""
        super().__init__(detail)
        self.reason = reason
        self.headers = headers
        self.status = status
        self.detail = detail
        self.places = tuple(places)


_SCARCE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
"""What the system says where open files, memory or room on the disk have run out, which passes."""


def about_to_stop() -> ProblemError:
    """What a process that drains says to whatever is new."""
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the service is about to stop; try again in a second",
        headers={"Retry-After": "1", "Connection": "close"},
        reason="draining",
    )


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, as :func:`error_response` does."""

    async def answer(request: Request, error: Exception) -> Response:
        return error_response(error, request.scope)

    for kind in (ProblemError, ForecastError, RequestValidationError, HTTPException, OSError, Exception):
        app.add_exception_handler(kind, answer)


def error_response(error: Exception, scope: Scope) -> Response:
    """The answer to a request that failed so: a problem document, or under ``/v2`` what that protocol has."""
    match error:
        case ProblemError():
            return _refusal(scope, error.status, error.detail, error.places, error.headers)
        case ForecastError():
            return _forecast_error(error, scope)
        case RequestValidationError():
            return _invalid_request(error, scope)
        case HTTPException():
            return _http_exception(error, scope)
        case OSError() if error.errno in _SCARCE:
            logger.error("request %s could not be answered: %s", scope.get("request_id", ""), error)
            detail = f"the server has no room for this now: {error.strerror}; try again in a while"
            return _refusal(scope, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"})
    logger.error("request %s failed", scope.get("request_id", ""), exc_info=error)
    return _refusal(scope, HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the service; its log has more")


def _refusal(
    scope: Scope,
    status: int,
    detail: str,
    places: Sequence[Place] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """ASCII, so that no text a client sent can fail to be encoded."""
    if is_inference_protocol(scope["path"]):
        malformed = status == HTTPStatus.UNPROCESSABLE_ENTITY
        content = json.dumps({"error": detail})
        return Response(content, HTTPStatus.BAD_REQUEST if malformed else status, dict(headers or {}), _JSON)
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=str(scope.get("request_id", "")),
        errors=list(places) or None,
    )
    content = json.dumps(problem.model_dump(exclude_none=True))
    return Response(content, status, dict(headers or {}), media_type=PROBLEM_JSON)


def is_inference_protocol(path: str) -> bool:
    """Whether a path is the Open Inference Protocol's, whose errors have a form of their own."""
    return path == "/v2" or path.startswith("/v2/")


def _source(scope: Scope, field: str) -> str:
    """Where a request carries ``field``."""
    if field in scope.get("path_params", {}):
        return "path"
    return "query" if scope["method"] == "GET" or field in QueryParams(scope["query_string"]) else "body"


def _forecast_error(error: ForecastError, scope: Scope) -> Response:
    status = next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    places = []
    if isinstance(error, RequestError):
        places = [Place(location=f"{_source(scope, error.field)}.{error.field}", message=str(error))]
    return _refusal(scope, status, str(error), places)


def _http_exception(error: HTTPException, scope: Scope) -> Response:
    detail, headers, path = error.detail, error.headers, scope["path"][:_PATH_SHOWN]
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"there is nothing at {path}; /docs lists what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(scope))
        detail = f"{scope['method']} is not allowed at {path}; {allowed}"
        headers = {**(headers or {}), "Allow": allowed}
    return _refusal(scope, error.status_code, detail, headers=headers)


def _methods(scope: Scope) -> list[str]:
    """Every method that some route answers at this path; HEAD wherever GET is."""

    def answers(method: str) -> bool:
        return any(route.matches({**scope, "method": method})[0] is Match.FULL for route in scope["app"].routes)

    found = [method for method in ("DELETE", "GET", "PATCH", "POST", "PUT") if answers(method)]
    return sorted([*found, "HEAD"] if "GET" in found else found)


def _invalid_request(error: RequestValidationError, scope: Scope) -> Response:
    found = error.errors()
    detail = invalid(found, "the body")
    if found[0]["type"] == "json_invalid":
        return _refusal(scope, HTTPStatus.BAD_REQUEST, detail)
    places = [Place(location=_location(one["loc"]), message=_message(one)) for one in found[:50]]
    return _refusal(scope, HTTPStatus.UNPROCESSABLE_ENTITY, detail, places)


def found_in(content: bytes, error: ValidationError | UnknownFieldsError) -> list[dict[str, Any]]:
    """What pydantic found wrong with JSON, as ``RequestValidationError`` takes it."""
    if isinstance(error, UnknownFieldsError):
        said = f"it has more than {MAX_UNKNOWN_FIELDS} fields that are not known here; see /docs for those there are"
        return [{"type": "unknown_fields", "loc": (), "msg": said}]
    places: list[dict[str, Any]] = [*map(dict, error.errors(include_url=False, include_input=False))]
    encoding = _foreign_encoding(content) if places[0]["type"] == "json_invalid" else None
    if encoding:
        places[0]["ctx"] = {"error": f"it must be UTF-8 without a byte order mark, and begins as {encoding}"}
    return places


def invalid_body(content: bytes, error: ValidationError | UnknownFieldsError) -> RequestValidationError:
    """The error of a request whose body, JSON, pydantic finds wrong."""
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found_in(content, error)])


def _foreign_encoding(content: bytes) -> str | None:
    if content.startswith(b"\xef\xbb\xbf"):
        return "UTF-8 with one"
    # No JSON in UTF-8 has a zero byte.
    return "UTF-16 or UTF-32" if content.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in content[:2] else None


def invalid(found: Sequence[Mapping[str, Any]], what: str) -> str:
    """A sentence of what pydantic found in ``what`` that was sent: the first place, and how many more there are."""
    first = found[0]
    if first["type"] == "json_invalid":
        return f"{what} is not JSON: {first.get('ctx', {}).get('error', first['msg'])}"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{_location(first['loc']) or what}: {_message(first)}{more}"


def _location(loc: Sequence[int | str]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part[:64]}"
    return path.removeprefix(".")


def _message(error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "extra_forbidden":
        return "no such field; see /docs for those there are"
    said = _SUBJECT.sub("it should", str(error["msg"]), count=1).replace(" after validation", "")
    is_value = error["type"] in _NO_NUMBER and "values" in error["loc"][:-1]
    return f"{said}; send null where a value is missing" if is_value else said
