"""Companions of the networks of a panel, which let part of a forecast start from what is usual at the place."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.evaluation.division import SPLITS
from forecasting.series.sst_series import SstSeries
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.places import Places
from training.examples.tensors import Examples
from training.fit.fit_data import fit_autoregression, leads_learnt
from training.fit.networks import RecurrentForecaster

MAX_PLACED_SHARE: Final = 0.75
"""Weight of the network that forecasts differences from what is usual at a place, if the place is certain."""


class PlacedForecaster(nn.Module):
    """A mix of two networks: one forecasts values, the other differences from what is usual at the place.

    The weight of the second is :data:`MAX_PLACED_SHARE` times the certainty of the place.
    """

    def __init__(self, general: RecurrentForecaster, relative: RecurrentForecaster, places: Places) -> None:
        super().__init__()
        self.general = general
        self.relative = relative
        self.places = places
        self.most = MAX_PLACED_SHARE
        self.window = general.window
        self.step_seconds = general.step_seconds

    def forward(self, sst: Tensor, valid_time: Tensor) -> Tensor:
        """Forecast one step; see :meth:`RecurrentForecaster.forward`."""
        usual, shares, offset, sure = self.places(sst, valid_time)
        relative = self.relative(sst - usual, valid_time) + self.places.at(valid_time, shares, offset)
        return torch.lerp(self.general(sst, valid_time), relative, self.most * sure)

    def size(self) -> int:
        """Number of fitted weights, including the seasonal cycles of the places."""
        return self.general.size() + self.relative.size() + self.places.ahead.numel()


Network = RecurrentForecaster | PlacedForecaster


@dataclass(frozen=True)
class Companion:
    """What all networks of a panel are combined with: an autoregression of values, and the places."""

    general: RecurrentForecaster
    places: Places

    @classmethod
    def fit(cls, config: TrainingConfig, seen: SstSeries, examples: Examples) -> "Companion | None":
        """Fit as :func:`~training.fit.fit_data.fit_autoregression` does; None if :meth:`Places.of` finds no places."""
        places = Places.of(seen, config)
        return None if places is None else cls(fit_autoregression(config, seen, examples), places)


def beside(network: RecurrentForecaster, companion: Companion | None) -> Network:
    """Combine a network with its companion, if there is one."""
    return network if companion is None else PlacedForecaster(companion.general, network, companion.places)


def autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> Network:
    """Fit a network without a cell, combined with its companion, if there is one."""
    companion = Companion.fit(config, seen, examples)
    if companion is None:
        return fit_autoregression(config, seen, examples)
    places = companion.places
    return beside(fit_autoregression(config, places.anomalies, places.relative(examples)), companion)


@dataclass(frozen=True)
class Companions:
    """The companions of a run.

    Attributes:
        selected: of the networks fitted to the training part only.
        evaluated: of the networks fitted to the training and validation parts.
        final: of the networks fitted to the whole series.
    """

    selected: Companion | None
    evaluated: Companion | None
    final: Companion | None

    @classmethod
    def of(cls, dataset: Dataset, config: TrainingConfig) -> "Companions":
        """Fit the companions for a ``dataset``; :data:`NO_COMPANIONS` for a single station."""
        if len(dataset.stations) < 2:
            return NO_COMPANIONS
        leads = leads_learnt(config)
        parts = [Examples.of(dataset.origins(part, leads)) for part in SPLITS]
        examples = accumulate(parts, Examples.joined)
        fitted = (Companion.fit(config, dataset.past(part), seen) for part, seen in zip(SPLITS, examples, strict=True))
        return cls(*fitted)


NO_COMPANIONS: Final = Companions(None, None, None)
