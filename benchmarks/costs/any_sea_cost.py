"""Cost of a forecast by universal networks on one thread: a lone series of a year, and a batch, without HTTP."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.support.processor_time import seconds_of
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries

SECONDS = 1.0
VALUES = 365
BATCH = 64
HORIZON = 7


def measure() -> Iterator[str]:
    """Yield a table with a row for each release: milliseconds of processor time per series."""
    torch.set_num_threads(1)
    yield f"ms of processor time per series of {VALUES} values, alone / in batches of {BATCH}, {HORIZON} steps ahead:"
    yield "| release | one network, no record | one network | best |"
    yield "|---|---:|---:|---:|"
    for loaded in Catalog.open(Path("artifacts"), CPU, lazy=True).universal.values():
        walks = 18 + 0.1 * np.cumsum(np.random.default_rng(0).normal(size=(BATCH, VALUES)), axis=1)
        series = [SstSeries(values, np.datetime64("2020-01-01", "s"), loaded.step) for values in walks]
        columns = [
            " / ".join(
                _cost(partial(loaded.networks.forecast_many, series[:n], HORIZON, **options), n) for n in (1, BATCH)
            )
            for options in _options(loaded.best)
        ]
        yield f"| {loaded.dataset} | {' | '.join(columns)} |"


def _options(cell: str) -> list[dict[str, Any]]:
    return [{"model": cell, "record": False}, {"model": cell}, {}]


def _cost(call: Callable[[], object], batch: int) -> str:
    return f"{seconds_of(call, during=SECONDS, warm_up=3) / batch * 1e3:.2f}"
