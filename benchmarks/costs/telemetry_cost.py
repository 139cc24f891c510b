"""Cost of recording a request, in one process and shared with other workers, in microseconds."""

import logging.config
import os
import subprocess
import sys
import timeit
from collections.abc import Callable, Iterator

from service.settings import Settings
from service.telemetry.logs import log_access, log_config, request_scope
from service.telemetry.metrics import Metrics, ModelInfo, shared_by_workers

_CALLS = 20_000
_MODEL = "nino12-gru"


def measure() -> Iterator[str]:
    """Yield a line for the metrics of one worker, of several workers, and for an access log line."""
    yield f"metrics, one worker: {_metrics_cost()}"
    with shared_by_workers(1):
        command = [
            sys.executable,
            "-c",
            "from benchmarks.costs.telemetry_cost import _metrics_cost; print(_metrics_cost())",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    yield f"metrics, several workers: {done.stdout.strip()}"
    yield f"access log: {_access_cost():.1f} µs per line"


def _metrics_cost() -> str:
    metrics = Metrics(["/forecast"])
    metrics.models([ModelInfo(_MODEL, "", "", "", "", "")])

    def request() -> None:
        metrics.started(1)
        metrics.request("/forecast", "POST", 200, 0.003)

    def batch() -> None:
        metrics.batches.count_run(_MODEL, 64, 0.001, 0.002)
        metrics.batches.count_drift(_MODEL, 64, 10.0, 10.0, 0)

    return f"{_microseconds(request):.1f} µs per request, {_microseconds(batch):.1f} µs per batch"


def _access_cost() -> float:
    request_scope.set({"type": "http", "request_id": "0" * 32, "headers": [(b"host", b"localhost")]})
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        config = log_config(Settings(log_format="json"))
        config["handlers"]["stderr"]["stream"] = nowhere
        logging.config.dictConfig(config)
        cost = _microseconds(lambda: log_access("/forecast", "POST", 200, 0.003))
        for handler in list(logging.getLogger().handlers):
            handler.flush()
            handler.close()
            logging.getLogger().removeHandler(handler)
    return cost


def _microseconds(call: Callable[[], None]) -> float:
    """Cost of one call: the best of seven rounds, since other programs can only slow it down."""
    return min(timeit.repeat(call, number=_CALLS, repeat=7)) / _CALLS * 1e6
