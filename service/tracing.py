"""Spans of requests that do not pass through FastAPI's routing.

FastAPI makes those of all others by itself. Both are off until a tracer provider is there: FastAPI's when
``FASTAPI_OTEL_AUTO_CONFIGURE=true``, or one that a program which embeds the application sets.
"""

from importlib.metadata import version
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanKind, StatusCode, Tracer, TracerProvider
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.instruments import METHODS


def request_tracer(provider: TracerProvider | None = None) -> Tracer | None:
    """The tracer that :func:`traced` takes; None where tracing is off.

    Ask from the application's start on, since FastAPI sets up its exporters then. None as ``provider`` is the global
    one.
    """
    provider = provider or trace.get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
        return None
    return provider.get_tracer("sst-forecasting", version("sst-forecasting"))


async def traced(tracer: Tracer, app: ASGIApp, route: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one request by ``app`` within a server span named by ``route``, which continues the client's trace.

    The names of attributes are those that FastAPI's spans have. Not for requests that end in FastAPI: they would have
    two spans.
    """
    carrier: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        carrier.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    method = scope["method"] if scope["method"] in METHODS else "HTTP"
    with tracer.start_as_current_span(
        f"{method} {route}", propagate.extract(carrier), SpanKind.SERVER, attributes=_attributes(scope, route)
    ) as span:

        async def send_with_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_attribute("error.type", str(status))
                    span.set_status(StatusCode.ERROR)
            await send(message)

        await app(scope, receive, send_with_status)


def _attributes(scope: Scope, route: str) -> dict[str, Any]:
    return {
        "http.request.method": scope["method"] if scope["method"] in METHODS else "_OTHER",
        "http.route": route,
        "network.protocol.version": scope["http_version"],
        "url.path": scope["path"],
        "url.scheme": scope["scheme"],
    }
