"""What a network is fitted to, and the autoregression that is computed from it in closed form."""

import time
from dataclasses import dataclass
from typing import Final

import torch

from forecasting.evaluation.division import SPLITS
from forecasting.series.sst_series import SstSeries
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.inputs import Scaling
from training.examples.places import Places
from training.examples.tensors import Examples
from training.fit.networks import RecurrentForecaster
from training.fit.rollout import fit_to_rollout

MAX_ROLLOUT_LEADS: Final = 48
"""Largest number of leads that weights are fitted to."""


@dataclass(frozen=True)
class Autoregression:
    """An autoregression fitted in closed form.

    Attributes:
        network: that holds the autoregression, beside a cell that is not trained.
        unexplained: share of the increments' seasonal variance that the autoregression leaves.
    """

    network: RecurrentForecaster
    unexplained: float


@dataclass(frozen=True)
class FitData:
    """The data of a network, and everything computed from it that does not depend on the cell or the seed.

    Attributes:
        config: settings of the run.
        seen: data that the network is scaled by.
        examples: windows to train on, with an observation at the first lead.
        validation: windows to evaluate after each epoch.
        autoregression: fitted to all leads; None if the configuration has none.
        seconds: wall time of computing all this.
    """

    config: TrainingConfig
    seen: SstSeries
    examples: Examples
    validation: Examples | None
    autoregression: Autoregression | None
    seconds: float

    @classmethod
    def of(
        cls, config: TrainingConfig, seen: SstSeries, examples: Examples, validation: Examples | None = None
    ) -> "FitData":
        """Prepare the data of one network: for several places, differences from what is usual at each."""
        begin = time.perf_counter()
        places = Places.of(seen, config)
        if places is not None:
            seen, examples = places.anomalies, places.relative(examples)
            validation = places.relative(validation) if validation else None
        autoregression = _solve_autoregression(config, seen, examples) if config.autoregression else None
        examples, validation = examples.with_next(), validation.with_next() if validation else None
        return cls(config, seen, examples, validation, autoregression, time.perf_counter() - begin)

    @classmethod
    def of_dataset(cls, dataset: Dataset, config: TrainingConfig) -> "tuple[FitData, FitData, FitData]":
        """Prepare the data of the three networks of a :class:`Fit`: ``selected``, ``evaluated`` and ``final``."""
        leads = leads_learnt(config)
        train, validation, test = (Examples.of(dataset.origins(part, leads)) for part in SPLITS)
        both = train.joined(validation)
        return (
            cls.of(config, dataset.past("train"), train, validation),
            cls.of(config, dataset.past("validation"), both),
            cls.of(config, dataset.past("test"), both.joined(test)),
        )


def new_network(cell: str, config: TrainingConfig, seen: SstSeries) -> RecurrentForecaster:
    """Return a network with initial weights, scaled by the data that it is to be trained on."""
    scaling = Scaling.of(seen, trend=config.counts_trend(seen.step))
    return RecurrentForecaster(cell, config, seen.step, scaling)


def fit_autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> RecurrentForecaster:
    """Fit a network that forecasts by its autoregression only, which needs no gradient descent.

    Args:
        config: settings of the run.
        seen: data that the network is scaled by.
        examples: to fit to, with :func:`leads_learnt` leads.
    """
    network = _solve_autoregression(config, seen, examples).network
    network.mix(0.0)
    return network.eval()


def leads_learnt(config: TrainingConfig) -> int:
    """Number of leads that a network is fitted to."""
    return min(config.horizon, MAX_ROLLOUT_LEADS)


def _solve_autoregression(config: TrainingConfig, seen: SstSeries, rolled: Examples) -> Autoregression:
    """Fit the autoregression of a network, which does not depend on its cell.

    The weights are the mean over the alternatives, so one step ahead the forecast is the mean of theirs.
    """
    # The cell is not trained, but a release may hold its weights: they must not depend on the caller's generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = new_network(config.cells[0], config, seen)
    examples = rolled.with_next()
    known, season = network.known(examples.sst, examples.valid_time[:, 0])
    increments = examples.increments(network.spread)
    linear, alternatives = network.linear, []
    for terms in linear.alternatives:
        linear.active = terms
        weights, costs = linear.fit(known, season, increments, examples.valid_time[:, 0])
        fit_to_rollout(network, rolled, weights, costs, config.later_leads)
        alternatives.append(terms.share * linear.weights)
    linear.weights.copy_(torch.stack(alternatives).sum(0))
    residual = increments - linear(known, season)
    seasonal_mean = season @ torch.linalg.lstsq(season, increments[:, None], driver="gelsd").solution[:, 0]
    unexplained = float(residual.square().mean() / (increments - seasonal_mean).square().mean())
    return Autoregression(network, unexplained)
