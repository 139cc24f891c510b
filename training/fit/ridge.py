"""Ridge regression in closed form, with the penalty chosen by generalised cross-validation."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

_PENALTIES: Final = torch.logspace(-3, 6, 37, dtype=torch.float64)

_PENALTY_RATIOS: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ratios between the penalties on two groups of terms, to choose from."""


class Solution(NamedTuple):
    """The solution of a regression.

    Attributes:
        error: generalised cross-validation error.
        weights: float64 ``(terms,)``, those of the free terms first.
        costs: penalty on the square of each weight, float64 ``(terms,)``; for free terms, the ``given`` penalty.
    """

    error: float
    weights: Tensor
    costs: Tensor


def ridge(
    free: Tensor, shrunk: Tensor, target: Tensor, importance: Tensor | None = None, given: Tensor | None = None
) -> Solution:
    """Fit ``free`` and ``shrunk`` terms to ``target`` by least squares.

    The squared weights of the shrunk terms are penalised. The penalty is the one with the lowest generalised
    cross-validation error (Golub, Heath and Wahba 1979, Technometrics 21, 215), which needs no held-out data.

    Args:
        free: float64 ``(n, terms)``, terms with the penalties ``given`` only; there may be none.
        shrunk: float64 ``(n, terms)``, terms in a common unit.
        target: float64 ``(n,)``.
        importance: weight of each row, float64 ``(n,)``; equal if None.
        given: penalty on the square of each free term's weight, float64 ``(terms,)``; zero if None.
    """
    free, shrunk, target = _weight_rows(importance, free, shrunk, target)
    return _solve(free, shrunk, target, given)


def ridge_of_two(
    free: Tensor,
    shrunk: Tensor,
    other: Tensor,
    target: Tensor,
    importance: Tensor | None = None,
    given: Tensor | None = None,
) -> Solution:
    """Fit like :func:`ridge`, with a separate penalty for a second group of shrunk terms, chosen in the same way."""
    free, shrunk, other, target = _weight_rows(importance, free, shrunk, other, target)
    first = free.shape[1] + shrunk.shape[1]
    solutions = []
    for ratio in _PENALTY_RATIOS:
        error, weights, costs = _solve(free, torch.cat([shrunk, other / ratio**0.5], dim=1), target, given)
        weights[first:] /= ratio**0.5
        costs[first:] *= ratio
        solutions.append(Solution(error, weights, costs))
    return min(solutions, key=lambda solution: solution.error)


def _weight_rows(importance: Tensor | None, *columns: Tensor) -> tuple[Tensor, ...]:
    if importance is None:
        return columns
    root = (importance / importance.mean()).sqrt()
    return tuple(column * (root[:, None] if column.ndim > 1 else root) for column in columns)


def _solve(free: Tensor, shrunk: Tensor, target: Tensor, given: Tensor | None) -> Solution:
    """Solve with each penalty, and return the solution with the lowest cross-validation error."""
    given = free.new_zeros(free.shape[1]) if given is None else given
    # Each given penalty is an additional row, with its term only and a target of zero.
    rows = torch.diag(given.sqrt())[given > 0]
    free, shrunk, target = (
        torch.cat([free, rows]),
        torch.cat([shrunk, shrunk.new_zeros(len(rows), shrunk.shape[1])]),
        torch.cat([target, target.new_zeros(len(rows))]),
    )

    def beyond_free(columns: Tensor) -> Tensor:
        """The part of ``columns`` that the free terms do not explain."""
        return columns - free @ _least_squares(free, columns)

    terms, residual = beyond_free(shrunk), beyond_free(target[:, None])[:, 0]
    power, axes = torch.linalg.eigh(terms.T @ terms)
    power = power.clamp_min(0)
    along = axes.T @ (terms.T @ residual)
    shrinkage = 1 / (power + _PENALTIES[:, None])
    # Σ (residual − terms w)², with w = axes (shrinkage · along)
    squares = residual @ residual - 2 * (shrinkage * along**2).sum(1) + (shrinkage**2 * power * along**2).sum(1)
    freedom = len(residual) - free.shape[1] - (shrinkage * power).sum(1)
    errors = torch.where(freedom > 0, squares / freedom**2, torch.inf)
    best = int(torch.argmin(errors))
    weights = axes @ (shrinkage[best] * along)
    offsets = _least_squares(free, (target - shrunk @ weights)[:, None])[:, 0]
    costs = torch.cat([given, torch.full_like(weights, float(_PENALTIES[best]))])
    return Solution(float(errors[best]), torch.cat([offsets, weights]), costs)


def _least_squares(terms: Tensor, target: Tensor) -> Tensor:
    """Least-squares weights of ``terms`` for each column of ``target``, ``(terms, columns)``."""
    if not terms.shape[1]:
        return target.new_zeros(0, target.shape[1])
    weights: Tensor = torch.linalg.lstsq(terms, target, driver="gelsd").solution
    return weights
