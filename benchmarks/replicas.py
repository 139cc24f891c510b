"""Workers and replicas side by side: the service alone, and behind HAProxy with the configuration that is deployed."""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.support import load
from benchmarks.support.comparison import CONNECTIONS
from benchmarks.support.payloads import mixed_bodies, simple_bodies, write
from benchmarks.support.servers import Program, serving

_BODIES: Final = 500
_ROUNDS: Final = 3
_SECONDS: Final = 4
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
        first_port, second_port = ports[1]
        (port_of_two_workers,) = ports[2]
        urls = {
            "1 worker": f"http://127.0.0.1:{first_port}/forecast",
            "2 workers": f"http://127.0.0.1:{port_of_two_workers}/forecast",
        }
        behind = {
            "1 replica of 1 worker": [first_port],
            "2 replicas of 1 worker": [first_port, second_port],
            "1 replica of 2 workers": [port_of_two_workers],
        }
        urls |= {
            f"HAProxy, {name}": stack.enter_context(serving(haproxy(folder / name, replicas), first)).url
            for name, replicas in behind.items()
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


def haproxy(folder: Path, ports: Sequence[int]) -> Program:
    """Return HAProxy in front of servers on ``ports``, as it is deployed but for addresses and its own metrics."""
    folder.mkdir(exist_ok=True)
    shared, clients = ((_CONFIGURATION / name).read_text(encoding="utf-8") for name in ("haproxy.cfg", "http.cfg"))
    shared = re.sub(r"^    stats socket .*\n", "", shared, flags=re.MULTILINE).partition("frontend metrics")[0]
    servers = "\n".join(f"    server replica{i} 127.0.0.1:{port} check inter 1s" for i, port in enumerate(ports))
    shared = re.sub(r"^    server-template .*$", servers, shared, flags=re.MULTILINE)
    clients = clients.replace("bind :8080", 'bind "127.0.0.1:${PORT}"')
    (folder / "haproxy.cfg").write_text(shared + clients, encoding="utf-8")
    command = ("env", "PORT={port}", "haproxy", "-db", "-f", str(folder / "haproxy.cfg"))
    return Program("HAProxy", command)
