"""Limits of a process that reads or runs what a user has sent."""

import contextlib
import os
import time
from pathlib import Path
from typing import BinaryIO


def limit_memory(size: int) -> None:
    """Limit the memory of this process to ``size`` bytes, and let the kernel end it first if the machine runs out."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def limit_time(seconds: int) -> None:
    """Have a signal end this process after so much more computing time, without a core dump."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + seconds, hard))


def take_output() -> BinaryIO:
    """Return the standard output of this process, and send to standard error what libraries print."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out
