"""Load from ``wrk``, a generator written in C, which uses little of the cores that it shares with the server."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

INSTALL: Final = "not measured: wrk is not installed (on Debian: apt install wrk)"

_SCRIPT: Final = Path(__file__).with_name("post.lua")


@dataclass(frozen=True)
class Load:
    """Result of a run of wrk: requests per second, and percentiles of latency in milliseconds."""

    rate: float
    p50: float
    p99: float


def is_available() -> bool:
    """Whether ``wrk`` is on the path."""
    return shutil.which("wrk") is not None


def drive(url: str, bodies: Path, connections: int, seconds: int) -> Load:
    """POST the lines of ``bodies`` in turn over a number of connections."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency"]
    command += ["-s", str(_SCRIPT), url, "--", str(bodies)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    result = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("result ")]
    if done.returncode or not result:
        raise RuntimeError(f"wrk failed on {url}:\n{done.stdout}{done.stderr}")
    requests, microseconds, p50, p99, errors = map(int, result[0])
    if errors or not requests or "Non-2xx" in done.stdout:
        raise RuntimeError(f"{errors} of {requests} requests to {url} failed:\n{done.stdout}")
    return Load(requests / microseconds * 1e6, p50 / 1e3, p99 / 1e3)
