"""A clock that a test sets, as Unix seconds in a file. Python imports this module when a process starts."""

import mmap
import os
import struct
import time
from pathlib import Path

_read_real, _maps = time.time, dict[str, mmap.mmap]()


def _read() -> float:
    path = os.environ.get("TEST_CLOCK")
    if path is None:
        return _read_real()
    if path not in _maps:
        with Path(path).open("rb") as file:
            _maps[path] = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    seconds: float = struct.unpack("d", _maps[path][:8])[0]
    return seconds


time.time = _read
