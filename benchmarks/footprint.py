"""Time from the start of the service to its first forecast, and the memory of a worker after load."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.support import load
from benchmarks.support.comparison import CONNECTIONS
from benchmarks.support.payloads import general, large_body, mixed_bodies, write
from benchmarks.support.servers import SERVICE, Server, serving

_STARTS: Final = 3
_BODIES: Final = 500
_SECONDS: Final = 5


def measure() -> Iterator[str]:
    """Yield two lines: seconds from start to first response, and resident MiB."""
    bodies = mixed_bodies(_BODIES)
    seconds = []
    for last in [False] * (_STARTS - 1) + [True]:
        begin = time.perf_counter()
        with serving(SERVICE, bodies[0]) as server:
            seconds.append(time.perf_counter() - begin)
            if last:
                requests = _exercise(server, bodies)
                memory = _memory(server)
    yield f"start to the first forecast: {median(seconds):.1f} s (median of {_STARTS})"
    yield f"memory of one worker, after {requests}: {memory}"


def _exercise(server: Server, bodies: list[bytes]) -> str:
    """Send requests; returns a description of them."""
    for body in bodies:
        server.post(body)
    for _ in range(10):
        server.post(large_body(general(1_000)))
    requests = f"{len(bodies)} single and 10 requests of 1000 series"
    if not load.is_available():
        return requests
    with tempfile.TemporaryDirectory() as folder:
        load.drive(server.url, write(Path(folder) / "bodies", bodies), CONNECTIONS, _SECONDS)
    return f"{requests}, and {_SECONDS} s of {CONNECTIONS} connections"


def _memory(server: Server) -> str:
    if not Path("/proc").exists():
        return "not measured: there is no /proc here"
    resident, anonymous = server.memory()
    return f"{resident:.0f} MiB resident, {anonymous:.0f} MiB of it anonymous"
