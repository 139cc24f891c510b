"""Joint sample paths: futures whose leads are related as the errors of past forecasts were.

A path has a value at each lead. At each lead, the values of ``n`` paths are the quantiles of the forecast at
(r + 0.5) / n, for the ranks r = 0, …, n − 1. Which ranks share a path comes from a Gaussian copula, as in ensemble
copula coupling (Schefzik, Thorarinsdottir and Gneiting 2013, Statist. Sci. 28, 616): only the order is sampled, so that
at each lead the paths have the distribution of the forecast, whatever their dependence is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, field_validator

from forecasting.errors import RequestError, SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short

_GREATEST_SCORE: Final = 4.0
"""Normal scores beyond this say more about the tail of a distribution than about dependence."""

_PRIOR_FORECASTS: Final = 5.0
"""Number of non-overlapping forecasts at which the estimate counts half."""

_FEWEST_PAIRS: Final = 20
_DECIMALS: Final = 3
_VARIANTS: Final = 5

Matrix = tuple[tuple[float, ...], ...]
Indices = npt.NDArray[np.int64]


class Variant(BaseModel, frozen=True):
    """How errors are related in series whose past errors were alike.

    Attributes:
        adjacent: usual correlation of past errors at neighbouring leads, ``(leads − 1,)``.
        correlation: of the normal scores of errors between leads, ``(leads, leads)``.
    """

    adjacent: tuple[float, ...]
    correlation: Matrix


class Dependence(BaseModel, frozen=True):
    """How errors of a forecast at different leads are related.

    Attributes:
        correlation: of the normal scores of errors between leads, ``(leads, leads)``; the first lead is 1.
        variants: for series whose own past errors are known, from the least correlated to the most; may be none.
    """

    correlation: Matrix
    variants: tuple[Variant, ...] = ()

    @field_validator("correlation")
    @classmethod
    def _is_square(cls, correlation: Matrix) -> Matrix:
        if not correlation or any(len(row) != len(correlation) for row in correlation):
            raise ValueError("the correlation must be a square matrix")
        return correlation

    @classmethod
    def of(cls, scores: Floats, independent: float) -> "Dependence":
        """Estimate the dependence, shrunk towards that of a random walk where forecasts are few.

        Args:
            scores: normal scores of observations in the distributions that were forecast, ``(n, leads)``; NaN where
                nothing was observed.
            independent: number of these forecasts that do not overlap.
        """
        known = np.isfinite(scores)
        bounded = np.clip(np.where(known, scores, 0.0), -_GREATEST_SCORE, _GREATEST_SCORE)
        count = known.T.astype(np.float64) @ known
        correlation = as_correlation(np.where(count > 0, bounded.T @ bounded, 0.0) / np.maximum(count, 1))
        weight = independent / (independent + _PRIOR_FORECASTS) * (count >= _FEWEST_PAIRS)
        prior = random_walk(np.arange(1.0, len(correlation) + 1))
        shrunk = weight * correlation + (1 - weight) * prior
        variances, vectors = np.linalg.eigh(shrunk)
        repaired = as_correlation((vectors * np.maximum(variances, 0.0)) @ vectors.T)
        return cls(correlation=tuple(tuple(row) for row in np.round(repaired, _DECIMALS).tolist()))

    @classmethod
    def of_series(cls, scores: Floats, errors: Floats) -> "Dependence":
        """Estimate the dependence in many series, and in groups of them by how their errors correlate.

        Args:
            scores: as for :meth:`of`, ``(series, n, leads)``.
            errors: observation minus forecast, °C, likewise.
        """
        adjacent = _adjacent_correlation(errors)
        usable = np.isfinite(adjacent).all(axis=1)
        mean = adjacent.mean(axis=1)
        edges = np.quantile(mean[usable], np.arange(1, _VARIANTS) / _VARIANTS) if usable.any() else np.empty(0)
        groups = np.where(usable, np.digitize(mean, edges), -1)
        leads = scores.shape[2]

        def estimate(rows: "npt.NDArray[np.bool_] | slice") -> Dependence:
            return cls.of(scores[rows].reshape(-1, leads), independent=len(scores[rows]))

        variants = [
            Variant(
                adjacent=tuple(np.round(adjacent[groups == group].mean(axis=0), _DECIMALS).tolist()),
                correlation=estimate(groups == group).correlation,
            )
            for group in np.unique(groups[usable]).tolist()
        ]
        return cls(correlation=estimate(slice(None)).correlation, variants=tuple(variants))

    def suited_to(self, errors: Floats, first_lead: int = 1) -> "Dependence":
        """Return the variant whose usual errors correlate as those of a series did in its past.

        Args:
            errors: of past forecasts of the series, °C ``(n, leads)``; NaN where nothing was observed.
            first_lead: lead of the first column.
        """
        index = int(self.indices_suited_to(errors, first_lead))
        return self if index < 0 else self.of_variants[index]

    def indices_suited_to(self, errors: Floats, first_lead: int = 1) -> Indices:
        """Return the index of the variant that :meth:`suited_to` returns, ``(…)``; −1 where it is the whole.

        Args:
            errors: as for :meth:`suited_to`, of several series, ``(…, n, leads)``.
            first_lead: lead of the first column.
        """
        if not self.variants or errors.shape[-1] < 2:
            return np.full(errors.shape[:-2], -1)
        adjacent = _adjacent_correlation(errors)
        begin = first_lead - 1
        usual = self._adjacent[:, begin : begin + adjacent.shape[-1]].mean(axis=1)
        distance = np.abs(usual - adjacent.mean(axis=-1)[..., None])
        return np.where(np.isfinite(distance).all(axis=-1), distance.argmin(axis=-1), -1)

    @cached_property
    def _adjacent(self) -> Floats:
        """Of the variants, ``(variants, leads − 1)``."""
        return np.asarray([variant.adjacent for variant in self.variants])

    @cached_property
    def of_variants(self) -> "list[Dependence]":
        """The dependence of each variant."""
        return [Dependence(correlation=variant.correlation) for variant in self.variants]

    def at(self, leads: Floats) -> Floats:
        """Return the correlation between other leads, which may be fractions, ``(n, n)``.

        Between two leads the normal score is interpolated. Before lead 1 it is that of a random walk that arrives at
        lead 1.

        Args:
            leads: above 0, and at most the last lead, ``(n,)``.
        """
        known = np.asarray(self.correlation)
        positions = np.clip(leads, 1, len(known)) - 1
        before = np.minimum(positions.astype(np.int64), max(len(known) - 2, 0))
        weights = np.zeros((len(leads), len(known)))
        rows = np.arange(len(leads))
        weights[rows, before] = 1 - (positions - before)
        weights[rows, np.minimum(before + 1, len(known) - 1)] += positions - before
        return as_correlation(weights @ known @ weights.T) * random_walk(np.minimum(leads, 1.0))


def random_walk(leads: Floats) -> Floats:
    """Return the correlation of a random walk between leads, which grows from lead 0, ``(n, n)``."""
    correlation: Floats = np.sqrt(np.minimum(leads[:, None], leads) / np.maximum(leads[:, None], leads))
    return correlation


def as_correlation(covariance: Floats) -> Floats:
    """Return the correlation ``(n, n)`` of a covariance."""
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    correlation: Floats = covariance / np.outer(spread, spread)
    return correlation


def _adjacent_correlation(errors: Floats) -> Floats:
    """Return the correlation of errors ``(…, n, leads)`` at neighbouring leads about zero, ``(…, leads − 1)``.

    NaN where nothing is known.
    """
    known = np.isfinite(errors)
    both = known[..., :-1] & known[..., 1:]
    first, second = (np.where(both, part, 0.0) for part in (errors[..., :-1], errors[..., 1:]))
    scale = np.sqrt((first**2).sum(axis=-2) * (second**2).sum(axis=-2))
    correlation: Floats = np.divide(
        (first * second).sum(axis=-2), scale, out=np.full(scale.shape, np.nan), where=scale > 0
    )
    return correlation


MAX_PATHS: Final = 10_000

_SEED: Final = 20_160_229
_KEPT: Final = 64
"""Couplings whose ranks are kept; those of 1 000 paths of 48 leads take 0.4 MB."""

Ranks = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Coupling:
    """How the leads of one forecast are related.

    Attributes:
        dependence: of the release; None if it does not have one, and a random walk is assumed.
        leads: of the release, ``(horizon,)``; fractions if the forecast has another step.
        detail: share of the variance at each lead that is independent of the release, ``(horizon,)``: what means leave
            out; empty if there is none. The first lead is that of the first step after the last observation.
        decay: share of a departure in detail that remains after a step.
    """

    dependence: Dependence | None
    leads: tuple[float, ...]
    detail: tuple[float, ...] = ()
    decay: float = 0.0

    def until(self, leads: int) -> "Coupling":
        """Return how the first ``leads`` are related."""
        return replace(self, leads=self.leads[:leads], detail=self.detail[:leads])

    def correlation(self) -> Floats:
        """Return the correlation of normal scores between leads, ``(horizon, horizon)``."""
        leads = np.asarray(self.leads)
        known = random_walk(leads) if self.dependence is None else self.dependence.at(leads)
        if not self.detail:
            return known
        share = np.asarray(self.detail)
        shared: Floats = known * np.sqrt(np.outer(1 - share, 1 - share))
        return shared + self._of_detail() * np.sqrt(np.outer(share, share))

    def _of_detail(self) -> Floats:
        """Return the correlation of an autoregression of order one whose last value is known."""
        steps = np.arange(1, len(self.leads) + 1)
        lags = np.abs(steps[:, None] - steps)
        until = 1 - self.decay ** (2.0 * np.minimum(steps[:, None], steps))
        return as_correlation(self.decay**lags * until)

    def ranks(self, n: int) -> Ranks:
        """Return the rank of each of ``n`` paths at each lead, from 0, ``(n, horizon)``; the same ones at each call."""
        return _ranks(self, n)

    def arrange(self, n: int, quantiles: Callable[[tuple[float, ...]], Floats]) -> Floats:
        """Return ``n`` paths, °C ``(n, horizon)``; the same ones at each call.

        Args:
            n: number of paths.
            quantiles: returns the quantiles of the forecast at probabilities ``(m,)``, °C ``(horizon, m)``.
        """
        if not 1 <= n <= MAX_PATHS:
            raise RequestError(f"{n} paths are out of range: ask for 1 to {MAX_PATHS}", field="paths")
        values: Floats = np.take_along_axis(quantiles(middles(n)).T, _ranks(self, n), axis=0)
        return values


def observed_past(times: Times, past: SstSeries, missing: int) -> SstSeries:
    """Return ``past`` without its last ``missing`` steps."""
    after: np.datetime64 = past.step.shift(past.times[-1:], 1)[0]
    if after != times[0]:
        raise SeriesError(
            f"the forecast begins at {short(times[0])}, but the step after the end of the series is {short(after)}: "
            "pass the series that the forecast was made from"
        )
    return replace(past, values=past.values[: len(past) - missing]) if missing else past


@lru_cache(maxsize=_KEPT)
def _ranks(coupling: Coupling, n: int) -> Ranks:
    """Return the rank of each path at each lead, from 0, ``(n, horizon)``."""
    variances, vectors = np.linalg.eigh(coupling.correlation())
    factor = vectors * np.sqrt(np.maximum(variances, 0.0))
    independent = np.random.default_rng(_SEED).standard_normal((n, len(factor)))
    ranks: Ranks = (independent @ factor.T).argsort(axis=0).argsort(axis=0)
    ranks.flags.writeable = False
    return ranks


@lru_cache(maxsize=_KEPT)
def middles(n: int) -> tuple[float, ...]:
    """Return the probabilities of the values of ``n`` paths on each day, ``(n,)``."""
    return tuple(((np.arange(n) + 0.5) / n).tolist())
