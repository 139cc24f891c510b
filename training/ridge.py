"""Ridge regression in closed form, its penalty chosen by generalised cross-validation."""

from typing import Final

import torch
from torch import Tensor

_PENALTIES: Final = torch.logspace(-3, 6, 37, dtype=torch.float64)

_RATIOS: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Penalties on one group of terms over those on another, that are tried."""


def ridge(free: Tensor, shrunk: Tensor, target: Tensor, worth: Tensor | None = None) -> Tensor:
    """Weights of ``free`` and ``shrunk`` terms that together come closest to ``target``.

    Least squares with a penalty on the squares of the shrunk terms' weights: the one that gives the least generalised
    cross-validation error (Golub, Heath and Wahba 1979, Technometrics 21, 215), which needs no part held out.

    Args:
        free: float64 ``(n, terms)``, whose weights cost nothing; a constant among them.
        shrunk: float64 ``(n, terms)``, all measured in the same unit.
        target: float64 ``(n,)``.
        worth: of each row, float64 ``(n,)``; all the same where None.

    Returns:
        float64 ``(terms,)``, the free terms' first.
    """
    return _solve(*_weighed(worth, free, shrunk, target))[1]


def ridge_of_two(free: Tensor, shrunk: Tensor, other: Tensor, target: Tensor, worth: Tensor | None = None) -> Tensor:
    """As :func:`ridge`, with a penalty of its own for a second group of shrunk terms, chosen in the same way."""
    free, shrunk, other, target = _weighed(worth, free, shrunk, other, target)
    found = []
    for ratio in _RATIOS:
        error, weights = _solve(free, torch.cat([shrunk, other / ratio**0.5], dim=1), target)
        weights[free.shape[1] + shrunk.shape[1] :] /= ratio**0.5
        found.append((error, weights))
    return min(found, key=lambda one: one[0])[1]


def _weighed(worth: Tensor | None, *columns: Tensor) -> tuple[Tensor, ...]:
    if worth is None:
        return columns
    root = (worth / worth.mean()).sqrt()
    return tuple(one * (root[:, None] if one.ndim > 1 else root) for one in columns)


def _solve(free: Tensor, shrunk: Tensor, target: Tensor) -> tuple[float, Tensor]:
    """The least cross-validation error, and the weights that give it."""

    def beyond_free(columns: Tensor) -> Tensor:
        """What the free terms do not explain."""
        explained: Tensor = free @ torch.linalg.lstsq(free, columns, driver="gelsd").solution
        return columns - explained

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
    offsets = torch.linalg.lstsq(free, (target - shrunk @ weights)[:, None], driver="gelsd").solution[:, 0]
    return float(errors[best]), torch.cat([offsets, weights])
