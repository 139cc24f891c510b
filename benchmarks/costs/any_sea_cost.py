"""Cost of a forecast by universal networks on one thread: a lone series of a year, and a batch, without HTTP.

Releases that take weather forecast the same series with it too.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.support.processor_time import seconds_of
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.weather import Weather

SECONDS = 0.5
ROUNDS = 5
VALUES = 365
POSITION = 36.75, -122.4
BATCH = 64
HORIZON = 7
START = np.datetime64("2020-01-01", "s")


def measure() -> Iterator[str]:
    """Yield a table with rows for each release: milliseconds of processor time per series, and ratios of them."""
    torch.set_num_threads(1)
    yield f"ms of processor time per series of {VALUES} values, alone / in batches of {BATCH}, {HORIZON} steps ahead:"
    yield "| release | one network, no backtest | one network | best |"
    yield "|---|---:|---:|---:|"
    usual = np.repeat(GlobalClimatology.load().coefficients(*np.asarray(POSITION)[:, None]), BATCH, axis=0)
    for loaded in Catalog.open(Path("artifacts"), CPU, lazy=True).universal.values():
        random = np.random.default_rng(0)
        drive, wind = random.normal(size=(2, BATCH, VALUES + HORIZON))
        water, weather = 13 + 0.1 * np.cumsum(drive, axis=1), np.stack([12 + 3 * drive, np.abs(6 + 2 * wind)], axis=2)
        series = [SstSeries(values[:VALUES], START, loaded.step) for values in water]
        variants = {loaded.dataset: series}
        if loaded.universal.any_network.metadata.covariates:
            variants[f"{loaded.dataset}, with weather"] = [
                replace(one, weather=Weather(START, over)) for one, over in zip(series, weather, strict=True)
            ]
        forecast = loaded.universal.forecast_many
        calls = [
            (partial(forecast, given[:n], HORIZON, coefficients=usual[:n], **options), n)
            for given in variants.values()
            for options in ({"model": loaded.best, "backtest": False}, {"model": loaded.best}, {})
            for n in (1, BATCH)
        ]
        # What is compared takes turns, as the machine is faster at some times than at others.
        rounds = [[_cost(call, n) for call, n in calls] for _ in range(ROUNDS)]
        costs = np.min(rounds, axis=0).reshape(len(variants), 3, 2)
        yield from map(_row, variants, costs)
        if len(variants) > 1:
            yield _row("ratio", costs[1] / costs[0])


def _row(name: str, figures: Floats) -> str:
    return f"| {name} | {' | '.join(f'{alone:.2f} / {batch:.2f}' for alone, batch in figures)} |"


def _cost(call: Callable[[], object], batch: int) -> float:
    return seconds_of(call, during=SECONDS, warm_up=1) / batch * 1e3
