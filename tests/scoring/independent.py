"""Independent forecasts to compare with: straightforward code with torch and NumPy, and none of this project's."""

import json
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


def checkpoint(artifacts: Path, dataset: str, cell: str) -> Path:
    version = (artifacts / dataset / "current").read_text().strip()
    return artifacts / dataset / version / f"{cell}.pt"


def forecast(path: Path, values: Array, last: str, horizon: int = 1) -> Array:
    """Return forecasts from monthly °C ``(steps, n)``, °C ``(horizon, n)``; NaN if a window has a gap that is too long.

    ``last`` is the month of the last values. Gaps up to the checkpoint's limit are interpolated.
    """
    metadata = json.loads(path.with_suffix(".json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path))
    forecasts = np.full((horizon, values.shape[1]), np.nan)
    for i in range(values.shape[1]):
        series = list(_filled(values[:, i], metadata["fill_limit"])[-metadata["window"] :])
        if np.isnan(series).any():
            continue
        for lead in range(horizon):
            month = np.datetime64(last, "M") + lead + 1
            seconds = torch.tensor([float(month.astype("datetime64[s]").astype(int))], dtype=torch.float64)
            window = torch.tensor([series[-metadata["window"] :]], dtype=torch.float32)
            with torch.inference_mode():
                series.append(float(module(window, seconds)[0]))
            forecasts[lead, i] = series[-1]
    return forecasts


def _filled(values: Array, limit: int) -> Array:
    known = np.flatnonzero(~np.isnan(values))
    filled = values.copy()
    for a, b in pairwise(known):
        if 1 < b - a <= limit + 1:
            filled[a : b + 1] = np.linspace(values[a], values[b], b - a + 1)
    return filled
