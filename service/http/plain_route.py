"""Routes whose endpoints take the request as it is."""

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send


class PlainRoute(APIRoute):
    """A route like Starlette's, with a place in the OpenAPI document: its endpoint gets the request, and nothing else.

    FastAPI would take longer to resolve the dependencies of a small forecast than the forecast takes (``python -m
    benchmarks request_cost``). The endpoint checks its query and its body itself.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response of the endpoint; raise HTTPException (405) for another method."""
        if scope["method"] in (self.methods or ()):
            response = await self.endpoint(Request(scope, receive, send))
            await response(scope, receive, send)
        else:
            await super().handle(scope, receive, send)
