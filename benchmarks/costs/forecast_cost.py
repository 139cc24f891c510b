"""Cost of a forecast on one thread, alone and in a batch: the network in TorchScript, in NumPy, and everything."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.support.payloads import stretches
from benchmarks.support.processor_time import seconds_of
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries

SECONDS = 0.5
BATCHES = (1, 8, 32, 512)


def measure() -> Iterator[str]:
    """Yield a table with a row for each model: microseconds of processor time per series."""
    torch.set_num_threads(1)
    catalog = Catalog.open(Path("artifacts"), CPU, "nino12")
    yield f"µs of processor time per series, in batches of {' / '.join(map(str, BATCHES))}:"
    yield "| model | TorchScript | NumPy | whole forecast |"
    yield "|---|---:|---:|---:|"
    for forecaster in catalog.models:
        if forecaster.metadata.dataset == catalog.default_dataset:
            columns = zip(*(_costs(forecaster, batch) for batch in BATCHES), strict=True)
            yield f"| {forecaster.metadata.model} | {' | '.join(' / '.join(column) for column in columns)} |"


def _costs(forecaster: Forecaster, batch: int) -> list[str]:
    drawn = stretches(batch)
    series = [SstSeries(stretch.values, stretch.times[0], forecaster.step) for stretch in drawn]
    windows = np.stack([stretch.values for stretch in drawn]).astype(np.float32)
    seconds = np.asarray([stretch.valid_time for stretch in drawn])
    script, folded = forecaster.network.module, forecaster.network.folded
    as_torch = torch.from_numpy(windows), torch.from_numpy(seconds)
    together, options = SeriesBatch.of(series, forecaster.step), ForecastOptions()

    def in_torch() -> None:
        with torch.inference_mode():
            script(*as_torch)

    costs = [_cost(in_torch, batch)]
    costs.append("" if folded is None else _cost(lambda: forecaster.network.infer(windows, seconds), batch))
    costs.append(_cost(lambda: forecaster.forecast_batch(together, options), batch))
    return costs


def _cost(call: Callable[[], object], batch: int) -> str:
    return f"{seconds_of(call, during=SECONDS, warm_up=10) / batch * 1e6:.1f}"
