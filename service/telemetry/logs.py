"""Log lines: one line for each event, as JSON or as text, with the ids of its request.

Clients cannot forge a line: both formats escape control characters.
"""

import json
import logging
import logging.config
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanContext
from starlette.types import Scope

from service.settings import Settings
from service.telemetry.faults import log_faults
from service.telemetry.instruments import METHODS, OTHER
from service.telemetry.log_thread import LineHandler
from service.telemetry.tracing import client_span

request_scope: Final[ContextVar[Scope | None]] = ContextVar("request_scope", default=None)
"""The request that the current task serves. Its ids are added to log lines.

Nothing is read from the scope before a line is written. It needs no reset, since each request is a task with its own
context.
"""

CALLER: Final = "caller"
"""The entry of a request's scope with the name of its key; missing if it had none."""

access_logger = logging.getLogger("service.access")
audit_logger = logging.getLogger("service.audit")

_RECORD_ATTRIBUTES: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "asctime", "color_message", "message", "taskName"}
)

# C0, DEL and C1, which terminals obey, and the two other characters that end a line for some readers.
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_ESCAPES_IN_LINES: Final = {code: escape for code, escape in _ESCAPES.items() if chr(code) not in "\n\t"}


class JsonFormatter(logging.Formatter):
    """Writes one ASCII JSON object per line: ``time``, ``level``, ``logger``, ``message``, request ids, extra fields.

    ``exception`` is the traceback as text. Each item that a caller passes as ``extra`` becomes a field.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in {**_request_ids(), **_added(record)}.items() if name not in fields}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


class TextFormatter(logging.Formatter):
    """Writes lines for people: level, message, then ``name=value`` for the request's ids and extra fields.

    The lines of a traceback are indented, so that none of them looks like an event.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``, and the lines of its traceback."""
        fields = {**_request_ids(), **_added(record)}
        added = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{record.levelname + ':':<9} {record.getMessage()}{added}".translate(_ESCAPES)
        if not record.exc_info:
            return line
        traceback = self.formatException(record.exc_info).translate(_ESCAPES_IN_LINES)
        return f"{line}\n    " + traceback.replace("\n", "\n    ")


def _added(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _plain(value) for name, value in vars(record).items() if name not in _RECORD_ATTRIBUTES}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _request_ids() -> dict[str, str]:
    """Return the ids of the current request: its own, and those of the service's span or else of the client's."""
    scope = request_scope.get()
    ids = {} if scope is None or "request_id" not in scope else {"request_id": str(scope["request_id"])}
    span: SpanContext | None = trace.get_current_span().get_span_context()
    if span is None or not span.is_valid:
        span = None if scope is None else client_span(scope)
    if span is None:
        return ids
    return {**ids, "trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}


def log_access(route: str, method: str, status: int, seconds: float) -> None:
    """Log an answered request, with the caller and the ids from :data:`request_scope`.

    This costs more than all metrics together. Call it only if ``SST_ACCESS_LOG`` is on.
    """
    access_logger.info("answered", extra=_answered(route, method, status, seconds))


def log_audit(path: str, route: str, method: str, status: int, seconds: float) -> None:
    """Log a request to change what the service serves or stores for others, answered or refused."""
    audit_logger.info("admin call", extra=_answered(route, method, status, seconds) | {"path": path})


def _answered(route: str, method: str, status: int, seconds: float) -> dict[str, Any]:
    scope = request_scope.get()
    caller = {} if scope is None or CALLER not in scope else {"caller": scope[CALLER]}
    method = method if method in METHODS else OTHER
    return {"method": method, "route": route, "status": status, "ms": round(1_000 * seconds, 3), **caller}


def configure_logs(settings: Settings) -> None:
    """Set up logging as in :func:`log_config`, for Python's own warnings and unhandled exceptions too."""
    logging.config.dictConfig(log_config(settings))
    logging.captureWarnings(capture=True)
    log_faults()


def is_json(log_format: str) -> bool:
    """Return whether log lines are JSON: ``auto`` is text on a terminal and JSON elsewhere."""
    return log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())


@contextmanager
def starting_logs(log_format: str) -> Iterator[None]:
    """Within this context, log what happens before :func:`configure_logs`, such as warnings about the GPU's driver."""
    root = logging.getLogger()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if is_json(log_format) else TextFormatter())
    root.addHandler(handler)
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.removeHandler(handler)


def log_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration for ``logging.config.dictConfig`` and uvicorn; all lines go to standard error.

    uvicorn's access log is off, since :func:`log_access` has the route and the ids.
    """
    formatter = JsonFormatter if is_json(settings.log_format) else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"()": LineHandler, "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": settings.log_level.upper()},
        "loggers": {
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            "uvicorn.access": {"handlers": [], "propagate": False},
        },
    }
