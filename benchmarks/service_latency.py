"""From the start of the service to its first answer, and what a lone request takes after that."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

from service.schemas import EXAMPLE

REQUESTS = 300


def measure() -> Iterator[str]:
    """Two lines: start, and median of a lone POST /forecast."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    begin = time.perf_counter()
    command = [sys.executable, "-m", "service", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "startup complete" in line:
                break
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            client.get("/health/ready").raise_for_status()
            yield f"start to ready: {time.perf_counter() - begin:.1f} s"
            seconds = []
            for _ in range(REQUESTS):
                begin = time.perf_counter()
                client.post("/forecast", json=EXAMPLE).raise_for_status()
                seconds.append(time.perf_counter() - begin)
        yield f"POST /forecast, one series, one at a time: median {statistics.median(seconds) * 1e3:.2f} ms"
    finally:
        process.terminate()
        process.communicate()
