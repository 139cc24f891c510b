"""What a network is fitted to, and the autoregressions that are computed from it in closed form."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.evaluation.division import SPLITS
from forecasting.series.sst_series import SstSeries
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples, Scaling
from training.fit.autoregression import recency, scatter
from training.fit.networks import RecurrentForecaster
from training.fit.places import Places

_MAX_WINDOWS: Final = 4_000
"""Largest number of windows to roll forward; neighbouring windows say nearly the same."""

_ITERATIONS: Final = 3


@torch.no_grad()
def fit_to_rollout(
    network: RecurrentForecaster, examples: Examples, weights: Tensor, costs: Tensor, later: float
) -> None:
    """Fit the autoregression to every lead, each forecast from the leads before it.

    This takes Gauss–Newton steps from the ``weights`` that are best one step ahead, to minimise a weighted sum of
    squared errors plus the unchanged penalties. Windows are weighted by age and season as for one step, with the
    scatter of each lead; all leads after the first together have ``later`` times the weight of the first. A step that
    increases the sum is halved.
    """
    if examples.leads < 2 or not later:
        return
    every = -(-len(examples) // _MAX_WINDOWS)
    examples = examples.take(slice(None, None, every))
    importance, best, lowest = torch.empty(0), weights, torch.inf
    for _ in range(_ITERATIONS + 1):
        network.linear.set(weights)
        leads = list(derivatives(network, examples))
        errors = (examples.target - torch.stack([forecast for forecast, _ in leads], dim=1)).double() / network.spread
        if not len(importance):
            importance = every * _importance(network, examples, errors, later)
        errors = errors.nan_to_num(0.0)
        total = float((importance * errors**2).sum() + (costs * weights**2).sum())
        if not total < lowest:
            weights = (best + weights) / 2
            continue
        best, lowest = weights, total
        weights = best + _step(network, leads, errors, importance, best, costs)
    network.linear.set(best)


def derivatives(network: RecurrentForecaster, examples: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield by lead the forecasts of the autoregression, °C ``(n,)``, and their derivatives, ``(n, terms)``."""
    sst, window = examples.sst, examples.sst.shape[1]
    derivatives: list[Tensor] = []
    for lead in range(examples.leads):
        with torch.enable_grad():
            seen = sst.requires_grad_()
            known, season = network.known(seen, examples.valid_time[:, lead])
            forecast = seen[:, -1] + network.spread * network.linear(known, season)
            (by_value,) = torch.autograd.grad(forecast.sum(), seen)
        derivative = network.spread * network.linear.terms(known.detach(), season)
        for back, earlier in enumerate(reversed(derivatives[-window:]), start=1):
            derivative += by_value[:, -back, None] * earlier
        derivatives.append(derivative)
        forecast = forecast.detach()
        sst = torch.cat([seen.detach()[:, 1:], forecast[:, None]], dim=1)
        yield forecast, derivative


def _importance(network: RecurrentForecaster, examples: Examples, errors: Tensor, later: float) -> Tensor:
    """Return the weight of each window and lead, ``(n, leads)``: 0 without an observation, 1 on average at lead 1."""
    importance = torch.zeros_like(errors)
    ages = recency(examples.valid_time[:, 0])
    for lead, known in enumerate(errors.isfinite().T):
        if known.any():
            season = network.calendar(examples.valid_time[known, lead])
            importance[known, lead] = ages[known] / scatter(errors[known, lead], season)
    importance /= importance[errors[:, 0].isfinite(), 0].mean()
    importance[:, 1:] *= later / (examples.leads - 1)
    return importance


def _step(
    network: RecurrentForecaster,
    leads: list[tuple[Tensor, Tensor]],
    errors: Tensor,
    importance: Tensor,
    weights: Tensor,
    costs: Tensor,
) -> Tensor:
    """Return the Gauss–Newton step, to the best weights if forecasts were linear in them, ``(terms,)``."""
    normal, slope = torch.diag(costs), -costs * weights
    for lead, (_, derivative) in enumerate(leads):
        by_weight = derivative.double() / network.spread
        weighted = by_weight * importance[:, lead, None]
        normal += weighted.T @ by_weight
        slope += weighted.T @ errors[:, lead]
    # Keep the matrix regular: a term that never varies has neither slope nor cost.
    normal += torch.diag(1e-9 * normal.diagonal() + torch.finfo(torch.float64).tiny)
    step: Tensor = torch.linalg.solve_ex(normal, slope).result
    return step


MAX_ROLLOUT_LEADS: Final = 48
"""Largest number of leads that weights are fitted to."""

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
        """Return the number of fitted weights, including the seasonal cycles of the places."""
        return self.general.size() + self.relative.size() + self.places.ahead.numel()


Network = RecurrentForecaster | PlacedForecaster


@dataclass(frozen=True)
class FitData:
    """The data of a network, and everything computed from it that does not depend on the cell or the seed.

    For several places, these are differences from what is usual at each, and the network is mixed with a general one.
    """

    config: TrainingConfig
    seen: SstSeries
    examples: Examples
    validation: Examples | None
    autoregression: RecurrentForecaster | None
    unexplained: float
    places: Places | None
    general: RecurrentForecaster | None
    seconds: float

    @classmethod
    def of(
        cls, config: TrainingConfig, seen: SstSeries, examples: Examples, validation: Examples | None = None
    ) -> "FitData":
        """Prepare the data of one network."""
        begin, general, network, unexplained = time.perf_counter(), None, None, 1.0
        places = Places.of(seen, config)
        if places is not None:
            general = fit_autoregression(config, seen, examples)
            seen, examples = places.anomalies, places.relative(examples)
            validation = places.relative(validation) if validation else None
        if config.autoregression:
            network, unexplained = _solve_autoregression(config, seen, examples)
        examples, validation = examples.with_next(), validation.with_next() if validation else None
        seconds = time.perf_counter() - begin
        return cls(config, seen, examples, validation, network, unexplained, places, general, seconds)

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

    def placed(self, network: RecurrentForecaster) -> Network:
        """Return a network that was fitted to these data, mixed with the general one if there are several places."""
        if self.places is None or self.general is None:
            return network
        return PlacedForecaster(self.general, network, self.places)


def new_network(cell: str, config: TrainingConfig, seen: SstSeries) -> RecurrentForecaster:
    """Return a network with initial weights, scaled by the data that it is to be trained on."""
    scaling = Scaling.of(seen, trend=config.counts_trend(seen.step))
    return RecurrentForecaster(cell, config, seen.step, scaling)


def fit_autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> RecurrentForecaster:
    """Fit a network that forecasts by its autoregression only, which needs no gradient descent."""
    network, _ = _solve_autoregression(config, seen, examples)
    network.mix(0.0)
    return network.eval()


def autoregression(config: TrainingConfig, seen: SstSeries, examples: Examples) -> Network:
    """Fit like :func:`fit_autoregression`, for several places as they are mixed in :class:`FitData`."""
    general, places = fit_autoregression(config, seen, examples), Places.of(seen, config)
    if places is None:
        return general
    relative = fit_autoregression(config, places.anomalies, places.relative(examples))
    return PlacedForecaster(general, relative, places)


def leads_learnt(config: TrainingConfig) -> int:
    """Return the number of leads that a network is fitted to."""
    return min(config.horizon, MAX_ROLLOUT_LEADS)


def _solve_autoregression(
    config: TrainingConfig, seen: SstSeries, rolled: Examples
) -> tuple[RecurrentForecaster, float]:
    """Fit the autoregression of a network beside a cell that is not trained.

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
    return network, float(residual.square().mean() / (increments - seasonal_mean).square().mean())
