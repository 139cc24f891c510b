"""Log lines on their way to standard error, written by a thread of their own.

Whoever reads them may be slow, or stop reading: a write waits for the reader then, and no request may wait with it.
"""

import logging
import os
import threading
from collections import deque
from typing import Final, TextIO

_MOST: Final = 2**22
"""Characters that may wait to be written."""

_LAST_WORDS_SECONDS: Final = 1.0
"""How long the end of a process waits for its lines to be written."""


class LineHandler(logging.Handler):
    """Writes to ``stream``; lines for which there is no room are left out, and how many is said in their place."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._descriptor = stream.fileno()
        self._lines: deque[str] = deque()
        self._size = 0
        """Characters of the lines that are not written yet."""
        self._lost = 0
        self._is_closed = False
        self._changed = threading.Condition()
        # A daemon: one that waits for its reader does not hold up the end of the process.
        self._writer = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._writer.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Have the line of ``record`` written."""
        try:
            line = self.format(record) + "\n"
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if self._size + len(line) > _MOST:
                self._lost += 1
                return
            self._lines.append(line)
            self._size += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._size, _LAST_WORDS_SECONDS)

    def close(self) -> None:
        """End the thread once it has written what waits."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        super().close()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_closed)
                if not self._lines:
                    return
                text = "".join(self._lines)
                self._lines.clear()
            self._write(text)
            with self._changed:
                self._size -= len(text)
                lost, self._lost = self._lost, 0
                self._changed.notify_all()
            if lost:
                said = f"{lost} lines of the log are left out: whoever reads them was too slow"
                self.emit(logging.LogRecord("service", logging.WARNING, __file__, 0, said, None, None))

    def _write(self, text: str) -> None:
        # Not through the stream, which would be locked at the end of the process where this waits for its reader.
        left = memoryview(text.encode(errors="backslashreplace"))
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError:
            # Nobody reads it any more, or the disk is full: there is nowhere to say so.
            return
