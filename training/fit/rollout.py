"""Fit of the autoregression to all leads of its roll-out."""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from training.examples.tensors import Examples
from training.fit.autoregression import recency, scatter
from training.fit.networks import RecurrentForecaster

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

    Args:
        network: whose autoregression is fitted.
        examples: windows, and the observations at each lead.
        weights: float64 ``(terms,)``, in the order of the autoregression's places.
        costs: penalty on the square of each weight, float64 ``(terms,)``.
        later: total weight of the later leads, relative to the first.
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
    """By lead, forecasts of the autoregression, °C ``(n,)``, and their derivatives by its weights, ``(n, terms)``."""
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
    """Weight of each window and lead, ``(n, leads)``: 0 without an observation; the mean at the first lead is 1."""
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
    """The Gauss–Newton step, to the best weights if forecasts were linear in them, ``(terms,)``."""
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
