"""Query parameters: read the known ones and refuse others."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from forecasting.errors import RequestError

Value = TypeVar("Value", str, int)

OPERATOR_PATHS = ("/health/", "/metrics", "/v2/health/")
"""Paths that a draining or full process also answers, because its operators rely on them."""


def read_query(query_string: bytes, known: Iterable[str], repeatable: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return the values of each parameter.

    Args:
        query_string: of the URL.
        known: names of the parameters.
        repeatable: those of them that may have several values.

    Raises:
        RequestValidationError: if a parameter is not ``known``, or has several values and is not ``repeatable``.
    """
    parameters = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    names, several = [*known], {*repeatable}
    problems = {name: _problem(name, len(values), names, several) for name, values in parameters.items()}
    errors = [
        {"type": "query", "loc": ("query", name), "msg": message} for name, message in problems.items() if message
    ]
    if errors:
        raise RequestValidationError(errors)
    return parameters


def _problem(name: str, count: int, known: list[str], repeatable: set[str]) -> str | None:
    if name not in known:
        return f"unknown query parameter; this call takes {', '.join(known) or 'no parameters'}"
    if count > 1 and name not in repeatable:
        return f"given {count} times; send it once"
    return None


async def refuse_unusable(request: Request) -> None:
    """Refuse query parameters that a route does not have or that are repeated, except on operators' paths.

    FastAPI ignores the former, and of the latter takes the last.

    Raises:
        RequestValidationError: if there is such a parameter.
    """
    query, route = request.scope["query_string"], request.scope.get("route")
    if query and isinstance(route, APIRoute) and not request.scope["path"].startswith(OPERATOR_PATHS):
        known = _known(route)
        read_query(query, known, [name for name, is_list in known.items() if is_list])


def _known(route: APIRoute) -> Mapping[str, bool]:
    """Return the names of the parameters of a route, and whether each may be repeated."""
    known: dict[str, bool] = {}
    for parameter in route.dependant.query_params:
        annotation: Any = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            fields = annotation.model_fields.items()
            known |= {field.alias or name: _is_list(field.annotation) for name, field in fields}
        else:
            known[parameter.alias] = _is_list(annotation)
    others = (route.openapi_extra or {}).get("parameters", ())
    return known | {each["name"]: each["schema"].get("type") == "array" for each in others if each["in"] == "query"}


def _is_list(annotation: Any) -> bool:
    """Return whether a type is a list, or may be one."""
    return get_origin(annotation) in (list, tuple) or any(map(_is_list, get_args(annotation)))


def merge_query_and_body(field: str, query: Value | None, body: Value | None) -> Value | None:
    """Return the value of ``field`` from the query or the body; None if neither has it.

    Raises:
        RequestError: if both have it and the values differ.
    """
    if query is None or body is None or query == body:
        return body if query is None else query
    raise RequestError(f"{field} is {query} in the query but {body} in the body: send only one of them", field=field)
