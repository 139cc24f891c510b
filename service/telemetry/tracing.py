"""What FastAPI's tracing leaves open: spans of the parts of a request, the client's span, and the end of exporters.

The parts (waiting in a queue, inference, writing, the database) are children of the request's span, and cost next to
nothing while tracing is off. Tracing is off until there is a tracer provider: FastAPI's, with
``FASTAPI_OTEL_AUTO_CONFIGURE=true``, or one that is set by a program which embeds the application.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import partial, wraps
from importlib.metadata import version
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, ProxyTracerProvider, SpanContext, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

logger = logging.getLogger("service")

QUEUE: Final = "queue"
INFERENCE: Final = "inference"
WRITING: Final = "writing"

Returned = TypeVar("Returned")
Parameters = ParamSpec("Parameters")

Job: TypeAlias = Callable[Parameters, Coroutine[Any, Any, None]]
"""Work in the background."""

_tracer: Final[ContextVar[Tracer | None]] = ContextVar("tracer", default=None)
_NOTHING: Final = nullcontext()

_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"

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


def trace_parts(tracer: Tracer) -> None:
    """Let ``tracer`` record the parts of what the current task and those that it starts do."""
    _tracer.set(tracer)


def part_tracer() -> Tracer | None:
    """Return what records the parts of the current request; None if tracing is off or leaves this request out."""
    tracer = _tracer.get()
    return tracer if tracer is not None and trace.get_current_span().is_recording() else None


def part(name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[object]:
    """Return a context whose work is a part of the current request. An error is left to the span of the request."""
    return _span(part_tracer(), name, attributes)


def traced_job(name: str) -> Callable[[Job[Parameters]], Job[Parameters]]:
    """Return a decorator for work that belongs to no request: each call is a trace of its own."""

    def decorate(work: Job[Parameters]) -> Job[Parameters]:
        @wraps(work)
        async def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            with _span(_tracer.get(), name):
                await work(*args, **kwargs)

        return run

    return decorate


def _span(
    tracer: Tracer | None, name: str, attributes: Mapping[str, str] | None = None
) -> AbstractContextManager[object]:
    if tracer is None:
        return _NOTHING
    return tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )


def in_thread(name: str, function: Callable[..., Returned]) -> Callable[..., Returned]:
    """Return ``function`` for a thread that may have to become free: the wait and the work are two parts."""
    tracer = part_tracer()
    return function if tracer is None else partial(_run, tracer, name, time.time_ns(), function)


def _run(tracer: Tracer, name: str, queued: int, function: Callable[..., Returned], /, *arguments: Any) -> Returned:
    record(tracer, QUEUE, queued, time.time_ns())
    with _span(tracer, name):
        return function(*arguments)


def record(tracer: Tracer, name: str, begin: int, end: int, **attributes: int) -> None:
    """Record a part that is over; ``begin`` and ``end`` are nanoseconds of Unix time."""
    tracer.start_span(name, start_time=begin, attributes=attributes).end(end)


def describe_process(environment: MutableMapping[str, str]) -> None:
    """Set ``service.name`` and ``service.version`` of what exporters send, unless the operator has."""
    stated = environment.get(_RESOURCE, "")
    names = {attribute.partition("=")[0].strip() for attribute in stated.split(",")}
    if "service.name" not in names and not environment.get("OTEL_SERVICE_NAME"):
        environment["OTEL_SERVICE_NAME"] = "sst-forecasting"
    if "service.version" not in names:
        separator = "," if stated.strip() else ""
        environment[_RESOURCE] = f"{stated}{separator}service.version={version('sst-forecasting')}"
