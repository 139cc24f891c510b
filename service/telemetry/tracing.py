"""What FastAPI's tracing leaves open: the tracer of a request's parts, the client's span, and the end of exporters.

Tracing is off until there is a tracer provider: FastAPI's, with ``FASTAPI_OTEL_AUTO_CONFIGURE=true``, or one that is
set by a program which embeds the application.
"""

import logging
import sys
import threading
import time
from importlib.metadata import version
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanContext, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

logger = logging.getLogger("service")

_MIN_FLUSH_SECONDS: Final = 2.0
_MAX_FLUSH_SECONDS: Final = 10.0
"""Bounds of the time that a collector gets at the end of the process."""

_PROPAGATOR: Final = TraceContextTextMapPropagator()


def client_span(scope: Scope) -> SpanContext | None:
    """Return the client's span from the ``traceparent`` header (W3C Trace Context).

    Returns None if the header is missing, invalid, or sent more than once.
    """
    sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
    if len(sent) != 1:
        return None
    context = trace.get_current_span(_PROPAGATOR.extract({"traceparent": sent}, Context())).get_span_context()
    return context if context.is_valid else None


def send_the_rest(until: float) -> None:
    """Send what FastAPI's exporters still hold, by about ``until`` (:func:`time.monotonic`), and close them.

    FastAPI would do so at the end without a limit: a collector that does not answer would delay the stop for as long
    as each exporter retries. Exporters of a program that embeds the application are left to that program.
    """
    # There is no public way to reach them. If another FastAPI stores them elsewhere, it closes them without a limit.
    owned = getattr(sys.modules.get("fastapi.telemetry._runtime"), "_owned", [])
    exporters = tuple(owned)
    owned.clear()
    # As daemons, they do not keep the process alive while they retry.
    threads = [threading.Thread(target=_close, args=(exporter,), daemon=True) for exporter in exporters]
    for thread in threads:
        thread.start()
    seconds = min(max(until - time.monotonic(), _MIN_FLUSH_SECONDS), _MAX_FLUSH_SECONDS)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    if any(thread.is_alive() for thread in threads):
        logger.warning(
            "the collector at OTEL_EXPORTER_OTLP_ENDPOINT does not respond: dropped what could not be sent in %.0f "
            "seconds",
            seconds,
        )


def _close(exporter: Any) -> None:
    try:
        exporter.shutdown()
    except Exception:
        logger.exception("cannot close an OpenTelemetry exporter")


def request_tracer(provider: TracerProvider | None = None) -> Tracer | None:
    """Return the tracer for the parts of requests; None if tracing is off.

    Call it when the application starts or later: FastAPI sets up its exporters then. The default ``provider`` is the
    global one.
    """
    provider = provider or trace.get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
        return None
    return provider.get_tracer("sst-forecasting", version("sst-forecasting"))
