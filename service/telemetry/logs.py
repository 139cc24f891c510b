"""Log lines: one line an event, as JSON or as text, with the request that it belongs to.

What a client sends cannot forge a line: control characters are escaped in both formats.
"""

import json
import logging
import logging.config
import math
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry import trace
from starlette.types import Scope

from service.settings import Settings
from service.telemetry.instruments import METHODS, OTHER
from service.telemetry.log_thread import LineHandler
from service.telemetry.trace_context import trace_context

request_scope: Final[ContextVar[Scope | None]] = ContextVar("request_scope", default=None)
"""The request that this task serves: set it once a request, and its log lines carry its ids.

Nothing is read from it before a line is written. It needs no reset, since each request is a task with a context of its
own.
"""

access_logger = logging.getLogger("service.access")

_OWN: Final = frozenset({*vars(logging.makeLogRecord({})), "asctime", "color_message", "message", "taskName"})

# C0, DEL and C1, which terminals obey, and the two other characters that end a line for some readers.
_ESCAPES: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
_ESCAPES_IN_LINES: Final = {code: escape for code, escape in _ESCAPES.items() if chr(code) not in "\n\t"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line, ASCII: ``time``, ``level``, ``logger``, ``message``, the request's ids, what was added.

    ``exception`` is the traceback as text. Whatever a caller gives as ``extra`` is a field of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
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
    """For people: level, message, then ``name=value`` for the request's ids and what was added.

    Lines of a traceback are set in, so that none of them can pass for an event.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``, and those of its traceback."""
        fields = {**_request_ids(), **_added(record)}
        added = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{record.levelname + ':':<9} {record.getMessage()}{added}".translate(_ESCAPES)
        if not record.exc_info:
            return line
        traceback = self.formatException(record.exc_info).translate(_ESCAPES_IN_LINES)
        return f"{line}\n    " + traceback.replace("\n", "\n    ")


def _added(record: logging.LogRecord) -> dict[str, Any]:
    return {name: _plain(value) for name, value in vars(record).items() if name not in _OWN}


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _request_ids() -> dict[str, str]:
    """Ids of the request that is served here, as far as there are any.

    The span is the service's own where tracing is on, else the client's.
    """
    scope = request_scope.get()
    ids = {} if scope is None or "request_id" not in scope else {"request_id": str(scope["request_id"])}
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        return {**ids, "trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}
    sent = None if scope is None else trace_context(scope)
    return ids if sent is None else {**ids, "trace_id": sent.trace_id, "span_id": sent.span_id}


def log_access(route: str, method: str, status: int, seconds: float) -> None:
    """Log a request that has been answered; the rest comes from :data:`request_scope`.

    Costs more than all that the metrics record: call it only where ``SST_ACCESS_LOG`` asks for it.
    """
    method = method if method in METHODS else OTHER
    ms = round(1_000 * seconds, 3)
    extra = {"method": method, "route": route, "status": status, "ms": ms}
    access_logger.info("answered", extra=extra)


def configure_logs(settings: Settings) -> None:
    """Have log lines written as :func:`log_config` says, Python's own warnings among them."""
    logging.config.dictConfig(log_config(settings))
    logging.captureWarnings(capture=True)


def log_config(settings: Settings) -> dict[str, Any]:
    """What ``logging.config.dictConfig`` and uvicorn take; everything, uvicorn's own lines included, goes to stderr.

    ``auto`` is text on a terminal and JSON elsewhere. uvicorn's access log is left out: :func:`log_access` has the
    route and the ids.
    """
    json_lines = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    formatter = JsonFormatter if json_lines else TextFormatter
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
