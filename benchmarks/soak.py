"""``python -m benchmarks.soak``: does the memory of a service stay constant under mixed load and reloads?

Clients forecast with every model and many sizes, request every page, send invalid requests, and disconnect before the
response, while two releases alternate as the current one. After a warm-up, the resident memory of the process is
sampled. The exit status is 1 if the mean of the last third of the samples is more than 2 % above that of the first
third, or if any response was unexpected. Linux only, since it reads ``/proc``.
"""

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from forecasting.readers import read_csv
from forecasting.releases.release import point_current
from service.api.forecast.schemas import EXAMPLE
from service.api.series_request import EXAMPLE_VALUES
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.run import Destination, train

DATASET: Final = "nino12"
LIMIT_PERCENT: Final = 2.0
CLIENTS: Final = 4
SAMPLE_SECONDS: Final = 2.0
RELOAD_SECONDS: Final = 5.0
_INFER: Final = "/v2/models/nino12-lstm/infer"
_PAGES: Final = {
    "": ["forecast", "models", "models/gru", "metrics", "health/ready", "openapi.json", "docs"],
    "compare": ["", "?format=csv&horizon=6", "?format=markdown", "/predictions", "/plot"],
    "v2/models/": ["stats", "gru", "gru/config"],
}
"""Pages to request, by the start of their path."""
WARM_UP_SHARE: Final = 0.2
"""Share of the time before the first sample, while caches and the allocator's arenas fill."""


@dataclass(frozen=True)
class Call:
    """A request, and the expected status of its response."""

    status: int
    method: str
    path: str
    content: bytes | None = None


@dataclass
class Load:
    """The calls made so far, and the responses to them."""

    url: str
    statuses: Counter[int] = field(default_factory=Counter)
    versions: set[str] = field(default_factory=set)
    left: int = 0
    max_stall_seconds: float = 0.0
    unexpected: list[str] = field(default_factory=list)

    async def client(self, calls: Sequence[Call], first: int) -> None:
        """Repeat the calls one after another, starting at ``first``, with a new connection for each round."""
        while True:
            async with httpx.AsyncClient(base_url=self.url, timeout=60) as client:
                for call in (*calls[first:], *calls[:first]):
                    await self._make(client, call)

    async def _make(self, client: httpx.AsyncClient, call: Call) -> None:
        headers = {"Content-Type": "application/json"} if call.content is not None else {}
        try:
            response = await client.request(call.method, call.path, content=call.content, headers=headers)
        except httpx.TransportError as error:
            self.unexpected.append(f"{call.method} {call.path}: {type(error).__name__}")
            return
        self.statuses[response.status_code] += 1
        if response.status_code != call.status:
            self.unexpected.append(f"{call.method} {call.path}: {response.status_code} {response.text[:200]}")
        elif call.path == "/forecast" and call.method == "GET":
            self.versions.add(response.json()["version"])

    async def disconnect(self) -> None:
        """Repeatedly connect, send part or all of a request, and disconnect without reading."""
        address = httpx.URL(self.url)
        body = json.dumps(EXAMPLE | {"dataset": "nino12", "series": _series(40)}).encode()
        head = b"POST /forecast HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(body)
        for cut in itertools.cycle((0, 10, len(body) // 2, len(body))):
            _, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(head + body[:cut])
            await writer.drain()
            writer.close()
            self.left += 1
            before = time.monotonic()
            await asyncio.sleep(0.02)
            self.max_stall_seconds = max(self.max_stall_seconds, time.monotonic() - before)


def _series(n: int) -> list[dict[str, object]]:
    values = [list(EXAMPLE_VALUES) for _ in range(n)]
    return [{"id": f"station {i}", "start": "2009-01-01", "values": series} for i, series in enumerate(values)]


def _tensors(n: int) -> bytes:
    """The body of an inference request with ``n`` windows."""
    inputs = [
        {"name": "sst", "datatype": "FP32", "shape": [n, 24], "data": [24.0] * 24 * n},
        {"name": "valid_time", "datatype": "FP64", "shape": [n], "data": [0.0] * n},
    ]
    return json.dumps({"inputs": inputs}).encode()


def _forecast(status: int = 200, n: int = 1, **fields: object) -> Call:
    return Call(
        status, "POST", "/forecast", json.dumps(EXAMPLE | {"dataset": "nino12", "series": _series(n)} | fields).encode()
    )


def _calls() -> list[Call]:
    """The calls that each client repeats: valid requests, pages and invalid requests in turn."""
    sizes = ((1, 1), (1, 12), (5, 3), (40, 1), (200, 2))
    models = ("best", "rnn", "lstm", "gru", "all")
    valid = [_forecast(n=n, model=model, horizon=horizon) for n, horizon in sizes for model in models]
    valid += [_forecast(n=1_000, levels=[]), _forecast(units="kelvin", thresholds=[300.0, 310.5])]
    valid += [Call(200, "POST", _INFER, _tensors(n)) for n in (1, 30, 500)]
    invalid = [
        _forecast(404, model="cnn"),
        _forecast(422, horizon=10_000),
        _forecast(422, colour="blue"),
        _forecast(200, series=[{"values": [1e6] * 30, "start": "2009-01-01"}, {"values": [24.0], "start": "soon"}]),
        Call(422, "POST", "/forecast", b'{"series": [{"start": "2009-01-01", "values": [NaN]}]}'),
        Call(400, "POST", "/forecast", b"[" * 100_000),
        Call(400, "POST", _INFER, b"{"),
        Call(404, "GET", "/forecast?model=" + "x" * 1_000),
        Call(405, "DELETE", "/forecast"),
        Call(404, "GET", "/nowhere"),
    ]
    pages = [Call(200, "GET", f"/{start}{end}") for start, ends in _PAGES.items() for end in ends]
    return [call for calls in itertools.zip_longest(valid, pages, invalid) for call in calls if call is not None]


@contextmanager
def _releases() -> Iterator[tuple[Path, list[str]]]:
    """A copy of the shipped releases with a second one of :data:`DATASET`, and the versions of both."""
    with tempfile.TemporaryDirectory() as folder:
        artifacts = Path(folder) / "artifacts"
        shutil.copytree("artifacts", artifacts)
        data = Path(f"data/{DATASET}.csv")
        series = read_csv(data)
        config = TrainingConfig.for_step(series.step, epochs=2, seed=7)
        train(Dataset.divide(series, config), data, Destination(DATASET, artifacts), config)
        yield artifacts, sorted(path.name for path in (artifacts / DATASET).iterdir() if path.is_dir())[-2:]


@contextmanager
def _service(artifacts: Path) -> Iterator[tuple[int, str]]:
    """A running service: its process id and its address."""
    command = [sys.executable, "-m", "service", "--port", "0", "--artifacts", str(artifacts)]
    environment = os.environ | {"SST_RELOAD_SECONDS": "1", "SST_LOG_LEVEL": "warning"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.pid, re.findall(r"http://[0-9.:]+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.communicate()


def _resident(pid: int) -> dict[str, float]:
    """Memory of a process in MiB, by the kernel's names."""
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(kib) / 1024 for name, kib in re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", status)}


async def _alternate_releases(dataset: Path, versions: Sequence[str]) -> None:
    for version in itertools.cycle(versions):
        point_current(dataset, version)
        await asyncio.sleep(RELOAD_SECONDS)


async def soak(seconds: float, say: Callable[[str], None]) -> bool:
    """Run the load; returns whether memory stayed constant and every response was as expected."""
    with _releases() as (artifacts, versions), _service(artifacts) as (pid, url):
        load, calls = Load(url), _calls()
        work: list[Awaitable[None]] = [load.client(calls, i * len(calls) // CLIENTS) for i in range(CLIENTS)]
        work += [load.disconnect(), _alternate_releases(artifacts / DATASET, versions)]
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            (await client.get("/health/ready")).raise_for_status()
        tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
        samples = []
        await _while_running(tasks, seconds * WARM_UP_SHARE)
        for _ in range(round(seconds * (1 - WARM_UP_SHARE) / SAMPLE_SECONDS)):
            await _while_running(tasks, SAMPLE_SECONDS)
            samples.append(_resident(pid))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    _report(load, say)
    reloaded = load.versions == set(versions)
    growth = {name: _growth(name, [sample[name] for sample in samples], say) for name in ("VmRSS", "RssAnon")}
    return growth["VmRSS"] <= LIMIT_PERCENT and not load.unexpected and reloaded


async def _while_running(tasks: Sequence["asyncio.Future[None]"], seconds: float) -> None:
    """Let the endless tasks run; raises the exception of the first one that fails."""
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _report(load: Load, say: Callable[[str], None]) -> None:
    statuses = ", ".join(f"{n} × {status}" for status, n in sorted(load.statuses.items()))
    say(f"responses: {statuses}; {load.left} clients disconnected early")
    say(f"releases seen: {', '.join(sorted(load.versions))}")
    say(f"the clients themselves stalled for {load.max_stall_seconds:.1f} s at most")
    for line in load.unexpected[:20]:
        say(f"unexpected: {line}")


def _growth(name: str, samples: Sequence[float], say: Callable[[str], None]) -> float:
    """Growth from the mean of the first third to that of the last, in percent."""
    say(f"{name}, MiB, every {SAMPLE_SECONDS:g} s after the warm-up:")
    for begin in range(0, len(samples), 20):
        say("  " + " ".join(f"{sample:.0f}" for sample in samples[begin : begin + 20]))
    third = len(samples) // 3
    first, last = statistics.mean(samples[:third]), statistics.mean(samples[-third:])
    growth = (last / first - 1) * 100
    say(f"  first third {first:.1f}, last third {last:.1f}: {growth:+.2f} % (limit {LIMIT_PERCENT:g} %)")
    return growth


def main() -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes: float = parser.parse_args().minutes
    passed = asyncio.run(soak(minutes * 60, lambda line: print(line, flush=True)))
    print("passed" if passed else "failed: see above")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
