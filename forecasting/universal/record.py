"""The record of models on a series: forecasts of its past, and what they say about the next one."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.scores.sampling import long_run_error
from forecasting.series.times import Bools, Floats
from forecasting.universal.contexts import Contexts
from forecasting.universal.distribution import quantiles_at
from forecasting.universal.past import Steps

MAX_ORIGINS: Final = 120
MIN_ORIGINS: Final = 30
"""Past forecasts from which on the record decides."""

MIN_ORIGINS_TO_RECALIBRATE: Final = 60

_MAX_STRIDE: Final = 3
_SIGNIFICANT_SCORE: Final = 2.0537
"""Standard errors by which a reference must be better: one-sided, 90 % for the best of five (Bonferroni)."""

_LEAST_SQUARE: Final = 1e-8
"""°C², below which errors of persistence are rounding."""

_COVERAGE: Final = 0.8
_PRIOR_ORIGINS: Final = 100.0
"""Effective origins at which the factor of the past counts half."""

_LEAST_FACTOR: Final = 0.7
_GREATEST_FACTOR: Final = 1.5


def past_origins(contexts: Contexts, minimum: int, maximum: int) -> tuple[Steps, int]:
    """Return the steps to forecast from, and the stride between them.

    They are spread over the last part of the series, follow at least ``minimum`` observed values of one of them, and
    leave out the end.
    """
    observed = np.isfinite(contexts.values)
    length = observed.shape[1]
    enough = np.cumsum(observed, axis=1) >= minimum
    enough[:, : max(0, length - maximum) + minimum - 1] = False
    usable = np.flatnonzero(np.logical_or.reduce(observed & enough, axis=0)[:-1])
    stride = int(np.clip(len(usable) // MAX_ORIGINS, 1, _MAX_STRIDE))
    return usable[::-stride][:MAX_ORIGINS][::-1].astype(np.int64), stride


def errors_of(contexts: Contexts, forecasts: Floats, origins: Steps, minimum: int) -> Floats:
    """Return forecast minus observation, NaN where an origin or its target is missing, °C ``(n, origins, leads)``.

    Args:
        contexts: the series.
        forecasts: °C, ``(n, origins, leads)``.
        origins: steps of the series, ``(origins,)``.
        minimum: number of observed values that an origin needs.
    """
    length = contexts.values.shape[1]
    ahead = origins[:, None] + np.arange(1, forecasts.shape[2] + 1)
    targets = np.where(ahead < length, contexts.values[:, np.minimum(ahead, length - 1)], np.nan)
    observed = np.isfinite(contexts.values)
    usable = observed[:, origins] & (np.cumsum(observed, axis=1)[:, origins] >= minimum)
    return np.where(usable[:, :, None], forecasts - targets, np.nan)


@dataclass(frozen=True, eq=False)
class Record:
    """Errors of all candidates on the past of one series.

    Attributes:
        errors: forecast minus observation, °C ``(origins, leads)``, by name; networks come first.
        networks: names of the networks.
        stride: steps between origins.
        first_lead: lead of the first column.
    """

    errors: dict[str, Floats]
    networks: tuple[str, ...]
    stride: int
    first_lead: int

    @property
    def origins(self) -> int:
        """Number of past forecasts at the lead that has fewest."""
        return _count(self._known(self.networks[0]))

    @property
    def rmse(self) -> dict[str, float]:
        """RMSE over the leads of each candidate, °C, by name; only of those with as many origins as decide."""
        return {
            name: math.sqrt(float(np.nanmean(errors**2)))
            for name, errors in self.errors.items()
            if _count(self._known(name)) >= min(MIN_ORIGINS, max(self.origins, 1))
        }

    def best_network(self) -> str:
        """Return the name of the network with the lowest RMSE relative to persistence, averaged over leads."""
        return min(self.networks, key=lambda name: self._relative_rmse(name, self._known(name)))

    def better_reference(self, network: str) -> str | None:
        """Return the best reference if it is better than ``network`` by more than chance.

        The test is that of Diebold and Mariano on squared errors relative to those of persistence, with the variance of
        Newey and West, and Student's distribution for as many values as forecasts that do not overlap.
        """
        best, lowest = None, 1.0
        for name in self.errors.keys() - set(self.networks):
            common = self._known(name) & self._known(network)
            if _count(common) < MIN_ORIGINS:
                continue
            ratio = self._relative_rmse(name, common) / self._relative_rmse(network, common)
            if ratio < lowest:
                best, lowest = name, ratio
        return best if best and self._is_significant(best, network) else None

    def _is_significant(self, reference: str, network: str) -> bool:
        common = self._known(reference) & self._known(network)
        scale = np.maximum(self._mean_squares("persistence", common), _LEAST_SQUARE)
        differences = (self.errors[network] ** 2 - self.errors[reference] ** 2) / scale
        whole = common.all(axis=1)
        gains = np.where(whole, differences.mean(axis=1), np.nan)
        if whole.sum() < MIN_ORIGINS:
            return False
        last_lead = self.first_lead + differences.shape[1] - 1
        overlapping = math.ceil(last_lead / self.stride)
        error = long_run_error(gains, np.arange(len(gains)), overlapping)
        independent = max(float(whole.sum()) / overlapping, 2.0)
        return bool(np.nanmean(gains) > _student(_SIGNIFICANT_SCORE, independent - 1) * error)

    def _relative_rmse(self, name: str, known: Bools) -> float:
        reference = np.maximum(self._mean_squares("persistence", known), _LEAST_SQUARE)
        return float(np.sqrt(np.maximum(self._mean_squares(name, known), _LEAST_SQUARE) / reference).mean())

    def _mean_squares(self, name: str, known: Bools) -> Floats:
        squares = np.where(known, self.errors[name], 0.0) ** 2
        means: Floats = squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return means

    def _known(self, name: str) -> Bools:
        known: Bools = np.isfinite(self.errors[name])
        return known

    def quantiles_of(self, name: str, levels: tuple[float, ...]) -> Floats:
        """Return quantiles of observation minus forecast of a reference, from errors of both signs, °C.

        Returns:
            ``(leads, levels)``.
        """
        errors = self.errors[name]
        return np.stack(
            [np.quantile(np.concatenate([lead, -lead]), levels) for lead in (e[np.isfinite(e)] for e in errors.T)]
        )

    def factors(self, name: str, answers: Floats, levels: tuple[float, ...]) -> Floats:
        """Return the factor for the distance of quantiles from the median at each lead, ``(leads,)``.

        With it, the 80 % interval would have covered 80 % of the past, except that it is shrunk towards 1 where origins
        are few, and bounded. 1 where there are too few.

        Args:
            name: of the network.
            answers: its past forecasts, the mean, then the quantiles, °C ``(origins, leads, 1 + levels)``.
            levels: probabilities of the quantiles.
        """
        bounds = np.asarray([(1 - _COVERAGE) / 2, 0.5, (1 + _COVERAGE) / 2])
        low, middle, high = np.moveaxis(quantiles_at(bounds, answers[..., 1:], levels), -1, 0)
        above = answers[..., 0] - self.errors[name] - middle
        width = np.maximum(np.where(above > 0, high - middle, middle - low), 1e-6)
        shares = np.abs(above) / width
        factors = np.ones(shares.shape[1])
        for lead, column in enumerate(shares.T):
            known = column[np.isfinite(column)]
            if len(known) >= MIN_ORIGINS_TO_RECALIBRATE:
                effective = len(known) * min(1.0, self.stride / (2 * (self.first_lead + lead)))
                exact = float(np.quantile(known, _COVERAGE))
                factors[lead] = max(exact, 1e-3) ** (effective / (effective + _PRIOR_ORIGINS))
        return np.clip(factors, _LEAST_FACTOR, _GREATEST_FACTOR)


def _student(score: float, degrees: float) -> float:
    """Return the quantile of Student's distribution where the normal one is ``score``.

    Abramowitz and Stegun (1964, Handbook of Mathematical Functions), 26.7.5, two terms.
    """
    first = (score**3 + score) / 4
    second = (5 * score**5 + 16 * score**3 + 3 * score) / 96
    return score + first / degrees + second / degrees**2


def _count(known: Bools) -> int:
    return int(known.sum(axis=0).min())
