"""Limits of a process that reads or runs what a user has sent."""

import contextlib
from pathlib import Path


def limit_memory(size: int) -> None:
    """Limit the memory of this process to ``size`` bytes, and let the kernel end it first if the machine runs out."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
