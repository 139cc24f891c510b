"""A thousand series in one request, compared with the bare network on the same windows."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Final

import numpy as np
import torch

from benchmarks.payloads import arrow_body, general, large_body, simple, simple_bodies, stretches
from benchmarks.servers import SERVICE, serving
from forecasting.networks.roller import BATCH_WINDOWS
from forecasting.releases.registry import load_forecaster

_SERIES: Final = 1_000
_ROUNDS: Final = 15
_LOOPS: Final = 10


def measure() -> Iterator[str]:
    """Yield a line for the bare loop, and one for each kind of series."""
    loop = _bare_loop()
    kinds = {"24 values and a start": simple(_SERIES), "24 to 40 values, nulls, timestamps": general(_SERIES)}
    bodies = {kind: large_body(series) for kind, series in kinds.items()}
    columns = "36 values by columns (Arrow)"
    bodies[columns] = arrow_body(_SERIES)
    alone: list[float] = []
    shares: dict[str, list[float]] = {kind: [] for kind in bodies}
    rates: dict[str, list[float]] = {kind: [] for kind in bodies}
    with serving(SERVICE, simple_bodies(1)[0]) as server:

        def post(kind: str) -> None:
            if kind == columns:
                server.post(bodies[kind], "?dataset=nino12&model=gru", "application/vnd.apache.arrow.stream")
            else:
                server.post(bodies[kind])

        for kind in bodies:
            post(kind)
        for _ in range(_ROUNDS):
            alone.append(_SERIES / median(_seconds(loop) for _ in range(_LOOPS)))
            for kind in bodies:
                rates[kind].append(_SERIES / _seconds(partial(post, kind)))
                shares[kind].append(rates[kind][-1] / alone[-1])
    yield f"{_SERIES} series through GRU; medians of {_ROUNDS} rounds:"
    yield f"the bare TorchScript module, batches of {BATCH_WINDOWS}, one thread: {median(alone):.0f} series/s"
    for kind, body in bodies.items():
        yield (
            f"one request, {kind} ({len(body) / 2**10:.0f} KiB): {median(rates[kind]):.0f} series/s, "
            f"{median(shares[kind]):.0%} of that"
        )


def _bare_loop() -> Callable[[], None]:
    torch.set_num_threads(1)
    module = load_forecaster("nino12-gru").network.module
    drawn = stretches(_SERIES)
    windows = torch.tensor(np.array([stretch.values for stretch in drawn]), dtype=torch.float32).split(BATCH_WINDOWS)
    valid_time = torch.tensor([stretch.valid_time for stretch in drawn], dtype=torch.float64).split(BATCH_WINDOWS)

    def loop() -> None:
        with torch.inference_mode():
            for values, times in zip(windows, valid_time, strict=True):
                module(values, times)

    loop()
    return loop


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
