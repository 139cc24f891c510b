"""One forecast from a network and references, weighted by how well each forecast the past of a series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.models.universal.references import Steps
from forecasting.series.times import Bools, Floats

MIXTURE: Final = "mixture"
"""Name of the model that mixes the others."""

_OF_NETWORK: Final = 0.5
_OF_REFERENCES: Final = {"linear": 0.3, "climatology": 0.1, "damped": 0.1}
"""Weights of members that were equally good; other references add nothing to these."""

_POWER: Final = 3.0
"""Weights are as the inverse mean squared error to this power."""

_PRIOR_FORECASTS: Final = 2.0
"""Past forecasts that do not overlap at which half the weight is learned from them."""

_CLEARLY_WORSE: Final = 0.7
"""Logarithm of a ratio of mean squared errors, here 2, above which the network is not preferred any more."""

_FEWEST: Final = 20
"""Past forecasts that a member needs at a lead."""

_SMOOTHING: Final = 0.3
"""Standard deviation of the kernel in the logarithm of the lead by which mean squared errors are smoothed."""

_LEAST_SQUARE: Final = 1e-8
"""°C², of rounding."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """How a network and references are mixed for several series, and what that did on their past.

    Attributes:
        weights: not negative, ``(candidates, n, leads)``; they add up to 1, or are all 0 where no member can be used.
        errors: forecast minus observation of the mixture at past steps, °C ``(n, origins, leads)``; NaN where unknown.
        usable: for which series there is a mixture, ``(n,)``.
    """

    weights: Floats
    errors: Floats
    usable: Bools

    @classmethod
    def of(
        cls, names: Sequence[str], errors: Floats, stride: int, usable: Bools, steps: Steps, pooled: int = 1
    ) -> "Mixture":
        """Learn the weights from past forecasts.

        The weight of each member is as its mean squared error over that of the network, on the past forecasts that
        both made, to a power, smoothed over leads. Where few of these do not overlap, and the network was not clearly
        worse than a reference, most of the weight is that of the network.

        Args:
            names: of the candidates: the network, then references.
            errors: of past forecasts, °C ``(candidates, n, origins, leads)``; NaN where unknown.
            stride: steps between origins.
            usable: whether the forecast of each candidate can be used, ``(candidates, n)``.
            steps: number of leads of each series, ``(n,)``; later ones do not count.
            pooled: number of series at the same times whose past forecasts are those of one; they count as one.
        """
        leads = np.arange(1, errors.shape[3] + 1)
        counts = leads <= steps[:, None]
        known = np.isfinite(errors) & counts[:, None]
        squares = np.where(known, errors, 0.0) ** 2
        common = known & known[:1]
        count = common.sum(axis=2) / pooled
        own, first = ((part * common).sum(axis=2) + _LEAST_SQUARE for part in (squares, squares[:1]))
        prior = np.array([_OF_NETWORK, *(_OF_REFERENCES.get(name, 0.0) for name in names[1:])])[:, None, None]
        enough = (count >= _FEWEST) & usable[..., None]
        ratio = _smoothed(np.log(own / first), enough)
        members = shares_of(np.exp(-_POWER * ratio), prior * enough)
        best = np.min(np.where(enough & (prior > 0), ratio, 0.0), axis=0)
        trust = np.minimum(1.0, np.exp(_POWER * (best + _CLEARLY_WORSE)))
        independent = count[0] * np.minimum(1.0, stride / leads)
        learned = 1 - trust * _PRIOR_FORECASTS / (independent + _PRIOR_FORECASTS)
        weights = members * np.where(enough[0], learned, ~usable[0, :, None])
        weights[0] += 1 - weights.sum(axis=0)
        weights = shares_of(weights, usable[..., None])
        at_origins = shares_of(weights[:, :, None], known)
        mixed = (at_origins * np.where(known, errors, 0.0)).sum(axis=0)
        there = ((weights.max(axis=0) > 0) | ~counts).all(axis=1)
        return cls(weights, np.where(at_origins.any(axis=0), mixed, np.nan), there)

    def mean(self, forecasts: Floats) -> Floats:
        """Return the weighted mean of ``forecasts``, °C ``(candidates, n, leads)``; those without weight may be NaN."""
        mean: Floats = (self.weights * np.where(self.weights > 0, forecasts, 0.0)).sum(axis=0)
        return mean

    def answers(self, rows: list[int], of_network: Floats, spreads: Floats, mean: Floats) -> tuple[Floats, Floats]:
        """Return mean and quantiles of the mixture, °C ``(rows, origins + 1, steps, 1 + levels)``, and its errors.

        Quantiles are as far from the mean as those of the members, by their weights. After the last lead, weights and
        departure from the network stay as they are there. Means of past forecasts are 0: only distances are known.

        Args:
            rows: of the series.
            of_network: mean and quantiles of the network from past steps, then from the end, °C
                ``(rows, origins + 1, steps, 1 + levels)``.
            spreads: quantiles of each reference minus its mean, °C ``(references, rows, leads, levels)``.
            mean: of the mixture from the end, °C ``(rows, leads)``.
        """
        leads = mean.shape[1]
        beyond = ((0, 0), (0, of_network.shape[2] - leads))
        own = self.weights[:, rows, :leads]
        weight = np.pad(own[0], beyond, mode="edge")
        mixed = of_network * weight[:, None, :, None]
        mixed[..., 1:] -= mixed[..., :1]
        of_references = (own[1:, ..., None] * spreads).sum(axis=0)
        mixed[..., 1:] += np.pad(of_references, (*beyond, (0, 0)), mode="edge")[:, None]
        mixed[:, :-1, :, 0] = 0.0
        ours = of_network[:, -1, :, 0]
        mixed[:, -1, :, 0] = ours + np.pad(mean - ours[:, :leads], beyond, mode="edge")
        mixed[..., 1:] += mixed[..., :1]
        errors = np.pad(self.errors[rows, :, :leads], ((0, 0), *beyond), constant_values=np.nan)
        return mixed, errors


def _smoothed(ratio: Floats, known: Bools) -> Floats:
    """Smooth logarithms of ratios ``(…, leads)`` over the leads where they are known; 0 where none is."""
    kernel = kernel_over_leads(np.arange(1, ratio.shape[-1] + 1), _SMOOTHING)
    smoothed: Floats = (np.where(known, ratio, 0.0) @ kernel) / np.maximum(known @ kernel, 1e-9)
    return smoothed


def kernel_over_leads(leads: Steps, deviation: float) -> Floats:
    """Return weights ``(leads, leads)`` that fall with the distance of leads, normally in their logarithms."""
    logarithms = np.log(leads)
    kernel: Floats = np.exp(-0.5 * ((logarithms[:, None] - logarithms) / deviation) ** 2)
    return kernel


def shares_of(weights: Floats, usable: Floats | Bools) -> Floats:
    """Return weights of what is usable that add up to 1 over the first axis, or are all 0."""
    weights = weights * usable
    shares: Floats = weights / np.maximum(weights.sum(axis=0), 1e-300)
    return shares
