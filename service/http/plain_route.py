"""Routes whose endpoints take the request as it is."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class PlainRoute(APIRoute):
    """A route like Starlette's, with a place in the OpenAPI document: its endpoint gets the request, and nothing else.

    FastAPI would take twice as long to resolve the dependencies of a small forecast as the forecast takes (``python -m
    benchmarks costs``). The endpoint checks its query and its body itself.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint."""
        return self.endpoint
