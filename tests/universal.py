"""Tiny universal releases: networks that know nothing but the last value, published as real ones are."""

import json
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.networks.checkpoint import script
from forecasting.networks.metadata import CELLS, digest
from forecasting.series.timestep import TimeStep
from forecasting.universal.checkpoint import save
from forecasting.universal.metadata import UniversalMetadata

VERSION: Final = "20261127T090000Z"
LEVELS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
_SCORES: Final = (-1.96, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 1.96)


class LastValue(nn.Module):
    """Forecasts the last value plus a small shift, with quantiles that widen with the lead."""

    def __init__(self, shift: float, step_seconds: int, horizon: int, minimum: int) -> None:
        super().__init__()
        self.window = 2 * minimum
        self.step_seconds = step_seconds
        self.horizon = horizon
        self.minimum = minimum
        self.maximum = 120
        self.levels = list(LEVELS)
        self.shift = shift
        self.scores = [0.0, *_SCORES]

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        return sst[:, -1] + self.shift

    @torch.jit.export
    def quantiles(self, sst: Tensor, last_time: Tensor, climatology: Tensor) -> Tensor:
        return self.spread(sst[:, -1:])[:, 0]

    @torch.jit.export
    def backtest(self, sst: Tensor, last_time: Tensor, climatology: Tensor, origins: Tensor) -> Tensor:
        last = sst[:, 0].clone()
        columns = []
        for i in range(sst.shape[1]):
            last = torch.where(torch.isnan(sst[:, i]), last, sst[:, i])
            columns.append(last)
        return self.spread(torch.stack(columns, dim=1)[:, origins])

    def spread(self, values: Tensor) -> Tensor:
        """From values ``(batch, origins)`` to ``(batch, origins, horizon, 1 + levels)``."""
        leads = torch.arange(1, self.horizon + 1, device=values.device, dtype=values.dtype).sqrt()
        return (values + self.shift)[:, :, None, None] + 0.2 * leads[None, None, :, None] * torch.tensor(self.scores)


def publish_universal(artifacts: Path, dataset: str, step: str, *, horizon: int = 14, minimum: int = 14) -> Path:
    """Publish a release whose three networks differ in their shift, and return its folder."""
    folder = artifacts / dataset / VERSION
    folder.mkdir(parents=True)
    seconds = TimeStep.parse(step).seconds
    for shift, cell in zip((0.2, 0.1, 0.01), CELLS, strict=True):
        metadata = UniversalMetadata(
            schema_version=1,
            dataset=dataset,
            version=VERSION,
            cell=cell,
            step=step,
            step_seconds=seconds,
            window=2 * minimum,
            horizon=horizon,
            minimum=minimum,
            maximum=120,
            levels=LEVELS,
            held_out={"60": {"1": 0.9 + shift}},
            configuration={},
            seed=0,
            parameters=1,
            train_seconds=1.0,
            latency_ms=1.0,
            libraries={},
            created="2026-11-27T09:00:00Z",
        )
        save(script(LastValue(shift, seconds, horizon, minimum)), metadata, folder / f"{cell}.pt")
        (folder / f"{cell}.json").write_text(metadata.model_dump_json())
    (folder / "MODEL_CARD.md").write_text(f"# {dataset}\n")
    files = {
        path.name: {"sha256": digest(path.read_bytes()), "bytes": path.stat().st_size} for path in folder.iterdir()
    }
    manifest = {"dataset": dataset, "version": VERSION, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder.parent / "current").write_text(f"{VERSION}\n")
    return folder
