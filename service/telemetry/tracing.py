"""Spans of requests that do not pass through FastAPI's routing.

FastAPI makes those of all others by itself. Both are off until a tracer provider is there: FastAPI's when
``FASTAPI_OTEL_AUTO_CONFIGURE=true``, or one that a program which embeds the application sets.
"""

import logging
import sys
import threading
import time
from importlib.metadata import version
from typing import Any, Final

from opentelemetry import propagate, trace
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanKind, StatusCode, Tracer, TracerProvider
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.telemetry.instruments import METHODS

logger = logging.getLogger("service")

_LEAST_SECONDS: Final = 2.0
_MOST_SECONDS: Final = 10.0
"""What a collector is given at the end, however much or little time is left to stop."""


def send_the_rest(until: float) -> None:
    """Send what FastAPI's exporters hold yet, by about ``until`` (:func:`time.monotonic`), and close them.

    FastAPI would do so at the end without a limit, and a collector that does not answer would hold up the stop for as
    long as each exporter tries again. Exporters that a program brought with it are left to it.
    """
    # There is no public way to them; where another FastAPI keeps them otherwise, it closes them without a limit.
    owned = getattr(sys.modules.get("fastapi.telemetry._runtime"), "_owned", [])
    exporters = tuple(owned)
    owned.clear()
    # Daemons: one that goes on trying does not hold up the end of the process.
    threads = [threading.Thread(target=_close, args=(one,), daemon=True) for one in exporters]
    for thread in threads:
        thread.start()
    seconds = min(max(until - time.monotonic(), _LEAST_SECONDS), _MOST_SECONDS)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        said = "the collector of OTEL_EXPORTER_OTLP_ENDPOINT does not answer: what was not sent in %.0f seconds is lost"
        logger.warning(said, seconds)


def _close(exporter: Any) -> None:
    try:
        exporter.shutdown()
    except Exception:
        logger.exception("an exporter of OpenTelemetry could not be closed")


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
