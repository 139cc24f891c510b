"""The record of models on a series: forecasts of its past, and what can be learned from them."""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from forecasting.forecasts.forecast import PastSkill
from forecasting.scores.probabilistic import long_run_error
from forecasting.series.times import Bools, Floats
from forecasting.universal.contexts.contexts import Contexts
from forecasting.universal.distribution import quantiles_at
from forecasting.universal.own_past.past import Steps

MAX_ORIGINS: Final = 60
MAX_ORIGINS_OF_ONE: Final = 40
"""Past forecasts to choose a model by, and to recalibrate one. More take longer, and are no better."""

MIN_ORIGINS: Final = 30
"""Number of past forecasts that the record needs to decide."""

MIN_ORIGINS_TO_RECALIBRATE: Final = 30

_MAX_STRIDE: Final = 3
_SIGNIFICANT_SCORE: Final = 2.0537
"""Standard errors by which a reference must be better: one-sided, 90 % for the best of five (Bonferroni)."""

_LEAST_SQUARE: Final = 1e-8
"""°C², below which errors of persistence are rounding."""

_LEAST_SHARE: Final = 1e-3
"""Smallest mean square of persistence at a lead, relative to the largest.

After a whole period of a cycle, persistence is exact, and that lead must not outweigh all others."""

_COVERAGE: Final = 0.8
_PRIOR_ORIGINS: Final = 50.0
"""Effective origins at which the factor of the past counts half."""

_LEAST_FACTOR: Final = 0.7
_GREATEST_FACTOR: Final = 1.5


def past_origins(contexts: Contexts, minimum: int, maximum: int, limit: int) -> tuple[Steps, int]:
    """Return at most ``limit`` steps to forecast from, and the stride between them.

    They are spread over the last part of the series, follow at least ``minimum`` observed values of one of them, and
    leave out the end.
    """
    observed = np.isfinite(contexts.values)
    length = observed.shape[1]
    enough = np.cumsum(observed, axis=1) >= minimum
    enough[:, : max(0, length - maximum) + minimum - 1] = False
    usable = np.flatnonzero(np.logical_or.reduce(observed & enough, axis=0)[:-1])
    stride = int(stride_of(len(usable), limit))
    return usable[::-stride][:limit][::-1].astype(np.int64), stride


def stride_of(usable: int | Steps, limit: int) -> Steps:
    """Return the stride between ``limit`` origins among ``usable`` steps."""
    stride: Steps = np.clip(np.asarray(usable) // limit, 1, _MAX_STRIDE)
    return stride


def errors_of(contexts: Contexts, forecasts: Floats, origins: Steps, minimum: int) -> Floats:
    """Return forecast minus observation, NaN where an origin or its target is missing, in the shape of ``forecasts``.

    Args:
        contexts: the series.
        forecasts: of several candidates, °C, ``(candidates, n, origins, leads)``.
        origins: steps of the series, ``(origins,)``.
        minimum: number of observed values that an origin needs.
    """
    length = contexts.values.shape[1]
    ahead = origins[:, None] + np.arange(1, forecasts.shape[3] + 1)
    targets = contexts.values[:, np.minimum(ahead, length - 1)]
    targets[:, ahead >= length] = np.nan
    observed = np.isfinite(contexts.values)
    usable = observed[:, origins] & (np.cumsum(observed, axis=1)[:, origins] >= minimum)
    targets[~usable] = np.nan
    return forecasts - targets


@dataclass(frozen=True, eq=False)
class Record:
    """Errors of all candidates on the past of one series.

    Attributes:
        names: of the candidates: the networks, then the references.
        errors: forecast minus observation, °C ``(candidates, origins, leads)``.
        networks: number of networks.
        stride: steps between origins.
        first_lead: lead of the first column.
    """

    names: tuple[str, ...]
    errors: Floats
    networks: int
    stride: int
    first_lead: int

    @property
    def origins(self) -> int:
        """Number of past forecasts of the networks, at the lead that has fewest."""
        return int(self._known[0].sum(axis=0).min())

    @property
    def rmse(self) -> dict[str, float]:
        """RMSE over the leads of each candidate, °C, by name; only of those with as many origins as decide."""
        fewest = self._known.sum(axis=1).min(axis=1)
        enough = fewest >= min(MIN_ORIGINS, max(self.origins, 1))
        mean_squares = self._squares.sum(axis=(1, 2)) / np.maximum(self._known.sum(axis=(1, 2)), 1)
        return {
            name: math.sqrt(square)
            for name, square, known in zip(self.names, mean_squares.tolist(), enough.tolist(), strict=True)
            if known
        }

    def skill(self) -> PastSkill:
        """Return the RMSE of all candidates relative to persistence, and how much it rests on."""
        relative = self._relative_rmse(self._squares, self._known)
        known = self._known.sum(axis=(1, 2)) > 0
        last_lead = self.first_lead + self.errors.shape[2] - 1
        independent = self.origins * min(1.0, self.stride / last_lead)
        names = zip(self.names, relative.tolist(), known.tolist(), strict=True)
        return PastSkill(independent, {name: ratio for name, ratio, any_known in names if any_known})

    def best_network(self) -> str:
        """Return the name of the network with the lowest RMSE relative to persistence, averaged over leads."""
        networks = slice(0, self.networks)
        relative = self._relative_rmse(self._squares[networks], self._known[networks])
        return self.names[int(relative.argmin())]

    def by_preference(self) -> Iterator[str]:
        """Yield the names of models, the preferred first.

        These are references that are better than the best network by more than chance; that network; and the others
        with as many past forecasts as decide, by RMSE relative to persistence.
        """
        network, yielded = self.best_network(), list[str]()
        while better := self.better_reference(network, yielded):
            yielded.append(better)
            yield better
        yield network
        decided = self.rmse
        relative = dict(zip(self.names, self._relative_rmse(self._squares, self._known).tolist(), strict=True))
        others = [name for name in decided if name not in (network, *yielded)]
        yield from sorted(others, key=relative.__getitem__)

    def better_reference(self, network: str, without: Collection[str] = ()) -> str | None:
        """Return the best reference if it is better than ``network`` by more than chance.

        References ``without`` are left out.

        The test is that of Diebold and Mariano on squared errors relative to those of persistence, with the variance of
        Newey and West, and Student's distribution for as many values as forecasts that do not overlap.
        """
        place, references = self.names.index(network), slice(self.networks, None)
        common = self._known[references] & self._known[place]
        enough = common.sum(axis=1).min(axis=1) >= MIN_ORIGINS
        enough &= [name not in without for name in self.names[references]]
        if not enough.any():
            return None
        squares = self._squares[place] * common
        ratio = self._relative_rmse(self._squares[references] * common, common) / self._relative_rmse(squares, common)
        best = int(np.where(enough, ratio, np.inf).argmin())
        if ratio[best] >= 1 or not self._is_significant(self.networks + best, place):
            return None
        return self.names[self.networks + best]

    def _is_significant(self, reference: int, network: int) -> bool:
        whole = (self._known[reference] & self._known[network]).all(axis=1)
        if whole.sum() < MIN_ORIGINS:
            return False
        scale = _bounded_below(self._squares[self._persistence][whole].mean(axis=0))
        differences = (self._squares[network] - self._squares[reference]) / scale
        gains = np.where(whole, differences.mean(axis=1), np.nan)
        last_lead = self.first_lead + differences.shape[1] - 1
        overlapping = math.ceil(last_lead / self.stride)
        error = long_run_error(gains, np.arange(len(gains)), overlapping)
        independent = max(float(whole.sum()) / overlapping, 2.0)
        return bool(np.nanmean(gains) > _student(_SIGNIFICANT_SCORE, independent - 1) * error)

    def _relative_rmse(self, squares: Floats, known: Bools) -> Floats:
        """Return the RMSE relative to persistence at the same origins, averaged over leads, ``(candidates,)``.

        Args:
            squares: of errors, °C², ``(candidates, origins, leads)``, 0 where not ``known``.
            known: of the same shape.
        """
        reference = _bounded_below((self._squares[self._persistence] * known).sum(axis=1))
        relative: Floats = np.sqrt(np.maximum(squares.sum(axis=1), _LEAST_SQUARE) / reference).mean(axis=1)
        return relative

    @cached_property
    def _persistence(self) -> int:
        return self.names.index("persistence")

    @cached_property
    def _known(self) -> Bools:
        known: Bools = np.isfinite(self.errors)
        return known

    @cached_property
    def _squares(self) -> Floats:
        squares: Floats = np.where(self._known, self.errors, 0.0) ** 2
        return squares


def symmetric_quantiles(errors: Floats, levels: tuple[float, ...]) -> Floats:
    """Return quantiles of errors of both signs at each lead, °C ``(leads, levels)``.

    Args:
        errors: of past forecasts, °C ``(origins, leads)``; NaN where they are not known.
        levels: probabilities of the quantiles.
    """
    return np.stack(
        [np.quantile(np.concatenate([lead, -lead]), levels) for lead in (e[np.isfinite(e)] for e in errors.T)]
    )


def relative_departures(answers: Floats, errors: Floats, levels: tuple[float, ...]) -> Floats:
    """Return how far observations were from the median, relative to the bound of the 80 % interval on their side.

    Args:
        answers: forecasts, the mean, then the quantiles, °C ``(…, 1 + levels)``.
        errors: forecast minus observation, °C ``(…)``; NaN where it is not known.
        levels: probabilities of the quantiles.
    """
    bounds = ((1 - _COVERAGE) / 2, 0.5, (1 + _COVERAGE) / 2)
    low, middle, high = np.moveaxis(quantiles_at(bounds, answers[..., 1:], levels), -1, 0)
    above = answers[..., 0] - errors - middle
    departures: Floats = np.abs(above) / np.maximum(np.where(above > 0, high - middle, middle - low), 1e-6)
    return departures


def width_factors(departures: Floats, stride: int | Steps, first_lead: int = 1) -> Floats:
    """Return the factor for the distance of quantiles from the median at each lead, ``(…, leads)``.

    With it, the 80 % interval would have covered 80 % of the past, except that it is shrunk towards 1 where origins are
    few, and bounded. 1 where there are too few.

    Args:
        departures: of past forecasts, ``(…, origins, leads)``; NaN where they are not known.
        stride: steps between origins, one or ``(…, 1)``.
        first_lead: lead of the first column.
    """
    exact, count = _quantile_of_known(departures, _COVERAGE)
    leads = first_lead + np.arange(departures.shape[-1])
    effective = count * np.minimum(1.0, stride / (2 * leads))
    factors = np.maximum(exact, 1e-3) ** (effective / (effective + _PRIOR_ORIGINS))
    bounded = np.clip(factors, _LEAST_FACTOR, _GREATEST_FACTOR)
    return np.where(count >= MIN_ORIGINS_TO_RECALIBRATE, bounded, 1.0)


def _bounded_below(squares: Floats) -> Floats:
    """Return the squared errors of persistence ``(…, leads)``, none of them too small to divide by."""
    bounded: Floats = np.maximum(squares, np.maximum(_LEAST_SHARE * squares.max(axis=-1, keepdims=True), _LEAST_SQUARE))
    return bounded


def _quantile_of_known(values: Floats, probability: float) -> tuple[Floats, Steps]:
    """Return a quantile of each column of ``values`` ``(…, n, m)``, 1 in empty ones, and how many are not NaN."""
    count = np.isfinite(values).sum(axis=-2)
    ordered = np.sort(values, axis=-2)
    place = probability * np.maximum(count - 1, 0)
    below = place.astype(np.int64)
    after = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (np.take_along_axis(ordered, at[..., None, :], axis=-2)[..., 0, :] for at in (below, after))
    return np.where(count > 0, low + (high - low) * (place - below), 1.0), count


def _student(score: float, degrees: float) -> float:
    """Return the quantile of Student's distribution where the normal one is ``score``.

    Abramowitz and Stegun (1964, Handbook of Mathematical Functions), 26.7.5, two terms.
    """
    first = (score**3 + score) / 4
    second = (5 * score**5 + 16 * score**3 + 3 * score) / 96
    return score + first / degrees + second / degrees**2
