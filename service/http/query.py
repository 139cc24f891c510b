"""Query parameters: read the known ones and refuse others."""

from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from forecasting.errors import RequestError

Value = TypeVar("Value", str, int)

OPERATOR_PATHS = ("/health/", "/metrics", "/v2/health/")
"""Paths that a draining or full process also answers, because its operators rely on them."""


def read_query(query_string: bytes, known: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of each parameter.

    Raises:
        RequestValidationError: if a parameter is not ``known``.
    """
    parameters = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    names = [*known]
    unknown = [name for name in parameters if name not in names]
    if unknown:
        message = f"unknown query parameter; this call takes {', '.join(names) or 'no parameters'}"
        raise RequestValidationError([{"type": "unknown", "loc": ("query", name), "msg": message} for name in unknown])
    return parameters


async def refuse_unknown(request: Request) -> None:
    """Refuse query parameters that a route does not have, except on operators' paths. FastAPI ignores them.

    Raises:
        RequestValidationError: if there is such a parameter.
    """
    query, route = request.scope["query_string"], request.scope.get("route")
    if query and isinstance(route, APIRoute) and not request.scope["path"].startswith(OPERATOR_PATHS):
        read_query(query, _known(route))


def _known(route: APIRoute) -> tuple[str, ...]:
    names: list[str] = []
    for parameter in route.dependant.query_params:
        annotation: Any = parameter.field_info.annotation
        is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        names += annotation.model_fields if is_model else [parameter.alias]
    others = (route.openapi_extra or {}).get("parameters", ())
    return (*names, *(parameter["name"] for parameter in others if parameter["in"] == "query"))


def merge_query_and_body(field: str, query: Value | None, body: Value | None) -> Value | None:
    """Return the value of ``field`` from the query or the body; None if neither has it.

    Raises:
        RequestError: if both have it and the values differ.
    """
    if query is None or body is None or query == body:
        return body if query is None else query
    raise RequestError(f"{field} is {query} in the query but {body} in the body: send only one of them", field=field)
