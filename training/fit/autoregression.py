"""The seasonal autoregression that is combined with the recurrent cell, fitted by ridge regression in closed form."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from forecasting.series.times import DAY
from training.data.inputs import Calendar, Scaling

_PENALTIES: Final = torch.logspace(-3, 6, 37, dtype=torch.float64)

_PENALTY_RATIOS: Final = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ratios between the penalties on two groups of terms, to choose from."""


class Solution(NamedTuple):
    """The solution of a regression."""

    error: float
    weights: Tensor
    costs: Tensor


def ridge(
    free: Tensor, shrunk: Tensor, target: Tensor, importance: Tensor | None = None, given: Tensor | None = None
) -> Solution:
    """Fit ``free`` and ``shrunk`` terms to ``target`` by least squares.

    The squared weights of the shrunk terms are penalised. The penalty is the one with the lowest generalised
    cross-validation error (Golub, Heath and Wahba 1979, Technometrics 21, 215), which needs no held-out data.
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
        """Return the part of ``columns`` that the free terms do not explain."""
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
    """Return the least-squares weights of ``terms`` for each column of ``target``, ``(terms, columns)``."""
    if not terms.shape[1]:
        return target.new_zeros(0, target.shape[1])
    weights: Tensor = torch.linalg.lstsq(terms, target, driver="gelsd").solution
    return weights


_NONLINEAR_TERMS: Final = 8
"""Nonlinear terms before multiplication by harmonics: five products, a clipped increment, two through tanh."""

TRENDLESS_SHARE: Final = 0.25
"""Weight of the regression that measures the level from the mean, for a record with a trend."""

DRIFTLESS_SECONDS: Final = 60 * DAY
"""Seasonal drift is shrunk as if this much more data, without any drift, had been seen; matters for short series."""


Entries = list[tuple[int, int]]
"""Positions of weights: the row of a predictor, and the column of the calendar that multiplies it."""


@dataclass(frozen=True)
class Terms:
    """The terms of one regression."""

    share: float
    drift: Entries
    free: Entries
    shrunk: Entries
    bent: Entries


class SeasonalAutoregression(nn.Module):
    """An autoregression in closed form whose coefficients vary with the season and the state of the sea.

    It complements the cell like the autoregressive component of LSTNet (Lai et al. 2018, SIGIR, 95), but its weights
    come from regressions, not from gradient descent. Each term is a predictor times a column of the calendar of the
    valid time.

    The first regression assumes that the past shows what is usual. Three annual harmonics, all daily harmonics and a
    constant enter on their own; their weights are free. The window relative to its last value, the level, and the last
    increment and the level times two annual harmonics share one penalty. Here the increment is clipped, so that its
    effect in quiet seasons stays within what was seen there. Nonlinear terms have a penalty of their own: clipped
    products of the anomaly, the last increment and the level, two of them also times one annual harmonic; and the last
    two increments through tanh, since large increments act differently from small ones.

    If the record has a trend, there are two such regressions: one measures the level from the trend; the other, with
    weight :data:`TRENDLESS_SHARE`, measures it from the mean, since a trend may end.

    A short record may show the level and trend of its own seasons only. Another regression therefore uses neither. It
    has the window relative to its last value and the tanh terms; a drift with one annual harmonic, which cancels over a
    year and is shrunk as :data:`DRIFTLESS_SECONDS` says; and the daily cycle, which is free. At steps below a day, a
    third regression also omits the daily cycle, which may differ in seasons that were not seen.

    The weights are the mean over these ``alternatives``, weighted by their shares, which follow from
    :attr:`Scaling.usual`.
    """

    def __init__(self, window: int, calendar: Calendar, scaling: Scaling, step_seconds: float) -> None:
        super().__init__()
        self.weights: Tensor
        self.views: Tensor
        self.bounds: Tensor
        self.std = scaling.std
        self.calendar_before = calendar.turn(-step_seconds)
        self.level = level = window
        columns = len(calendar.rates)
        # The level from the mean, which includes the trend; the last predictor.
        self.raw = raw = level + 1 + columns
        bent = raw + 1
        self.driftless = DRIFTLESS_SECONDS / step_seconds
        drift: Entries = [(level + 1, column) for column in calendar.positions(1, 0)]
        course: Entries = [(level + 1, column) for column in calendar.positions(0, calendar.daily)]
        shrunk: Entries = [(row, 0) for row in range(window - 1)]
        bounded, bends = bent + 5, [(bent + offset, 0) for offset in range(6, _NONLINEAR_TERMS)]
        courses: list[Entries] = [[], course] if course else [[]]
        new = (1 - scaling.usual) / len(courses)
        self.alternatives = [Terms(new, drift, free, shrunk, bends) for free in courses]
        if scaling.usual:
            varying, once = (calendar.positions(order, 0) for order in (2, 1))
            free = [(level + 1, column) for column in (0, *calendar.positions(3, calendar.daily))]
            bends = [
                *bends,
                *((bent + offset, column) for offset in range(5) for column in ([0, *once] if offset < 2 else [0])),
            ]
            levels = {level: 1 - TRENDLESS_SHARE, raw: TRENDLESS_SHARE} if scaling.trend.slope else {level: 1.0}
            for row, share in levels.items():
                seasonal = [(predictor, column) for predictor in (bounded, row) for column in varying]
                self.alternatives.append(Terms(scaling.usual * share, [], free, [*shrunk, (row, 0), *seasonal], bends))
        self.active = self.alternatives[-1]
        # Inputs of the nonlinear terms: the last two increments, in one-step spreads; the level and the anomaly, in
        # standard deviations; and the spread, °C, for the increment that is only clipped.
        views = torch.zeros(bent, 5)
        views[window - 2, 0] = -1 / scaling.spread
        views[level, 2] = 1 / scaling.std
        if window > 2:
            views[window - 3 : window - 1, 1] = torch.tensor([-1.0, 1.0]) / scaling.spread
        views[level + 1, 4] = scaling.spread
        self.register_buffer("views", views)
        self.register_buffer("bounds", torch.tensor([3.0, 3.0, 3.0, 2.5, scaling.spread]), persistent=False)
        self.register_buffer("weights", torch.zeros(bent + _NONLINEAR_TERMS, columns))

    def forward(self, known: Tensor, season: Tensor) -> Tensor:
        """Forecast the increment from the last value, in one-step spreads."""
        increment: Tensor = (season * (self.rows(known) @ self.weights)).sum(1)
        return increment

    def rows(self, known: Tensor) -> Tensor:
        """Return the predictors, followed by the nonlinear terms."""
        seen = known @ self.views
        increment, _, level, anomaly, spread = torch.clamp(seen, -self.bounds, self.bounds).unbind(1)
        products = [anomaly * anomaly, anomaly * increment, increment * increment, level * increment, level * level]
        products.append(increment * spread)
        return torch.cat([known, torch.stack(products, dim=1), torch.tanh(seen[:, :2] / 2)], dim=1)

    def positions(self) -> tuple[list[int], list[int]]:
        """Return the rows and columns of the fitted weights of the current regression."""
        terms = self.active
        rows, columns = zip(*terms.drift, *terms.free, *terms.shrunk, *terms.bent, strict=True)
        return list(rows), list(columns)

    def terms(self, known: Tensor, season: Tensor) -> Tensor:
        """Return the factors of the weights, in the order of :meth:`positions`, ``(n, terms)``."""
        rows, columns = self.positions()
        return self.rows(known)[:, rows] * season[:, columns]

    @torch.no_grad()
    def set(self, weights: Tensor) -> None:
        """Set these weights, in the order of :meth:`positions`, and all others to zero."""
        self.weights.zero_()
        self.weights[self.positions()] = weights.float()

    @torch.no_grad()
    def fit(self, known: Tensor, season: Tensor, increments: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Fit the weights to windows and the increments after them.

        Recent windows have more weight than old ones, and windows of calm seasons more than those of variable seasons.
        """
        self._see_anomalies(known)
        target = increments.double()
        groups = self.active
        counts = [len(groups.drift) + len(groups.free), len(groups.shrunk), len(groups.bent)]
        free, shrunk, bent = self.terms(known, season).double().split(counts, dim=1)
        shrunk = shrunk / self.std
        # Scale to the unit of the linear terms; leave a term that never varies as it is.
        spread = bent.std(0) / shrunk.std(0).median()
        spread = torch.where((spread > 0) & spread.isfinite(), spread, 1.0)
        bent = bent / spread
        given = free.new_zeros(counts[0])
        given[: len(groups.drift)] = self.driftless
        importance = recency(time)
        residual = target - torch.cat([free, shrunk], dim=1) @ ridge(free, shrunk, target, importance, given).weights
        solution = ridge_of_two(free, shrunk, bent, target, importance / scatter(residual, season), given)
        unit = torch.cat([spread.new_ones(counts[0]), spread.new_full((counts[1],), self.std), spread])
        weights = solution.weights / unit
        self.set(weights)
        return weights, solution.costs * unit**2

    def _see_anomalies(self, known: Tensor) -> None:
        """Define the anomaly by the seasonal cycle of the last values of the windows."""
        season = known[:, self.level + 1 : self.raw].double()
        level, calendar = known[:, self.level].double(), season @ self.calendar_before
        cycle = torch.linalg.lstsq(calendar, level[:, None], driver="gelsd").solution[:, 0]
        std = float((level - calendar @ cycle).std())
        if std > 0:
            self.views[self.level, 3] = 1 / std
            self.views[self.level + 1 : self.raw, 3] = (-(self.calendar_before @ cycle) / std).float()


def recency(time: Tensor) -> Tensor:
    """Return the weight of windows by age: 1 for the newest, half for the oldest; of Unix seconds, ``(n,)``."""
    return 0.5 ** ((time.max() - time) / (time.max() - time.min()).clamp_min(1.0))


def scatter(residual: Tensor, season: Tensor) -> Tensor:
    """Return the variance of ``residual`` by season: its logarithm regressed on the calendar, ``(n,)``."""
    calendar = season[:, :5].double()
    logarithm = torch.log(residual**2 + 0.01 * residual.var() + torch.finfo(torch.float64).tiny)
    fitted: Tensor = calendar @ torch.linalg.lstsq(calendar, logarithm[:, None], driver="gelsd").solution[:, 0]
    return torch.exp(fitted)
