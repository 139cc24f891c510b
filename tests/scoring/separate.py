"""Forecasts by straightforward code of its own: torch and numpy, and nothing of this project."""

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
    """°C ``(horizon, n)`` after monthly °C ``(steps, n)``; NaN where a window has a gap that is too long.

    ``last`` is the month of the last values. A gap of up to the checkpoint's limit is interpolated.
    """
    about = json.loads(path.with_suffix(".json").read_text())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(path))
    out = np.full((horizon, values.shape[1]), np.nan)
    for i in range(values.shape[1]):
        series = list(_filled(values[:, i], about["fill_limit"])[-about["window"] :])
        if np.isnan(series).any():
            continue
        for lead in range(horizon):
            month = np.datetime64(last, "M") + lead + 1
            seconds = torch.tensor([float(month.astype("datetime64[s]").astype(int))], dtype=torch.float64)
            window = torch.tensor([series[-about["window"] :]], dtype=torch.float32)
            with torch.inference_mode():
                series.append(float(module(window, seconds)[0]))
            out[lead, i] = series[-1]
    return out


def _filled(values: Array, limit: int) -> Array:
    known = np.flatnonzero(~np.isnan(values))
    filled = values.copy()
    for a, b in pairwise(known):
        if 1 < b - a <= limit + 1:
            filled[a : b + 1] = np.linspace(values[a], values[b], b - a + 1)
    return filled
