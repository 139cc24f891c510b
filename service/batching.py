"""Micro-batching: whatever waits when the network is free goes through it as one batch.

A call of the network costs nearly the same for one window as for thirty (benchmarks/). Requests that arrive in the same
turn of the event loop are therefore forecast together, without any of them waiting for others to come: before a batch
starts, the loop turns as long as that brings in requests that the system has already received, and no longer.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast import Forecast
from forecasting.forecaster import Forecaster
from forecasting.series import SstSeries
from service.errors import ProblemError

SMALL: Final = 64
"""Steps of the network (series × leads) up to which a request is batched; larger ones run apart, in pieces."""

FULL: Final = 64
"""Series waiting at which a batch starts without another turn of the loop."""

PIECE: Final = 256
"""Series that a large request is split into, so that several such requests advance side by side."""

Results = list[Forecast | SeriesError]
Record = Callable[[int, float, float], None]
"""Hears of each batch: series, longest wait in seconds, seconds in the network."""


@dataclass(slots=True, eq=False)
class _Waiting:
    series: Sequence[SstSeries]
    horizon: int
    answer: "asyncio.Future[Results]"
    since: float


class Batcher:
    """Forecasts of one checkpoint, for many requests at once."""

    def __init__(self, forecaster: Forecaster, workers: Executor, seconds: float, record: Record) -> None:
        """``workers`` run what is too large for the event loop; ``seconds`` is how long a request may wait."""
        self.forecaster = forecaster
        self._workers = workers
        self._seconds = seconds
        self._record = record
        self._inline = forecaster.device.type == "cpu"
        self._queue: list[_Waiting] = []
        self._seen = 0
        self._busy = False

    async def forecast(self, series: Sequence[SstSeries], horizon: int) -> Results:
        """Forecast what follows each of ``series``; levels and thresholds are the caller's to apply.

        Raises:
            ProblemError: 504 if the network was not free in time.
        """
        if len(series) * horizon > SMALL:
            return await self._apart(series, horizon)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(series, horizon, loop.create_future(), time.perf_counter())
        self._queue.append(waiting)
        if len(self._queue) == 1 and not self._busy:
            loop.call_soon(self._turn)
        return await waiting.answer

    async def _apart(self, series: Sequence[SstSeries], horizon: int) -> Results:
        loop = asyncio.get_running_loop()
        results: Results = []
        for begin in range(0, len(series), PIECE):
            piece = series[begin : begin + PIECE]
            results += await loop.run_in_executor(self._workers, self._run_piece, piece, horizon)
        return results

    def _run_piece(self, series: Sequence[SstSeries], horizon: int) -> Results:
        begin = time.perf_counter()
        results = self.forecaster.forecast_each(series, np.full(len(series), horizon))
        self._record(len(series), 0.0, time.perf_counter() - begin)
        return results

    def _turn(self) -> None:
        """Start a batch, unless the last turn of the loop brought in more to wait for."""
        loop = asyncio.get_running_loop()
        if self._seen < len(self._queue) < FULL:
            self._seen = len(self._queue)
            loop.call_soon(self._turn)
            return
        begin = time.perf_counter()
        batch = [waiting for waiting in self._queue if self._is_wanted(waiting, begin)]
        self._queue, self._seen = [], 0
        if not batch:
            return
        wait = begin - batch[0].since
        if self._inline:
            self._answer(batch, self._run(batch, wait))
        else:
            self._busy = True
            running = loop.run_in_executor(self._workers, self._run, batch, wait)
            running.add_done_callback(lambda done: self._finish(batch, done))

    def _finish(self, batch: list[_Waiting], done: "asyncio.Future[list[Results | Exception]]") -> None:
        self._busy = False
        self._answer(batch, done.result())
        if self._queue:
            self._turn()

    def _is_wanted(self, waiting: _Waiting, now: float) -> bool:
        if waiting.answer.done():
            return False
        if now - waiting.since > self._seconds:
            detail = f"the forecast did not start within {self._seconds:g} seconds; try again later"
            waiting.answer.set_exception(ProblemError(HTTPStatus.GATEWAY_TIMEOUT, detail))
            return False
        return True

    def _run(self, batch: list[_Waiting], wait: float) -> list[Results | Exception]:
        begin = time.perf_counter()
        try:
            answers: list[Results | Exception] = list(self._run_together(batch))
        except Exception:
            # Nobody shall suffer for a neighbour: whatever failed, it fails alone.
            answers = [self._run_alone(waiting) for waiting in batch]
        self._record(sum(len(waiting.series) for waiting in batch), wait, time.perf_counter() - begin)
        return answers

    def _run_together(self, batch: list[_Waiting]) -> list[Results]:
        series = [one for waiting in batch for one in waiting.series]
        horizons = np.repeat([waiting.horizon for waiting in batch], [len(waiting.series) for waiting in batch])
        results = iter(self.forecaster.forecast_each(series, horizons))
        return [[next(results) for _ in waiting.series] for waiting in batch]

    def _run_alone(self, waiting: _Waiting) -> Results | Exception:
        try:
            return self._run_together([waiting])[0]
        except Exception as error:
            return error

    def _answer(self, batch: list[_Waiting], answers: list[Results | Exception]) -> None:
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(answer, Exception):
                waiting.answer.set_exception(answer)
            else:
                waiting.answer.set_result(answer)
