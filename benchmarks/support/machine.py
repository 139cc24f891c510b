"""The machine that figures were measured on."""

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("torch", "numpy", "pydantic", "fastapi", "uvicorn", "uvloop", "httptools")


def describe() -> Iterator[str]:
    """Yield lines with the date, processor, versions and threads."""
    yield f"{datetime.now(UTC):%Y-%m-%d}: {_processor()} ({platform.machine()}), {_cores()} cores, {platform.system()}"
    yield f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    yield "torch runs on one thread; each server is one worker"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor unknown"


def _cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
