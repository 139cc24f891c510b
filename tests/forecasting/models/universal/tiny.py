"""A universal release whose networks are simple enough to know their forecasts: the last value plus a bias."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from forecasting.models.checkpoint import script
from forecasting.models.metadata import digest
from forecasting.models.universal.metadata import UniversalMetadata, WeatherPrior
from forecasting.models.universal.network import save
from forecasting.releases.release import CURRENT, MANIFEST
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES

VERSION = "20260101T000000Z"
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
SCORES = (-1.96, -1.645, -1.2816, -0.6745, 0.0, 0.6745, 1.2816, 1.645, 1.96)
HORIZONS = {"hour": 48, "day": 14, "week": 13, "month": 12}
MINIMA = {"hour": 48, "day": 14, "week": 12, "month": 6}


class LastValue(nn.Module):
    """Forecast the last value plus ``bias``, normally distributed with a spread that grows with the lead."""

    def __init__(self, step: str, bias: float = 0.0, spread: float = 0.5, maximum: int = 400) -> None:
        super().__init__()
        self.window = 30
        self.step_seconds = TimeStep.parse(step).seconds
        self.horizon = HORIZONS[step]
        self.minimum = MINIMA[step]
        self.maximum = maximum
        self.levels = list(LEVELS)
        self.bias = bias
        self.spread = spread
        self.scores = [0.0, *SCORES]

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        nowhere = torch.full((sst.shape[0], 7), float("nan"))
        return self.quantiles(sst, valid_time - self.step_seconds, nowhere)[:, 0, 0]

    @torch.jit.export
    def quantiles(self, sst: Tensor, last_time: Tensor, climatology: Tensor) -> Tensor:
        return self.backtest(sst, last_time, climatology, torch.tensor([sst.shape[1] - 1]))[:, 0]

    @torch.jit.export
    def backtest(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> Tensor:
        return self.answer(self.prepare(sst, last_time, climatology, origins, self.horizon))

    @torch.jit.export
    def prepare(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor, leads: int) -> list[Tensor]:
        return [torch.nan_to_num(sst)[:, origins], torch.arange(1, leads + 1, dtype=torch.float32)]

    @torch.jit.export
    def answer(self, prepared: list[Tensor]) -> Tensor:
        distances = self.bias + self.spread * torch.sqrt(prepared[1]).unsqueeze(1) * torch.tensor(self.scores)
        return prepared[0].unsqueeze(2).unsqueeze(3) + distances


def metadata(module: LastValue, name: str, cell: str, step: str, held_out: float) -> UniversalMetadata:
    """Metadata that fit ``module``."""
    return UniversalMetadata(
        dataset=name,
        version=VERSION,
        cell=cell,
        step=step,
        step_seconds=module.step_seconds,
        window=module.window,
        horizon=module.horizon,
        minimum=module.minimum,
        maximum=module.maximum,
        levels=LEVELS,
        held_out={"30": {"1": held_out}},
        configuration={},
        seed=0,
        parameters=0,
        train_seconds=0.0,
        latency_ms=0.1,
        libraries={},
        created="2026-01-01T00:00:00Z",
    )


def publish(
    artifacts: Path,
    name: str,
    step: str,
    biases: dict[str, float],
    spread: float = 0.5,
    weather: WeatherPrior | None = None,
) -> Path:
    """Write a release with a network for each cell and its bias, the best on held-out seas first; return its folder."""
    folder = artifacts / name / VERSION
    folder.mkdir(parents=True)
    for place, (cell, bias) in enumerate(biases.items()):
        module = LastValue(step, bias, spread)
        described = metadata(module, name, cell, step, 0.9 + place / 100)
        if weather is not None:
            described = described.model_copy(update={"covariates": COVARIATES, "weather": weather})
        save(script(module), described, folder / f"{cell}.pt")
        (folder / f"{cell}.json").write_text(described.model_dump_json())
    (folder / "report.json").write_text(json.dumps(_report(name, step, [*biases])))
    files = {
        file.name: {"sha256": digest(file.read_bytes()), "bytes": file.stat().st_size} for file in folder.iterdir()
    }
    (folder / MANIFEST).write_text(json.dumps({"dataset": name, "version": VERSION, "files": files}))
    (folder.parent / CURRENT).write_text(VERSION)
    return folder


def _report(name: str, step: str, cells: list[str]) -> dict[str, object]:
    score = {"context": 60, "positioned": True, "n": 40, "coverage_80": 0.8, "coverage_95": 0.95}
    models = [
        {
            "model": f"{name}-{cell}",
            "parameters": 0,
            "train_seconds": 0.0,
            "held_out": [score | {"lead": lead, "relative_rmse": 0.9 + place / 100} for lead in (1, 7)],
            "held_out_without_companion": [score | {"lead": 1, "relative_rmse": 0.95}],
        }
        for place, cell in enumerate(cells)
    ]
    return {"dataset": name, "version": VERSION, "step": step, "seas": 12, "models": models}


def series(values: npt.ArrayLike, step: str = "day", start: str = "2020-01-01") -> SstSeries:
    """A series of ``values`` in °C."""
    return SstSeries(np.asarray(values, dtype=np.float64), np.datetime64(start, "s"), TimeStep.parse(step))


def walk(n: int, seed: int = 0, scale: float = 0.3) -> SstSeries:
    """A daily random walk, which nothing forecasts better than its last value."""
    steps = np.random.default_rng(seed).normal(0.0, scale, n)
    return series(15.0 + np.cumsum(steps) * 0.5)


def noise(n: int, seed: int = 0) -> SstSeries:
    """Daily values without memory, which their mean forecasts better than the last value."""
    return series(15.0 + np.random.default_rng(seed).normal(0.0, 1.0, n))
