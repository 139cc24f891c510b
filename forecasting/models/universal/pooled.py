"""A mixture that is learned from some series and used for others, as from a sample of the cells of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from forecasting.models.universal.backtest import (
    MIN_ORIGINS,
    relative_departures,
    symmetric_quantiles,
    width_factors,
)
from forecasting.models.universal.distribution import spread_of
from forecasting.models.universal.mixture import Mixture, shares_of
from forecasting.references.baselines import REFERENCES
from forecasting.series.times import Bools, Floats


class Backtest(NamedTuple):
    """Past forecasts of several series by a network and references.

    Attributes:
        answers: mean and quantiles of the network, °C ``(n, origins, leads, 1 + levels)``.
        errors: forecast minus observation of the network, then of each of :data:`REFERENCES`, °C
            ``(1 + references, n, origins, leads)``; NaN where unknown.
        stride: steps between origins.
    """

    answers: Floats
    errors: Floats
    stride: int

    def long(self, lead: int) -> "Backtest":
        """Return those of the series that have enough past forecasts at ``lead`` for a mixture."""
        rows = np.isfinite(self.errors[0, :, :, lead - 1]).sum(axis=1) >= MIN_ORIGINS
        return Backtest(self.answers[rows], self.errors[:, rows], self.stride)


@dataclass(frozen=True)
class PooledMixture:
    """How one network and references are mixed for all series alike. Can be written as JSON.

    Attributes:
        network: full name.
        series: number of series that it was learned from.
        weights: of each member at each lead, by name; not negative, they add up to 1.
        spreads: quantiles of the errors of each reference at each lead, ``(leads, levels)``, by name, relative to the
            standard deviation that the network forecasts.
        factors: for the distance of quantiles from the median at each lead.
    """

    network: str
    series: int
    weights: dict[str, tuple[float, ...]]
    spreads: dict[str, tuple[tuple[float, ...], ...]]
    factors: tuple[float, ...]

    @classmethod
    def of(
        cls, network: str, backtests: Sequence[Backtest], levels: tuple[float, ...], horizon: int
    ) -> "PooledMixture | None":
        """Learn from past forecasts, as :class:`Mixture` does from those of one series.

        Those of all series at the same time count as one, since neighbours err alike. Returns None if no series has
        enough past forecasts at the lead ``horizon``.
        """
        parts = [part for part in (backtest.long(horizon) for backtest in backtests) if len(part.answers)]
        if not parts:
            return None
        names, stride = (network, *REFERENCES), min(part.stride for part in parts)
        answers = np.concatenate([part.answers.reshape(-1, *part.answers.shape[2:]) for part in parts])
        series, leads = sum(len(part.answers) for part in parts), answers.shape[1]
        errors = np.concatenate([part.errors.reshape(len(names), -1, leads) for part in parts], axis=1)
        mixture = Mixture.of(
            names, errors[:, None], stride, np.ones((len(names), 1), dtype=np.bool_), np.array([leads]), series
        )
        spreads = symmetric_quantiles(errors[1:] / spread_of(answers[..., 1:], levels), levels)
        members = [index for index, row in enumerate(mixture.weights[:, 0]) if row.any()]
        learned = cls(
            network,
            series,
            {names[index]: tuple(mixture.weights[index, 0].tolist()) for index in members},
            {names[index]: tuple(map(tuple, spreads[index - 1].tolist())) for index in members if index},
            (1.0,) * leads,
        )
        past = learned.mixture(names, np.isfinite(errors))
        rows, mean = [*range(len(answers))], answers[..., 0]
        mixed, _ = past.answers(rows, answers[:, None], learned.spreads_of(names[1:], answers[..., 1:], levels), mean)
        departures = relative_departures(mixed[:, 0], mixture.errors[0], levels)
        return replace(learned, factors=tuple(width_factors(departures, stride, pooled=series).tolist()))

    def mixture(self, names: Sequence[str], usable: Bools) -> Mixture:
        """Return the mixture of several series, of which these candidates can be used, ``(candidates, n, leads)``."""
        weights = self._shares(names, usable)
        there: Bools = (weights.max(axis=0) > 0).all(axis=1)
        return Mixture(weights, np.empty((usable.shape[1], 0, usable.shape[2])), there)

    def errors(self, names: Sequence[str], errors: Floats) -> Floats:
        """Return the errors of the mixture, °C, from those of candidates, ``(candidates, …, leads)``.

        They are NaN where those of all members are.
        """
        known = np.isfinite(errors)
        shares = self._shares(names, known)
        mixed: Floats = (shares * np.where(known, errors, 0.0)).sum(axis=0)
        return np.where(shares.any(axis=0), mixed, np.nan)

    def _shares(self, names: Sequence[str], usable: Bools) -> Floats:
        nothing = (0.0,) * usable.shape[-1]
        weights = np.array([self.weights.get(name, nothing)[: usable.shape[-1]] for name in names])
        return shares_of(weights.reshape(len(names), *[1] * (usable.ndim - 2), -1), usable)

    def spreads_of(self, references: Sequence[str], quantiles: Floats, levels: tuple[float, ...]) -> Floats:
        """Return quantiles of each reference minus its mean, °C ``(references, n, leads, levels)``.

        Args:
            references: by name; 0 for those that are no members.
            quantiles: of the network, °C ``(n, leads, levels)``.
            levels: their probabilities.
        """
        spread = spread_of(quantiles, levels)[..., None]
        spreads = np.zeros((len(references), *quantiles.shape))
        for index, name in enumerate(references):
            if name in self.spreads:
                spreads[index] = np.array(self.spreads[name][: spread.shape[1]]) * spread
        return spreads
