"""What stands beside the networks of several places, so that they are forecast in part from what is usual at each."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.series.sst_series import SstSeries
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.places import Places
from training.examples.windows import Examples
from training.fit.fitting import fit_autoregression, leads_learnt
from training.fit.networks import RecurrentForecaster

MAX_PLACED_SHARE: Final = 0.75
"""Share in the forecast of the network that forecasts from what is usual at a place, where the place is sure."""


class PlacedForecaster(nn.Module):
    """Two networks' forecasts, mixed: of values, and of what they differ by from what is usual at their place.

    The share of the second is :data:`MAX_PLACED_SHARE` of how sure the place is.
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
        """As :meth:`RecurrentForecaster.forward`."""
        usual, shares, offset, sure = self.places(sst, valid_time)
        relative = self.relative(sst - usual, valid_time) + self.places.at(valid_time, shares, offset)
        return torch.lerp(self.general(sst, valid_time), relative, self.most * sure)

    def size(self) -> int:
        """Number of fitted weights, the places' cycles among them."""
        return self.general.size() + self.relative.size() + self.places.ahead.numel()


Network = RecurrentForecaster | PlacedForecaster


@dataclass(frozen=True)
class Companion:
    """The same for each network of a run: a network that forecasts values, by its autoregression alone."""

    general: RecurrentForecaster
    places: Places

    @classmethod
    def fit(cls, config: TrainingConfig, seen: SstSeries, examples: Examples) -> "Companion | None":
        """Fit as :func:`~training.fit.fitting.fit_autoregression`; None where networks forecast values themselves."""
        places = Places.of(seen, config)
        return None if places is None else cls(fit_autoregression(config, seen, examples), places)


def beside(network: RecurrentForecaster, companion: Companion | None) -> Network:
    """The network with its companion, where it has one."""
    return network if companion is None else PlacedForecaster(companion.general, network, companion.places)


def autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> Network:
    """Return a network of autoregressions alone, fitted as :func:`~training.fit.fitting.fit_autoregression` does."""
    companion = Companion.fit(config, seen, examples)
    if companion is None:
        return fit_autoregression(config, seen, examples)
    places = companion.places
    return beside(fit_autoregression(config, places.anomalies, places.relative(examples)), companion)


@dataclass(frozen=True)
class Companions:
    """Of the networks that were fitted on the training part alone, and of those to be published."""

    selected: Companion | None
    final: Companion | None

    @classmethod
    def of(cls, dataset: Dataset, config: TrainingConfig) -> "Companions":
        """The companions of a ``dataset``'s networks; :data:`NO_COMPANIONS` for one station."""
        if len(dataset.stations) < 2:
            return NO_COMPANIONS
        leads = leads_learnt(config)
        train, validation = (Examples.of(dataset.origins(part, leads)) for part in ("train", "validation"))
        return cls(
            Companion.fit(config, dataset.past("train"), train),
            Companion.fit(config, dataset.past("validation"), train.joined(validation)),
        )


NO_COMPANIONS: Final = Companions(None, None)
