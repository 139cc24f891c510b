"""Log lines: one line for each event, as JSON or as text, with the ids of its request.

Clients cannot forge a line: both formats escape control characters.
"""

import json
import logging
import logging.config
import math
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TextIO

from opentelemetry import trace
from opentelemetry.trace import SpanContext
from starlette.types import Scope

from service.settings import Settings
from service.telemetry.metrics import METHODS, OTHER
from service.telemetry.tracing import client_span

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

request_scope: Final[ContextVar[Scope | None]] = ContextVar("request_scope", default=None)
"""The request that the current task serves. Its ids are added to log lines.

Nothing is read from the scope before a line is written. It needs no reset, since each request is a task with its own
context.
"""

CALLER: Final = "caller"
"""The entry of a request's scope with the name of its key; missing if it had none."""

logger = logging.getLogger("service")
access_logger = logging.getLogger("service.access")
audit_logger = logging.getLogger("service.audit")

_RECORD_ATTRIBUTES: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "asctime", "color_message", "message", "taskName"}
)

MAX_WAITING_CHARACTERS: Final = 2**22
"""Characters of log lines that may wait to be written."""

_FLUSH_SECONDS: Final = 1.0
"""How long the end of a process waits for its log lines."""

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
    _log_faults()


def _log_faults() -> None:
    """Log exceptions that nothing handles; Python would print their tracebacks to standard error itself."""
    sys.excepthook = _ended
    threading.excepthook = _thread_ended
    sys.unraisablehook = _ignored


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logger.critical("the process is exiting because of an unexpected error", exc_info=(kind, error, trace))


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or issubclass(ended.exc_type, SystemExit):
        return
    name = "" if ended.thread is None else ended.thread.name
    exception = ended.exc_type, ended.exc_value, ended.exc_traceback
    logger.error("thread %s ended because of an unexpected error", name, exc_info=exception)


def _ignored(ignored: "UnraisableHookArgs") -> None:
    message = ignored.err_msg or "exception ignored in"
    error = ignored.exc_value or ignored.exc_type()
    logger.error("%s %r", message, ignored.object, exc_info=(ignored.exc_type, error, ignored.exc_traceback))


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


class LineHandler(QueueHandler):
    """Writes log lines to ``stream`` from a thread. Lines that there is no room for are dropped and counted.

    A log collector may be slow, or stop reading. Then a write blocks, and no request may wait for it.
    """

    queue: "queue.Queue[logging.LogRecord]"

    def __init__(self, stream: TextIO) -> None:
        super().__init__(queue.Queue())
        self._waiting = 0
        """Characters of the lines that are not written yet."""
        self._dropped = 0
        # Not the handler's own lock: logging holds that one while it waits for flush().
        self._counts = threading.Lock()
        # The listener's thread is a daemon, so it does not keep the process alive while its reader is stuck.
        self._listener = _LineListener(self.queue, stream.fileno(), self._finish)
        self._listener.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the formatted ``record``, or drop it if too much waits already."""
        size = len(record.msg)
        with self._counts:
            if self._waiting + size > MAX_WAITING_CHARACTERS:
                self._dropped += 1
                return
            self._waiting += size
            self.queue.put_nowait(record)

    def _finish(self, record: logging.LogRecord) -> None:
        """Make room after ``record`` was written, and report dropped lines."""
        with self._counts:
            self._waiting -= len(record.msg)
            dropped, self._dropped = self._dropped, 0
        if dropped:
            message = f"{dropped} log lines were dropped: the reader of standard error was too slow"
            warning = logging.LogRecord("service", logging.WARNING, __file__, 0, message, None, None)
            self.enqueue(self.prepare(warning))

    def flush(self) -> None:
        """Wait a moment for the lines in the queue to be written."""
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, _FLUSH_SECONDS)

    def close(self) -> None:
        """Stop the thread after the lines in the queue, without waiting for it: its reader may be stuck."""
        self._listener.enqueue_sentinel()
        super().close()


class _LineListener(QueueListener):
    """Writes lines to a file descriptor.

    Neither a stream nor a handler would do: the end of the process waits for their locks, and so for a write that is
    stuck.
    """

    def __init__(
        self, lines: "queue.Queue[logging.LogRecord]", descriptor: int, finish: Callable[[logging.LogRecord], None]
    ) -> None:
        super().__init__(lines)
        self._descriptor = descriptor
        self._finish = finish

    def handle(self, record: logging.LogRecord) -> None:
        """Write the line of ``record``."""
        rest = memoryview(f"{record.msg}\n".encode(errors="backslashreplace"))
        # An error means that nobody reads the log any more, or the disk is full. There is nowhere to report it.
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self._finish(record)
