"""Cost of joint sample paths on one thread: one series, and many."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from forecasting.releases.catalog import load_universal
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep

_REPEATS = 50
_SERIES = 10_000
_HORIZON = 14


def measure() -> Iterator[str]:
    """Yield milliseconds of processor time for 1 000 paths of one series, and seconds for 100 paths of each of many."""
    torch.set_num_threads(1)
    release = load_universal("ocean-daily", "artifacts")
    walk = 18 + 0.1 * np.cumsum(np.random.default_rng(0).normal(size=365))
    series = SstSeries(walk, np.datetime64("2020-01-01", "s"), TimeStep.parse("day"))
    forecast = release.forecast(series, _HORIZON)
    known = forecast.distribution
    many = [replace(known, quantiles=known.quantiles + i / _SERIES) for i in range(_SERIES)]
    first = _seconds(lambda: forecast.sample_paths(1_000))
    later = min(_seconds(lambda: forecast.sample_paths(1_000)) for _ in range(_REPEATS))
    yield f"1 000 paths of {_HORIZON} days, one series: {first * 1e3:.2f} ms at first, {later * 1e3:.2f} ms later"
    forecast.sample_paths(100)
    seconds = _seconds(lambda: [member.sample_paths(100) for member in many])
    yield f"100 paths of {_HORIZON} days for each of {_SERIES} series: {seconds:.2f} s"


def _seconds(call: Callable[[], object]) -> float:
    begin = time.thread_time()
    call()
    return time.thread_time() - begin
