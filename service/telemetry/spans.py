"""Spans of the parts of a request's work: waiting in a queue, inference, writing, the database.

They are children of the request's span, and cost next to nothing while tracing is off.
"""

import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar

from opentelemetry import trace
from opentelemetry.trace import Tracer

QUEUE: Final = "queue"
INFERENCE: Final = "inference"
WRITING: Final = "writing"

Returned = TypeVar("Returned")
Parameters = ParamSpec("Parameters")

Job: TypeAlias = Callable[Parameters, Coroutine[Any, Any, None]]
"""Work in the background."""

_tracer: Final[ContextVar[Tracer | None]] = ContextVar("tracer", default=None)
_NOTHING: Final = nullcontext()


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
