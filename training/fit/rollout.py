"""The autoregression's weights fitted to all leads of its own roll-out."""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from training.examples.windows import Examples
from training.fit.autoregression import recency, scatter
from training.fit.networks import RecurrentForecaster

_MAX_WINDOWS: Final = 4_000
"""Most windows that are rolled forward: those beside them say the same again."""

_ITERATIONS: Final = 3


@torch.no_grad()
def fit_to_rollout(
    network: RecurrentForecaster, examples: Examples, weights: Tensor, costs: Tensor, later: float
) -> None:
    """Have the autoregression err little at every lead, where each is forecast from the ones before it.

    Gauss and Newton's steps, from the ``weights`` that are best one step ahead. The error of each window and lead is
    squared and weighed: by age and season as for one step, each lead with its own scatter; and those after the first
    together ``later`` times as much as the first. The penalties stay what they were. A step that makes the sum worse
    is halved.

    Args:
        network: whose autoregression is fitted.
        examples: windows, and what followed at each lead.
        weights: float64 ``(terms,)``, in the order of the autoregression's places.
        costs: penalty on the square of each, float64 ``(terms,)``.
        later: what the later leads count together; the first counts 1.
    """
    if examples.leads < 2 or not later:
        return
    every = -(-len(examples) // _MAX_WINDOWS)
    examples = examples.take(slice(None, None, every))
    worth, best, least = torch.empty(0), weights, torch.inf
    for _ in range(_ITERATIONS + 1):
        network.linear.set(weights)
        leads = list(derivatives(network, examples))
        errors = (examples.target - torch.stack([said for said, _ in leads], dim=1)).double() / network.spread
        if not len(worth):
            worth = every * _worth(network, examples, errors, later)
        errors = errors.nan_to_num(0.0)
        total = float((worth * errors**2).sum() + (costs * weights**2).sum())
        if not total < least:
            weights = (best + weights) / 2
            continue
        best, least = weights, total
        weights = best + _step(network, leads, errors, worth, best, costs)
    network.linear.set(best)


def derivatives(network: RecurrentForecaster, examples: Examples) -> Iterator[tuple[Tensor, Tensor]]:
    """Forecasts of the autoregression, °C ``(n,)``, and their derivatives by its weights, ``(n, terms)``, by lead."""
    sst, window = examples.sst, examples.sst.shape[1]
    derivatives: list[Tensor] = []
    for lead in range(examples.leads):
        with torch.enable_grad():
            seen = sst.requires_grad_()
            known, season = network.known(seen, examples.valid_time[:, lead])
            said = seen[:, -1] + network.spread * network.linear(known, season)
            (by_value,) = torch.autograd.grad(said.sum(), seen)
        derivative = network.spread * network.linear.terms(known.detach(), season)
        for before, one in enumerate(reversed(derivatives[-window:]), start=1):
            derivative += by_value[:, -before, None] * one
        derivatives.append(derivative)
        said = said.detach()
        sst = torch.cat([seen.detach()[:, 1:], said[:, None]], dim=1)
        yield said, derivative


def _worth(network: RecurrentForecaster, examples: Examples, errors: Tensor, later: float) -> Tensor:
    """Of each window and lead, ``(n, leads)``; 0 where nothing was observed, 1 at the first lead in the mean."""
    worth = torch.zeros_like(errors)
    ages = recency(examples.valid_time[:, 0])
    for lead, known in enumerate(errors.isfinite().T):
        if known.any():
            season = network.calendar(examples.valid_time[known, lead])
            worth[known, lead] = ages[known] / scatter(errors[known, lead], season)
    worth /= worth[errors[:, 0].isfinite(), 0].mean()
    worth[:, 1:] *= later / (examples.leads - 1)
    return worth


def _step(
    network: RecurrentForecaster,
    leads: list[tuple[Tensor, Tensor]],
    errors: Tensor,
    worth: Tensor,
    weights: Tensor,
    costs: Tensor,
) -> Tensor:
    """To the weights that are best where forecasts are linear in them, ``(terms,)``."""
    normal, slope = torch.diag(costs), -costs * weights
    for lead, (_, derivative) in enumerate(leads):
        by_weight = derivative.double() / network.spread
        weighed = by_weight * worth[:, lead, None]
        normal += weighed.T @ by_weight
        slope += weighed.T @ errors[:, lead]
    # A term that never varies has neither slope nor cost.
    normal += torch.diag(1e-9 * normal.diagonal() + torch.finfo(torch.float64).tiny)
    step: Tensor = torch.linalg.solve_ex(normal, slope).result
    return step
