"""A thousand series in one request, compared with the bare network on the same windows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Final

import numpy as np
import torch

from benchmarks.support.payloads import arrow_body, general, large_body, simple, simple_bodies, stretches
from benchmarks.support.servers import COLUMNS, SERVICE, Server, serving
from forecasting.models.place.network import BATCH_WINDOWS
from forecasting.releases.catalog import load_forecaster

_SERIES: Final = 1_000
_MANY: Final = 100_000
_ROUNDS: Final = 15
_ROUNDS_OF_MANY: Final = 3
_LOOPS: Final = 10
_ARROW: Final = "application/vnd.apache.arrow.stream"
_PLACE: Final = "?dataset=nino12&model=gru"


@dataclass
class _Kind:
    """A kind of request."""

    title: str
    series: int
    size: int
    server: Server
    send: Callable[[], bytes]
    rounds: int = _ROUNDS
    rates: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    processor_shares: list[float] = field(default_factory=list)

    def measure(self, alone: "_Loop") -> None:
        """Send a request, after a round of the bare module."""
        processor_begin, begin = self.server.processor_seconds(), time.perf_counter()
        self.send()
        seconds = time.perf_counter() - begin
        processor_seconds = self.server.processor_seconds() - processor_begin
        expected = self.series / _SERIES
        self.rates.append(self.series / seconds)
        self.shares.append(expected * alone.seconds[-1] / seconds)
        self.processor_shares.append(expected * alone.processor_seconds[-1] / processor_seconds)

    def __str__(self) -> str:
        return (
            f"{self.title} ({self.size / 2**10:.0f} KiB): {median(self.rates):.0f} series/s, "
            f"{median(self.shares):.0%} of that; by processor time {median(self.processor_shares):.0%}"
        )


class _Loop:
    """The bare module on as many windows."""

    def __init__(self) -> None:
        self._run = _bare_loop()
        self.seconds: list[float] = []
        self.processor_seconds: list[float] = []

    def measure(self) -> None:
        """Run a round."""
        walls, processors = [], []
        for _ in range(_LOOPS):
            processor_begin, begin = time.thread_time(), time.perf_counter()
            self._run()
            walls.append(time.perf_counter() - begin)
            processors.append(time.thread_time() - processor_begin)
        self.seconds.append(median(walls))
        self.processor_seconds.append(median(processors))

    def __str__(self) -> str:
        rate = _SERIES / median(self.seconds)
        return f"the bare TorchScript module, batches of {BATCH_WINDOWS}, one thread: {rate:.0f} series/s"


def measure() -> Iterator[str]:
    """Yield a line for the bare module, and one for each kind of request."""
    loop = _Loop()
    with serving(SERVICE, simple_bodies(1)[0]) as server, serving(COLUMNS, arrow_body(1)) as reader:
        kinds = [*_json(server), *_columns(server, reader)]
        for kind in kinds:
            kind.send()
        for i in range(_ROUNDS):
            loop.measure()
            for kind in kinds:
                if i < kind.rounds:
                    kind.measure(loop)
    yield f"series through GRU; medians of {_ROUNDS} rounds, {_ROUNDS_OF_MANY} of {_MANY} series:"
    yield str(loop)
    yield from map(str, kinds)


def _json(server: Server) -> Iterator[_Kind]:
    for title, series in (
        ("24 values and a start", simple(_SERIES)),
        ("24 to 40 values, nulls, timestamps", general(_SERIES)),
    ):
        body = large_body(series)
        yield _Kind(f"{_SERIES} series in JSON, {title}", _SERIES, len(body), server, partial(server.post, body))


def _columns(server: Server, reader: Server) -> Iterator[_Kind]:
    body, many = arrow_body(_SERIES), arrow_body(_MANY)
    send = partial(server.post, body, _PLACE, _ARROW)
    yield _Kind(f"{_SERIES} series in Arrow, 36 values", _SERIES, len(body), server, send)
    title = "a server that only reads that into NumPy, and answers as many bytes"
    only_read = partial(reader.post, body, f"?{len(send())}", _ARROW)
    yield _Kind(title, _SERIES, len(body), reader, only_read)
    send = partial(server.post, many, _PLACE, _ARROW)
    yield _Kind(f"{_MANY} series in Arrow, 36 values", _MANY, len(many), server, send, _ROUNDS_OF_MANY)


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
