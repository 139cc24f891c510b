"""Ridge regression in closed form, its penalty chosen by generalised cross-validation."""

from typing import Final, NamedTuple

import torch
from torch import Tensor

_PENALTIES: Final = torch.logspace(-3, 6, 37, dtype=torch.float64)

_RATIOS: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties on one group of terms over those on another, that are tried."""


class Solution(NamedTuple):
    """What a regression found.

    Attributes:
        error: of generalised cross-validation.
        weights: float64 ``(terms,)``, the free terms' first.
        costs: penalty on the square of each weight, float64 ``(terms,)``; what was given for a free term's.
    """

    error: float
    weights: Tensor
    costs: Tensor


def ridge(
    free: Tensor, shrunk: Tensor, target: Tensor, worth: Tensor | None = None, given: Tensor | None = None
) -> Solution:
    """Weights of ``free`` and ``shrunk`` terms that together come closest to ``target``.

    Least squares with a penalty on the squares of the shrunk terms' weights: the one that gives the least generalised
    cross-validation error (Golub, Heath and Wahba 1979, Technometrics 21, 215), which needs no part held out.

    Args:
        free: float64 ``(n, terms)``, whose weights cost nothing but what is ``given``; there may be none.
        shrunk: float64 ``(n, terms)``, all measured in the same unit.
        target: float64 ``(n,)``.
        worth: of each row, float64 ``(n,)``; all the same where None.
        given: penalty on the square of each free term's weight, float64 ``(terms,)``; none where None.

    Returns:
        The free terms' weights first.
    """
    free, shrunk, target = _weighed(worth, free, shrunk, target)
    return _solve(free, shrunk, target, given)


def ridge_of_two(
    free: Tensor,
    shrunk: Tensor,
    other: Tensor,
    target: Tensor,
    worth: Tensor | None = None,
    given: Tensor | None = None,
) -> Solution:
    """As :func:`ridge`, with a penalty of its own for a second group of shrunk terms, chosen in the same way."""
    free, shrunk, other, target = _weighed(worth, free, shrunk, other, target)
    first = free.shape[1] + shrunk.shape[1]
    found = []
    for ratio in _RATIOS:
        error, weights, costs = _solve(free, torch.cat([shrunk, other / ratio**0.5], dim=1), target, given)
        weights[first:] /= ratio**0.5
        costs[first:] *= ratio
        found.append(Solution(error, weights, costs))
    return min(found, key=lambda one: one.error)


def _weighed(worth: Tensor | None, *columns: Tensor) -> tuple[Tensor, ...]:
    if worth is None:
        return columns
    root = (worth / worth.mean()).sqrt()
    return tuple(one * (root[:, None] if one.ndim > 1 else root) for one in columns)


def _solve(free: Tensor, shrunk: Tensor, target: Tensor, given: Tensor | None) -> Solution:
    """The one with the least cross-validation error."""
    given = free.new_zeros(free.shape[1]) if given is None else given
    # A penalty that is given is a row more, in which the term stands alone and nothing follows.
    rows = torch.diag(given.sqrt())[given > 0]
    free, shrunk, target = (
        torch.cat([free, rows]),
        torch.cat([shrunk, shrunk.new_zeros(len(rows), shrunk.shape[1])]),
        torch.cat([target, target.new_zeros(len(rows))]),
    )

    def beyond_free(columns: Tensor) -> Tensor:
        """What the free terms do not explain."""
        return columns - free @ _least_squares(free, columns)

    terms, rest = beyond_free(shrunk), beyond_free(target[:, None])[:, 0]
    power, axes = torch.linalg.eigh(terms.T @ terms)
    power = power.clamp_min(0)
    along = axes.T @ (terms.T @ rest)
    kept = 1 / (power + _PENALTIES[:, None])
    # Σ (rest − terms w)², with w = axes (kept · along)
    squares = rest @ rest - 2 * (kept * along**2).sum(1) + (kept**2 * power * along**2).sum(1)
    freedom = len(rest) - free.shape[1] - (kept * power).sum(1)
    errors = torch.where(freedom > 0, squares / freedom**2, torch.inf)
    best = int(torch.argmin(errors))
    weights = axes @ (kept[best] * along)
    offsets = _least_squares(free, (target - shrunk @ weights)[:, None])[:, 0]
    costs = torch.cat([given, torch.full_like(weights, float(_PENALTIES[best]))])
    return Solution(float(errors[best]), torch.cat([offsets, weights]), costs)


def _least_squares(terms: Tensor, target: Tensor) -> Tensor:
    """Weights of ``terms`` for each column of ``target``, ``(terms, columns)``."""
    if not terms.shape[1]:
        return target.new_zeros(0, target.shape[1])
    weights: Tensor = torch.linalg.lstsq(terms, target, driver="gelsd").solution
    return weights
