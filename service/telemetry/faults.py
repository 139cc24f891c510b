"""Exceptions that nothing handles, as log lines: Python would print their tracebacks to standard error itself."""

import logging
import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

logger = logging.getLogger("service")


def log_faults() -> None:
    """Log exceptions that end the process or a thread, and those that Python can only ignore."""
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
