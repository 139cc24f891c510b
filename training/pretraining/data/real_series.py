"""Real series that a universal network is trained on beside simulated seas."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from forecasting.climatology.annual_cycle import COEFFICIENTS, evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import FileError
from forecasting.readers import read
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from forecasting.series.timestep import in_words
from training.pretraining.data.examples import Panel
from training.pretraining.spec import Spec

_OVERLAP: Final = 2
"""Stretches that each value is in."""


@dataclass(frozen=True, eq=False)
class RealSeries:
    """A series of the user.

    Attributes:
        name: of its file, with the station.
        series: at the time step of the networks.
        climatology: coefficients by its position, ``(7,)``; NaN where the file has none, or it is on land.
    """

    name: str
    series: SstSeries
    climatology: Floats


def read_real_series(spec: Spec, paths: Sequence[Path]) -> list[RealSeries]:
    """Read every series of some files.

    Raises:
        FileError: if a file cannot be read, holds a grid, or a series has another step or is too short.
    """
    return [series for path in paths for series in _read(spec, path)]


def _read(spec: Spec, path: Path) -> list[RealSeries]:
    reading = read(path)
    if not reading.stations:
        raise reading.error or FileError("no series found")
    members = []
    for station in reading.stations:
        name = path.name if station.name is None else f"{path.name} ({station.name})"
        if station.series is None:
            raise FileError(f"{name}: {station.problem}")
        if str(station.series.step) != spec.step:
            raise FileError(
                f"{name} has steps of {in_words(str(station.series.step))}, but the networks forecast steps of "
                f"{in_words(spec.step)}; leave the file out, or resample it"
            )
        fewest = spec.minimum + spec.horizon
        observed = int(np.isfinite(station.series.values).sum())
        if observed < fewest:
            raise FileError(f"{name}: {observed} values are too few to train on; {fewest} are needed")
        members.append(RealSeries(name, station.series, _climatology(station.position)))
    return members


def _climatology(position: tuple[float, float] | None) -> Floats:
    if position is None:
        return np.full(COEFFICIENTS, np.nan)
    return GlobalClimatology.load().coefficients(*position).astype(np.float64)


def real_panel(spec: Spec, series: Sequence[RealSeries]) -> Panel:
    """Cut series into overlapping stretches; those with a position enter twice, with it and without."""
    size = spec.training_steps
    values, times, climatologies = [], [], []
    for real in series:
        seconds = unix_seconds(real.series.times)
        padded = np.concatenate([np.full(size, np.nan), real.series.values])
        for end in range(len(seconds), 0, -(size // _OVERLAP)):
            values.append(padded[end : end + size])
            times.append(seconds[end - 1])
            climatologies.append(real.climatology)
    sst, last, climatology = np.stack(values), np.array(times), np.stack(climatologies)
    known = np.isfinite(climatology[:, 0])
    sst, last = np.concatenate([sst, sst[known]]), np.concatenate([last, last[known]])
    climatology = np.concatenate([np.full_like(climatology, np.nan), climatology[known]])
    positioned = np.isfinite(climatology[:, 0])
    before = np.arange(1 - size, 1) * spec.step_seconds
    usual = np.zeros_like(sst)
    for row in np.flatnonzero(positioned):
        usual[row] = evaluate(climatology[row], np.round(last[row] + before).astype("datetime64[s]"))
    return Panel(
        torch.from_numpy(sst - usual),
        torch.from_numpy(sst),
        torch.from_numpy(last),
        torch.from_numpy(positioned.astype(np.float64)),
        torch.from_numpy(climatology),
    )
