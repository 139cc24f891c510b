"""Queries: what a call takes in its query, and nothing else."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

OPERATOR_PATHS = ("/health/", "/metrics", "/v2/health/")
"""Answered also by a process that drains or is full: those who watch it need to hear so."""


def read_query(query_string: bytes, known: Iterable[str]) -> dict[str, list[str]]:
    """The values of each parameter.

    Raises:
        RequestValidationError: if there is another than those that are ``known``.
    """
    found = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    names = [*known]
    unknown = [name for name in found if name not in names]
    if unknown:
        there_are = f"those there are: {', '.join(names)}" if names else "this call takes none"
        said = f"no such parameter of the query; {there_are}"
        raise RequestValidationError([{"type": "unknown", "loc": ("query", name), "msg": said} for name in unknown])
    return found


async def refuse_unknown(request: Request) -> None:
    """Refuse parameters that a route does not have, as FastAPI does not; not where the process is watched.

    Raises:
        RequestValidationError: if there is one.
    """
    query, route = request.scope["query_string"], request.scope.get("route")
    if query and isinstance(route, APIRoute) and not request.scope["path"].startswith(OPERATOR_PATHS):
        read_query(query, _known(route))


def _known(route: APIRoute) -> tuple[str, ...]:
    names: list[str] = []
    for one in route.dependant.query_params:
        kind: Any = one.field_info.annotation
        is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
        names += kind.model_fields if is_model else [one.alias]
    others = (route.openapi_extra or {}).get("parameters", ())
    return (*names, *(one["name"] for one in others if one["in"] == "query"))
