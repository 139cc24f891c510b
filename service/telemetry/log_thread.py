"""Log lines, written to standard error by a thread of their own.

A log collector may be slow, or stop reading. Then a write blocks, and no request may wait for it.
"""

import logging
import os
import queue
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
        # The listener's thread is a daemon, so it does not keep the process alive while its reader is stuck.
        self._listener = QueueListener(self.queue, _DescriptorHandler(stream.fileno(), self._finish))
        self._listener.start()

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue the formatted ``record``, or drop it if too much waits already. The handler's lock is held."""
        size = len(record.msg)
        if self._waiting + size > MAX_WAITING_CHARACTERS:
            self._dropped += 1
            return
        self._waiting += size
        self.queue.put_nowait(record)

    def _finish(self, record: logging.LogRecord) -> None:
        """Make room after ``record`` was written, and report dropped lines."""
        self.acquire()
        self._waiting -= len(record.msg)
        dropped, self._dropped = self._dropped, 0
        self.release()
        if dropped:
            message = f"{dropped} log lines were dropped: the reader of standard error was too slow"
            self.handle(logging.LogRecord("service", logging.WARNING, __file__, 0, message, None, None))

    def flush(self) -> None:
        """Wait a moment for the lines in the queue to be written."""
        with self.queue.all_tasks_done:
            self.queue.all_tasks_done.wait_for(lambda: not self.queue.unfinished_tasks, _FLUSH_SECONDS)

    def close(self) -> None:
        """Stop the thread after the lines in the queue, without waiting for it: its reader may be stuck."""
        self._listener.enqueue_sentinel()
        super().close()


class _DescriptorHandler(logging.Handler):
    """Writes lines to a file descriptor.

    A stream would be locked at the end of the process, while a write to it waits for its reader.
    """

    def __init__(self, descriptor: int, finish: Callable[[logging.LogRecord], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._finish = finish

    def emit(self, record: logging.LogRecord) -> None:
        rest = memoryview(f"{record.msg}\n".encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            # Nobody reads the log any more, or the disk is full. There is nowhere to report it.
            pass
        self._finish(record)
