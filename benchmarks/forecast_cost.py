"""What a forecast costs the network, alone and in a batch, on one thread."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from forecasting.registry import Registry

SECONDS = 0.5


def measure() -> Iterator[str]:
    """One line a model: microseconds a series at batches of 1, 64 and 512."""
    torch.set_num_threads(1)
    registry = Registry.open(Path("artifacts"), torch.device("cpu"), "nino12")
    for forecaster in registry.models:
        costs = []
        for batch in (1, 64, 512):
            windows = np.full((batch, forecaster.metadata.window), forecaster.metadata.training_range.minimum)
            times = np.zeros(batch, dtype="datetime64[s]")
            calls, begin = 0, time.perf_counter()
            while time.perf_counter() - begin < SECONDS:
                forecaster.roll(windows, times, 1)
                calls += 1
            costs.append((time.perf_counter() - begin) / calls / batch * 1e6)
        yield (
            f"{forecaster.metadata.model}: " + " / ".join(f"{cost:.1f}" for cost in costs) + " µs (batch 1 / 64 / 512)"
        )
