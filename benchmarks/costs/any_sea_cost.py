"""Cost of a forecast by universal networks on one thread: a lone series of a year, and a batch, without HTTP."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.support.processor_time import seconds_of
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries

SECONDS = 1.0
VALUES = 365
POSITION = 36.75, -122.4
BATCH = 64
HORIZON = 7


def measure() -> Iterator[str]:
    """Yield a table with a row for each release: milliseconds of processor time per series."""
    torch.set_num_threads(1)
    yield f"ms of processor time per series of {VALUES} values, alone / in batches of {BATCH}, {HORIZON} steps ahead:"
    yield "| release | one network, no backtest | one network | best |"
    yield "|---|---:|---:|---:|"
    usual = np.repeat(GlobalClimatology.load().coefficients(*np.asarray(POSITION)[:, None]), BATCH, axis=0)
    for loaded in Catalog.open(Path("artifacts"), CPU, lazy=True).universal.values():
        walks = 13 + 0.1 * np.cumsum(np.random.default_rng(0).normal(size=(BATCH, VALUES)), axis=1)
        series = [SstSeries(values, np.datetime64("2020-01-01", "s"), loaded.step) for values in walks]
        forecast = loaded.networks.forecast_many
        row = [
            " / ".join(
                _cost(partial(forecast, series[:n], HORIZON, coefficients=usual[:n], **options), n) for n in (1, BATCH)
            )
            for options in ({"model": loaded.best, "backtest": False}, {"model": loaded.best}, {})
        ]
        yield f"| {loaded.dataset} | {' | '.join(row)} |"


def _cost(call: Callable[[], object], batch: int) -> str:
    return f"{seconds_of(call, during=SECONDS, warm_up=3) / batch * 1e3:.2f}"
