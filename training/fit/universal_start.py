"""Universal networks that know a place: alone, or combined with a network that was fitted to the place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from forecasting.bundled import RELEASES
from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients, GlobalClimatology
from forecasting.climatology.usual import Agreement
from forecasting.errors import RequestError, SeriesError
from forecasting.models.universal.contexts import compare_with_climatology
from forecasting.releases.release import SeaRelease, open_current, universal_names
from forecasting.releases.trust import TrustedKeys
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds
from forecasting.series.timestep import TimeStep
from forecasting.wording import too_few
from training.config import TrainingConfig
from training.fit.fit_data import Network


class UniversalAtPlace(nn.Module):
    """A universal network that knows a place: its climatology, and its series before a window.

    Only values before the window count, so a forecast never uses values from its own future.
    """

    def __init__(self, universal: torch.jit.ScriptModule, window: int, history: SstSeries, climatology: Tensor) -> None:
        """Place a universal network, as :mod:`forecasting.models.universal.network` describes it.

        The coefficients of the ``climatology`` are °C, float32 ``(7,)``; NaN if the position is not known.
        """
        super().__init__()
        self.history: Tensor
        self.climatology: Tensor
        self.universal = universal
        self.window = window
        self.step_seconds = history.step.seconds
        self.begin = float(unix_seconds(history.times[:1])[0])
        self.maximum = int(universal.maximum)
        self.before = max(self.maximum - window, 0)
        self.register_buffer("history", torch.from_numpy(history.values).to(torch.float32))
        self.register_buffer("climatology", climatology.view(1, -1))

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step; see :meth:`~training.fit.networks.RecurrentForecaster.forward`."""
        return self.leads(sst, valid_time.unsqueeze(1))[:, 0]

    @torch.jit.export
    def leads(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast several leads in one pass."""
        return self.distribution(sst, valid_time[:, 0])[:, : valid_time.shape[1], 0]

    @torch.jit.export
    def distribution(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Return the mean and quantiles of the universal network, °C, float32 ``(batch, horizon, 1 + levels)``."""
        context = torch.cat([self.earlier(valid_time), sst], 1)[:, -self.maximum :]
        known = self.climatology.expand(sst.shape[0], -1)
        quantiles: Tensor = self.universal.quantiles(context, valid_time - self.step_seconds, known)
        return quantiles

    def earlier(self, valid_time: Tensor) -> Tensor:
        """Return the history before each window, NaN where unknown, without leading gaps: °C, ``(batch, steps)``."""
        steps = torch.round((valid_time - self.begin) / self.step_seconds).to(torch.int64)
        back = torch.arange(-self.before - self.window, -self.window, device=steps.device)
        positions = steps.unsqueeze(1) + back.unsqueeze(0)
        length = self.history.shape[0]
        inside = (positions >= 0) & (positions < length)
        missing = torch.full([1], float("nan"), device=steps.device)
        values = torch.where(inside, self.history[torch.clamp(positions, 0, length - 1)], missing)
        known = torch.nonzero(torch.isfinite(values).any(0))
        first = int(known[0, 0]) if known.shape[0] > 0 else self.before
        return values[:, first:]

    def size(self) -> int:
        """Return the number of fitted weights."""
        return sum(weights.numel() for weights in self.universal.parameters())


class MixedForecaster(nn.Module):
    """The weighted mean of a network that was fitted to a place and a universal network."""

    def __init__(self, place_network: Network, universal: UniversalAtPlace, share: float) -> None:
        """Combine two networks; ``share`` is the weight of the universal one."""
        super().__init__()
        self.place_network = place_network
        self.universal = universal
        self.share = share
        self.window = place_network.window
        self.step_seconds = place_network.step_seconds

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step; see :meth:`~training.fit.networks.RecurrentForecaster.forward`."""
        return self.leads(sst, valid_time.unsqueeze(1))[:, 0]

    @torch.jit.export
    def leads(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast several leads; see :meth:`UniversalAtPlace.leads`.

        The network of the place forecasts each lead from its own forecasts of the earlier ones.
        """
        window, forecasts = sst, torch.empty([sst.shape[0], 0], dtype=sst.dtype, device=sst.device)
        for lead in range(valid_time.shape[1]):
            forecast = self.place_network(window, valid_time[:, lead]).unsqueeze(1)
            window = torch.cat([window[:, 1:], forecast], 1)
            forecasts = torch.cat([forecasts, forecast], 1)
        return torch.lerp(forecasts, self.universal.leads(sst, valid_time), self.share)

    def size(self) -> int:
        """Return the number of fitted weights of both networks."""
        return self.place_network.size() + self.universal.size()


MONTHS_WITHOUT_POSITION: Final = 24
"""Monthly values that are needed to know the season without a climatology."""

MIN_VALUES: Final = 24
"""Values that a series needs for a tenth and a fifth of it to say anything."""

PARTS: Final = 3
"""A short series is this many windows long, so that most of it can be forecast."""

Position = tuple[float, float]
"""Latitude and longitude, degrees."""


@dataclass(frozen=True)
class UniversalStart:
    """A universal release, and the climatology of the place."""

    dataset: str
    version: str
    modules: Mapping[str, torch.jit.ScriptModule]
    minimum: int
    horizon: int
    climatology: Tensor
    note: str

    @classmethod
    def find(
        cls, folders: Sequence[Path], series: SstSeries, position: Position | None = None
    ) -> "UniversalStart | None":
        """Load the universal release for the step of ``series`` from the first of ``folders`` that has one.

        The position of the place is None if it is not known.
        """
        candidate = next((release for folder in folders for release in _releases(folder, series.step)), None)
        if candidate is None:
            return None
        release = candidate.universal
        climatology, note = _climatology(series, position)
        return cls(
            release.name,
            release.version,
            {cell: network.module for cell, network in release.networks.items()},
            release.any_network.metadata.minimum,
            release.horizon,
            torch.from_numpy(climatology),
            note,
        )

    def short_settings(self, series: SstSeries) -> dict[str, int]:
        """Return the window and horizon for a series that is too short to fit networks to."""
        needed = self.minimum
        if series.step.calendar_month and not self.positioned:
            needed = max(needed, MONTHS_WITHOUT_POSITION)
        shortest = max(MIN_VALUES, PARTS * needed)
        if len(series) < shortest:
            remedy = "use a longer series, or send it to POST /forecast without training"
            if needed > self.minimum:
                remedy = f"give its position with --latitude and --longitude, or {remedy}"
            raise SeriesError(
                f"{too_few(len(series), 'value')} to train on: starting from {self.dataset}, a place needs {shortest}; "
                f"{remedy}"
            )
        shape = ForecastShape.for_step(series.step)
        window = min(shape.window, max(needed, len(series) // PARTS))
        return {"window": window, "horizon": min(shape.horizon, self.horizon, len(series) // 4)}

    def suits(self, config: TrainingConfig) -> bool:
        """Return whether the universal networks reach as far as ``config`` asks, from its windows, with its cells."""
        cells = set(config.cells) <= set(self.modules)
        return cells and config.horizon <= self.horizon and config.window >= self.minimum

    @property
    def positioned(self) -> bool:
        """Whether the climatology of the place is known."""
        return bool(torch.isfinite(self.climatology).all())

    @property
    def release(self) -> str:
        """Name and version of the universal release."""
        return f"{self.dataset} {self.version}"

    def at_place(self, cell: str, window: int, history: SstSeries) -> UniversalAtPlace:
        """Return the network of a cell, with the ``history`` of the place."""
        return UniversalAtPlace(self.modules[cell], window, history, self.climatology).eval()


def _releases(folder: Path, step: TimeStep) -> Iterator[SeaRelease]:
    """Yield the universal releases in ``folder`` whose networks have this step."""
    trusted = TrustedKeys.chosen(())
    # No key has signed the bundled releases.
    usable = folder.is_dir() and not (folder == RELEASES and trusted)
    for name in universal_names(folder) if usable else ():
        release = open_current(folder, name, trusted)
        if isinstance(release, SeaRelease) and release.step == step:
            yield release


def _climatology(series: SstSeries, position: Position | None) -> tuple[Coefficients, str]:
    """Return the coefficients of the climatology at a position, NaN where it is not used, and a sentence about it."""
    nowhere = np.full(COEFFICIENTS, np.nan, dtype=np.float32)
    if position is None:
        return nowhere, "no position: the universal networks do not know the usual temperatures of the place"
    coefficients = GlobalClimatology.load().coefficients(*position).astype(np.float32)
    where = f"{position[0]:g}, {position[1]:g}"
    if not np.isfinite(coefficients).all():
        raise RequestError(f"the position {where} is on land: check --latitude and --longitude", field="latitude")
    agreement = compare_with_climatology(series.values[None], series.times[-1:], coefficients[None], series.step)[0]
    if agreement == Agreement.IGNORED:
        return nowhere, f"the values disagree with the usual temperatures at {where}: the position is ignored"
    return coefficients, f"position {where}"
