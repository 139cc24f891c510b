"""The universal networks that networks of a place may start from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forecasting.bundled import RELEASES
from forecasting.climatology.global_climatology import Coefficients, GlobalClimatology
from forecasting.errors import RequestError, SeriesError
from forecasting.networks.device import CPU
from forecasting.networks.metadata import CELLS
from forecasting.releases.release import Release, open_current, universal_names
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.universal.contexts.position_check import Agreement, compare_with_climatology
from forecasting.universal.network.checkpoint import CLIMATOLOGY_TERMS
from forecasting.universal.network.metadata import parse_universal_metadata
from forecasting.universal.release import UniversalRelease
from forecasting.wording import too_few
from training.config import TrainingConfig
from training.fit.at_place import UniversalAtPlace

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
    """A universal release, and the climatology of the place.

    Attributes:
        dataset: name of the universal release.
        version: of the universal release.
        modules: networks by cell.
        minimum: smallest number of values that the networks forecast from.
        horizon: number of leads.
        climatology: coefficients, °C, float32 ``(7,)``; NaN if the position is not known.
        note: a sentence on the position.
    """

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

        Args:
            folders: with releases.
            series: of the place.
            position: of the place; None if it is not known.

        Raises:
            RequestError: if the position is on land or out of range.
            ReleaseError: if the release cannot be used, or no key that ``SST_TRUSTED_KEYS`` names signed it.
        """
        candidate = next((release for folder in folders for release in _releases(folder, series.step)), None)
        if candidate is None:
            return None
        release = UniversalRelease.open(candidate, CPU)
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
        """Window and horizon for a series that is too short to fit networks to.

        Raises:
            SeriesError: if it is too short for the universal networks, too.
        """
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
        """Whether the universal networks forecast as far as ``config`` asks, with its cells, from its windows."""
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
        """The network of a cell, with the ``history`` of the place."""
        return UniversalAtPlace(self.modules[cell], window, history, self.climatology).eval()


def _releases(folder: Path, step: TimeStep) -> Iterator[Release]:
    """Yield the universal releases in ``folder`` whose networks have this step."""
    trusted = TrustedKeys.chosen(())
    # No key has signed the bundled releases.
    usable = folder.is_dir() and not (folder == RELEASES and trusted)
    for name in universal_names(folder) if usable else ():
        release = open_current(folder, name, trusted)
        sidecar = next(f"{cell}.json" for cell in CELLS if release.holds(f"{cell}.json"))
        if parse_universal_metadata(release.read(sidecar)).time_step == step:
            yield release


def _climatology(series: SstSeries, position: Position | None) -> tuple[Coefficients, str]:
    """Coefficients of the climatology at a position, NaN where it cannot be used, and a sentence that says so."""
    nowhere = np.full(CLIMATOLOGY_TERMS, np.nan, dtype=np.float32)
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
