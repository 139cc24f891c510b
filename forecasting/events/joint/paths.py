"""Joint sample paths: futures whose leads are related as the errors of past forecasts were.

A path has a value at each lead. At each lead, the values of ``n`` paths are the quantiles of the forecast at
(r + 0.5) / n, for the ranks r = 0, …, n − 1. Which ranks share a path comes from a Gaussian copula, as in ensemble
copula coupling (Schefzik, Thorarinsdottir and Gneiting 2013, Statist. Sci. 28, 616): only the order is sampled, so that
at each lead the paths have the distribution of the forecast, whatever their dependence is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RequestError, SeriesError
from forecasting.events.joint.dependence import Dependence, as_correlation, random_walk
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short

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

        Raises:
            RequestError: if ``n`` is out of range.
        """
        if not 1 <= n <= MAX_PATHS:
            raise RequestError(f"{n} paths are out of range: ask for 1 to {MAX_PATHS}", field="paths")
        values: Floats = np.take_along_axis(quantiles(_middles(n)).T, _ranks(self, n), axis=0)
        return values


def observed_past(times: Times, past: SstSeries, missing: int) -> SstSeries:
    """Return ``past`` without its last ``missing`` steps.

    Raises:
        SeriesError: if ``past`` does not end one step before the first of ``times``.
    """
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
def _middles(n: int) -> tuple[float, ...]:
    return tuple(((np.arange(n) + 0.5) / n).tolist())
