"""Every error as ``application/problem+json`` (RFC 9457): the one table that speaks HTTP for the core's errors."""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from forecasting.errors import ForecastError, ReleaseError, RequestError, SeriesError, UnknownNameError

STATUSES: Final[dict[type[ForecastError], HTTPStatus]] = {
    SeriesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownNameError: HTTPStatus.NOT_FOUND,
    ReleaseError: HTTPStatus.SERVICE_UNAVAILABLE,
}

PROBLEM_JSON: Final = "application/problem+json"

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


class ProblemError(Exception):
    """A refusal of the service's own, by status and sentence."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        places: Sequence[Place] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.headers = headers
        self.status = status
        self.detail = detail
        self.places = tuple(places)


def problem_response(
    request_id: str,
    status: int,
    detail: str,
    places: Sequence[Place] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document. ASCII, so that no text a client sent can fail to be encoded."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=request_id,
        errors=list(places) or None,
    )
    content = json.dumps(problem.model_dump(exclude_none=True))
    return Response(content, status, dict(headers or {}), media_type=PROBLEM_JSON)


def install_error_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, as a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(ForecastError, _on_forecast_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_bug)


def _source(request: Request, field: str) -> str:
    """Where a request carries ``field``."""
    if field in request.path_params:
        return "path"
    return "query" if request.method == "GET" or field in request.query_params else "body"


def _request_id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(_request_id(request), error.status, error.detail, error.places, error.headers)


async def _on_forecast_error(request: Request, error: Exception) -> Response:
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), None)
    if status is None:
        return await _on_bug(request, error)
    places = []
    if isinstance(error, RequestError):
        places = [Place(location=f"{_source(request, error.field)}.{error.field}", message=str(error))]
    return problem_response(_request_id(request), status, str(error), places)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail, headers = error.detail, error.headers
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"there is nothing at {request.url.path}; /docs lists what there is"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        detail = f"{request.method} is not allowed at {request.url.path}; {allowed}"
        headers = {**(headers or {}), "Allow": allowed}
    return problem_response(_request_id(request), error.status_code, detail, headers=headers)


def _methods(request: Request) -> list[str]:
    """Every method that some route answers at this path; HEAD wherever GET is."""

    def answers(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    found = [method for method in ("DELETE", "GET", "PATCH", "POST", "PUT") if answers(method)]
    return sorted([*found, "HEAD"] if "GET" in found else found)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        reason = found[0].get("ctx", {}).get("error", found[0]["msg"])
        return problem_response(_request_id(request), HTTPStatus.BAD_REQUEST, f"the body is not JSON: {reason}")
    places = [Place(location=_location(one["loc"]), message=_message(one)) for one in found[:50]]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{places[0].location}: {places[0].message}{more}"
    return problem_response(_request_id(request), HTTPStatus.UNPROCESSABLE_ENTITY, detail, places)


async def _on_bug(request: Request, error: Exception) -> Response:
    logger.error("request %s failed", _request_id(request), exc_info=error)
    return problem_response(
        _request_id(request), HTTPStatus.INTERNAL_SERVER_ERROR, "this is a fault of the service; its log has more"
    )


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
    return str(error["msg"]).replace("Input should", "it should")
