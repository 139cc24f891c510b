"""Log lines, written to standard error by a thread of their own.

A log collector may be slow, or stop reading. Then a write blocks, and no request may wait for it.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable
from logging.handlers import QueueHandler, QueueListener
from typing import Final, TextIO

MAX_WAITING_CHARACTERS: Final = 2**22
"""Characters of log lines that may wait to be written."""

_FLUSH_SECONDS: Final = 1.0
"""How long the end of a process waits for its log lines."""


class LineHandler(QueueHandler):
    """Writes log lines to ``stream`` from a thread. Lines that there is no room for are dropped and counted."""

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
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # Nobody reads the log any more, or the disk is full. There is nowhere to report it.
            pass
        self._finish(record)
