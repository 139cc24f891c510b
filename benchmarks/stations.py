"""``python -m benchmarks.stations``: readings in and forecasts out, for thousands of stations with years of days."""

import argparse
import http.client
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np
import torch
from sqlalchemy import make_url

from benchmarks.support import machine
from benchmarks.support.servers import Program, Server, serving
from benchmarks.support.station_history import fill, series_of, size_of, station_id, times_of
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from service.plugins.stations.alerts import stored_events
from service.plugins.stations.schemas import StationRequest
from service.plugins.stations.store.database import Database

SINGLE: Final = 300
"""Stations that get one reading each."""

NIGHTS: Final = 2
PAGES: Final = (100, 1_000)
"""Stations of a page: the default, and the most."""

_ROUNDS: Final = 10
"""Times that all pages are read."""

HORIZON: Final = 7
_BATCH: Final = 256
_WARM_UP: Final = (
    b'{"series": [{"start": "2025-01-01", "step": "day", "values": [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]}]}'
)
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class _Timed:
    """Requests over one connection, and how long each took."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3_600)

    def call(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Send a request; return the seconds until the answer was read, and the answer."""
        content = None if body is None else json.dumps(body).encode()
        begin = perf_counter()
        self._connection.request(method, path, content, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        seconds = perf_counter() - begin
        if response.status != http.HTTPStatus.OK:
            raise RuntimeError(f"{method} {path} answered {response.status}: {answer[:500]!r}")
        return seconds, json.loads(answer)


def measure(store: str | None, stations: int, days: int, events: Sequence[dict[str, Any]] = ()) -> Iterator[str]:
    """Yield the figures line by line."""
    with tempfile.TemporaryDirectory() as folder:
        url = store or f"sqlite:///{folder}/sst.db"
        first = datetime.now(UTC).date() - timedelta(days=days + NIGHTS)
        begin = perf_counter()
        database = Database(make_url(url))
        request = StationRequest.model_validate({"step": "day", "events": events}, context=[])
        fill(database, stations, days, first, stored_events(request.events))
        filled = size_of(database)
        each = filled / stations / days
        yield (
            f"{stations} stations with {days} days each, {url.partition(':')[0]}; filled in {_seconds(begin)}; "
            f"{each:.1f} bytes for each reading"
        )
        bare = _bare(min(stations, _BATCH), days, first)
        for size, cost in bare.items():
            yield f"the bare forecast from {days} days, {size} at once: {cost:.1f} ms of processor time each"
        alone, together = min(bare), max(bare)
        with serving(_program(url), _WARM_UP) as server:
            yield from _readings(server, min(SINGLE, stations), days, first, bare[alone])
            before = size_of(database)
            yield from _nightly(server, stations, days, first, bare[together])
            forecasts = stations * NIGHTS
            grown = size_of(database) - before - (forecasts + stations) * each
            yield f"{grown / forecasts:.0f} bytes for each forecast of {HORIZON} days, with what is kept to verify it"
            for limit in PAGES:
                yield from _pages(server, stations, limit)
        database.close()


def _program(store: str) -> Program:
    settings = (f"SST_STORE={store}", "SST_WORKERS=1", "SST_RATE_LIMIT=0")
    return Program("the service", ("env", *settings, sys.executable, "-m", "service", "--port", "{port}"))


def _readings(server: Server, stations: int, days: int, first: date, bare: float) -> Iterator[str]:
    timed, taken = _Timed(server), []
    timed.call("POST", f"/stations/{station_id(0)}/observations", _reading(0, days - 1, days, first))
    used = _used(server)
    for i in range(stations):
        path = f"/stations/{station_id(i)}/observations"
        seconds, answer = timed.call("POST", path, _reading(i, days, days + 1, first))
        _check(answer)
        taken.append(seconds)
    yield f"one reading, with its forecast: {_percentiles(taken)}; {_per(server, used, stations, bare)}"


def _nightly(server: Server, stations: int, days: int, first: date, bare: float) -> Iterator[str]:
    """Yield the time of the last of several nights: only then do readings verify forecasts of all stations."""
    begin = days
    for end in range(days + 2, days + 2 + NIGHTS):
        readings = [{"station": station_id(i), **_reading(i, begin, end, first)} for i in range(stations)]
        begin = end
        used = _used(server)
        seconds, answer = _Timed(server).call("POST", "/observations", {"readings": readings})
        for entry in answer["stations"]:
            _check(entry)
    yield f"POST /observations of {stations} stations: {seconds:.1f} s; {_per(server, used, stations, bare)}"


def _pages(server: Server, stations: int, limit: int) -> Iterator[str]:
    timed, taken, used = _Timed(server), list[float](), _used(server)
    for _ in range(_ROUNDS):
        after, seen = "", 0
        while after is not None:
            seconds, answer = timed.call("GET", f"/stations?limit={limit}&after={after}")
            taken.append(seconds)
            seen, after = seen + len(answer["stations"]), answer["next"]
        if seen != stations:
            raise RuntimeError(f"the pages hold {seen} stations of {stations}")
    yield f"GET /stations in pages of {limit}: {_percentiles(taken)}; {_per(server, used, len(taken))}"


def _bare(stations: int, days: int, first: date) -> dict[int, float]:
    """Return what the same forecasts cost without a service and a store, ms each, by how many are made at once."""
    torch.set_num_threads(1)
    networks = Catalog.open(Path("artifacts"), CPU, lazy=True).universal["ocean-daily"].universal
    start = np.datetime64(first, "s")
    series = [SstSeries(series_of(i, days, first), start, networks.step) for i in range(stations)]
    coefficients = GlobalClimatology.load().coefficients([43.0] * stations, [-40.0] * stations)
    costs = {}
    for size in (1, stations):
        networks.forecast_many(series[:size], HORIZON, coefficients=coefficients[:size])
        used, calls = process_time(), max(1, 64 // size)
        for _ in range(calls):
            networks.forecast_many(series[:size], HORIZON, coefficients=coefficients[:size])
        costs[size] = (process_time() - used) / calls / size * 1e3
    return costs


def _reading(i: int, begin: int, end: int, first: date) -> dict[str, Any]:
    return {"start": times_of(first, begin), "values": series_of(i, end, first)[begin:].tolist()}


def _check(answer: Any) -> None:
    if not answer.get("new") or "sst" not in (answer["forecast"] or {}):
        raise RuntimeError(f"no forecast was issued: {str(answer)[:500]}")


def _percentiles(seconds: Sequence[float]) -> str:
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {1e3 * max(seconds):.1f} ms"


def _used(server: Server) -> float:
    """Return the seconds of processor time that the service has used."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS


def _per(server: Server, before: float, n: int, bare: float | None = None) -> str:
    used = _used(server) - before
    each = used / n * 1e3
    ratio = "" if bare is None else f", {each / bare:.2f} times the bare forecast"
    return f"{used:.1f} s of processor time, {each:.1f} ms each{ratio}"


def _seconds(begin: float) -> str:
    return f"{perf_counter() - begin:.0f} s"


def main() -> None:
    """Print the figures line by line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stations", description=__doc__)
    parser.add_argument(
        "--store", metavar="URL", help="an empty database for SST_STORE (default: a temporary SQLite file)"
    )
    parser.add_argument("--stations", type=int, default=10_000, metavar="N")
    parser.add_argument("--days", type=int, default=3_650, metavar="N", help="of history of each station")
    parser.add_argument("--events", metavar="JSON", default="[]", help="that each station watches (default: none)")
    options = parser.parse_args()
    for line in machine.describe():
        print(line)
    for line in measure(options.store, options.stations, options.days, json.loads(options.events)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
