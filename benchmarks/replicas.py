"""Workers and replicas side by side: the service alone, and behind HAProxy with the configuration that is deployed."""

import http.client
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import load
from benchmarks.comparison import CONNECTIONS
from benchmarks.payloads import mixed_bodies, simple_bodies, write
from benchmarks.servers import Program, serving

_BODIES: Final = 500
_ROUNDS: Final = 3
_SECONDS: Final = 4
_START_SECONDS: Final = 30.0
_CONFIGURATION: Final = Path(__file__).parents[1] / "deploy" / "haproxy"
_INSTALL: Final = "not measured: HAProxy is not installed (on Debian: apt install haproxy)"


def measure() -> Iterator[str]:
    """Yield a table with a row for each number of workers and replicas."""
    yield f"POST /forecast, one series per request, {CONNECTIONS} connections, all on the same cores:"
    if not load.is_available():
        yield load.INSTALL
        return
    if shutil.which("haproxy") is None:
        yield _INSTALL
        return
    bodies, first = mixed_bodies(_BODIES), simple_bodies(1)[0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = write(folder / "bodies", bodies)
        ports = {
            workers: [stack.enter_context(serving(_service(workers), first)).port for _ in range(replicas)]
            for workers, replicas in ((1, 2), (2, 1))
        }
        one, two = ports[1]
        (double,) = ports[2]
        urls = {
            "1 worker": f"http://127.0.0.1:{one}/forecast",
            "2 workers": f"http://127.0.0.1:{double}/forecast",
            "HAProxy, 1 replica of 1 worker": stack.enter_context(_balanced(folder / "a", [one])),
            "HAProxy, 2 replicas of 1 worker": stack.enter_context(_balanced(folder / "b", [one, two])),
            "HAProxy, 1 replica of 2 workers": stack.enter_context(_balanced(folder / "c", [double])),
        }
        yield from _table(urls, file)


def _service(workers: int) -> Program:
    settings = ("SST_RATE_LIMIT=0", f"SST_WORKERS={workers}")
    return Program("the service", ("env", *settings, sys.executable, "-m", "service", "--port", "{port}"))


def _table(urls: dict[str, str], bodies: Path) -> Iterator[str]:
    runs: dict[str, list[load.Load]] = {name: [] for name in urls}
    for _ in range(_ROUNDS):
        for name, url in urls.items():
            runs[name].append(load.drive(url, bodies, CONNECTIONS, _SECONDS))
    first = runs[next(iter(urls))]
    yield "| | requests/s | of 1 worker | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|---:|"
    for name, of_name in runs.items():
        ratio = median(run.rate / alone.rate for run, alone in zip(of_name, first, strict=True))
        p50, p99 = median(run.p50 for run in of_name), median(run.p99 for run in of_name)
        yield f"| {name} | {median(run.rate for run in of_name):.0f} | {ratio:.2f} | {p50:.1f} | {p99:.1f} |"
    yield f"{_SECONDS} s each; medians of {_ROUNDS} rounds, ratios within a round. wrk and HAProxy use the same cores."


@contextmanager
def _balanced(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run HAProxy in front of servers on ``ports``, wait until it reaches one, and yield the URL of forecasts.

    Raises:
        RuntimeError: if it does not start.
    """
    folder.mkdir()
    port, statistics = _free_ports(2)
    shared = (_CONFIGURATION / "haproxy.cfg").read_text(encoding="utf-8")
    shared = re.sub(r"^    stats socket .*\n", "", shared, flags=re.MULTILINE)
    servers = "\n".join(f"    server replica{i} 127.0.0.1:{at} check inter 1s" for i, at in enumerate(ports))
    shared = re.sub(r"^    server-template .*$", servers, shared, flags=re.MULTILINE)
    shared = shared.replace("bind :8405", f"bind 127.0.0.1:{statistics}")
    clients = (_CONFIGURATION / "http.cfg").read_text(encoding="utf-8").replace("bind :8080", f"bind 127.0.0.1:{port}")
    (folder / "haproxy.cfg").write_text(shared, encoding="utf-8")
    (folder / "http.cfg").write_text(clients, encoding="utf-8")
    command = ["haproxy", "-db", "-f", str(folder / "haproxy.cfg"), "-f", str(folder / "http.cfg")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(port, process, folder / "log")
            yield f"http://127.0.0.1:{port}/forecast"
        finally:
            process.terminate()
            process.wait()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"HAProxy does not respond:\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
