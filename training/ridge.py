"""Ridge regression in closed form, its penalty chosen by generalised cross-validation."""

from typing import Final

import torch
from torch import Tensor

_PENALTIES: Final = torch.logspace(-3, 6, 37, dtype=torch.float64)


def ridge(free: Tensor, shrunk: Tensor, target: Tensor) -> Tensor:
    """Weights of ``free`` and ``shrunk`` terms that together come closest to ``target``.

    Least squares with a penalty on the squares of the shrunk terms' weights: the one that gives the least generalised
    cross-validation error (Golub, Heath and Wahba 1979, Technometrics 21, 215), which needs no part held out.

    Args:
        free: float64 ``(n, terms)``, whose weights cost nothing; a constant among them.
        shrunk: float64 ``(n, terms)``, all measured in the same unit.
        target: float64 ``(n,)``.

    Returns:
        float64 ``(terms,)``, the free terms' first.
    """

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
    best = int(torch.argmin(torch.where(freedom > 0, squares / freedom**2, torch.inf)))
    weights = axes @ (kept[best] * along)
    offsets = torch.linalg.lstsq(free, (target - shrunk @ weights)[:, None], driver="gelsd").solution[:, 0]
    return torch.cat([offsets, weights])
