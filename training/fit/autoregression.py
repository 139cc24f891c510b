"""The autoregression that stands beside the recurrent cell."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from forecasting.series.times import DAY
from training.examples.inputs import Calendar, Scaling
from training.fit.ridge import ridge, ridge_of_two

_BENT_TERMS: Final = 8
"""Bent terms before any is multiplied by a harmonic: five products, a bounded increment, two through tanh."""

TRENDLESS_SHARE: Final = 0.25
"""Share of the weights from the regression that counts the level from the mean, of a record with a trend."""

DRIFTLESS_SECONDS: Final = 60 * DAY
"""Seconds: the drift by season of a short series is shrunk as if so much without any had been seen beside it."""


Entries = list[tuple[int, int]]
"""Of weights: a row of what is known, and a column of the calendar that it is multiplied by."""


@dataclass(frozen=True)
class Terms:
    """What one of the regressions takes into account.

    Attributes:
        share: of its weights in the autoregression.
        drift: shrunk as :data:`DRIFTLESS_SECONDS` says.
        free: not shrunk.
        shrunk: together.
        bent: shrunk for themselves.
    """

    share: float
    drift: Entries
    free: Entries
    shrunk: Entries
    bent: Entries


class SeasonalAutoregression(nn.Module):
    """An autoregression in closed form whose answer varies with the season and with what the sea is like.

    It stands beside the cell as the autoregressive component of LSTNet does (Lai et al. 2018, SIGIR, 95), but its
    weights come from regressions, not from descent. Each term is something that is known times a column of the
    calendar of the time to forecast.

    One regression takes the past to be usual. Three harmonics of the year and all of the day stand alone in it, with a
    constant; their weights are free. Shrunk together are those of the window relative to its last value, of the level,
    and of the last increment and the level times two harmonics of the year: the increment within bounds, so that what
    it adds in quiet seasons does not grow beyond what was seen there. Shrunk for themselves are those of bent
    terms: products of the anomaly, the last increment and the level, kept within bounds, two of them times a harmonic
    of the year too, and the last two increments through tanh, since large ones are answered otherwise than small ones.

    Where the record has a trend, there are two of that kind: one counts the level from the trend, the other, for
    :data:`TRENDLESS_SHARE` of them, from the mean, since a trend need not go on.

    But of few years level and trend may be those of the seasons that were. So another regression does without. Left to
    it are the window relative to its last value, and tanh; a drift with one harmonic of the year, which cancels over a
    year, shrunk as :data:`DRIFTLESS_SECONDS` says; and the course of the day, which is free. Under daily steps a third
    has no course either: seasons that were not seen may have another.

    The weights are the mean of those of these ``alternatives`` by their shares, as :attr:`Scaling.usual` has it.
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
        # From the mean, with the trend in it; known last.
        self.raw = raw = level + 1 + columns
        bent = raw + 1
        self.driftless = DRIFTLESS_SECONDS / step_seconds
        drift: Entries = [(level + 1, column) for column in calendar.places(1, 0)]
        course: Entries = [(level + 1, column) for column in calendar.places(0, calendar.daily)]
        shrunk: Entries = [(row, 0) for row in range(window - 1)]
        bounded, bends = bent + 5, [(bent + k, 0) for k in range(6, _BENT_TERMS)]
        courses: list[Entries] = [[], course] if course else [[]]
        new = (1 - scaling.usual) / len(courses)
        self.alternatives = [Terms(new, drift, free, shrunk, bends) for free in courses]
        if scaling.usual:
            varying, once = (calendar.places(most, 0) for most in (2, 1))
            free = [(level + 1, column) for column in (0, *calendar.places(3, calendar.daily))]
            bends = [*bends, *((bent + k, column) for k in range(5) for column in ([0, *once] if k < 2 else [0]))]
            levels = {level: 1 - TRENDLESS_SHARE, raw: TRENDLESS_SHARE} if scaling.trend.slope else {level: 1.0}
            for one, share in levels.items():
                known = [*shrunk, (one, 0), *((row, column) for row in (bounded, one) for column in varying)]
                self.alternatives.append(Terms(scaling.usual * share, [], free, known, bends))
        self.taken = self.alternatives[-1]
        # Of what the bent terms are made: the last two increments, in spreads; level and anomaly, in deviations; and a
        # spread, °C, for the increment that is only bounded.
        views = torch.zeros(bent, 5)
        views[window - 2, 0] = -1 / scaling.spread
        views[level, 2] = 1 / scaling.std
        if window > 2:
            views[window - 3 : window - 1, 1] = torch.tensor([-1.0, 1.0]) / scaling.spread
        views[level + 1, 4] = scaling.spread
        self.register_buffer("views", views)
        self.register_buffer("bounds", torch.tensor([3.0, 3.0, 3.0, 2.5, scaling.spread]), persistent=False)
        self.register_buffer("weights", torch.zeros(bent + _BENT_TERMS, columns))

    def forward(self, known: Tensor, season: Tensor) -> Tensor:
        """The increment from the last value, in one-step spreads.

        Args:
            known: the window relative to its last value, °C; the level from the trend, °C; the calendar; and the level
                from the mean, °C; ``(batch, …)``.
            season: the calendar of the time to forecast, ``(batch, columns)``.

        Returns:
            ``(batch,)``.
        """
        increment: Tensor = (season * (self.rows(known) @ self.weights)).sum(1)
        return increment

    def rows(self, known: Tensor) -> Tensor:
        """What is known, and the bent terms beside it."""
        seen = known @ self.views
        increment, _, level, anomaly, spread = torch.clamp(seen, -self.bounds, self.bounds).unbind(1)
        products = [anomaly * anomaly, anomaly * increment, increment * increment, level * increment, level * level]
        products.append(increment * spread)
        return torch.cat([known, torch.stack(products, dim=1), torch.tanh(seen[:, :2] / 2)], dim=1)

    def places(self) -> tuple[list[int], list[int]]:
        """Rows and columns of the terms that are taken into account, one a weight that varies."""
        taken = self.taken
        rows, columns = zip(*taken.drift, *taken.free, *taken.shrunk, *taken.bent, strict=True)
        return list(rows), list(columns)

    def terms(self, known: Tensor, season: Tensor) -> Tensor:
        """What the weights multiply, in the order of :meth:`places`, ``(n, terms)``."""
        rows, columns = self.places()
        return self.rows(known)[:, rows] * season[:, columns]

    @torch.no_grad()
    def set(self, weights: Tensor) -> None:
        """Have these weights, in the order of :meth:`places`, and no others."""
        self.weights.zero_()
        self.weights[self.places()] = weights.float()

    @torch.no_grad()
    def fit(self, known: Tensor, season: Tensor, increments: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
        """Take the weights from what was known and what followed.

        A window counts the less the older it is, and the less the more the increments of its season scatter.

        Args:
            known: as :meth:`forward` takes it, ``(n, …)``.
            season: likewise, ``(n, columns)``.
            increments: that followed, in one-step spreads, ``(n,)``.
            time: Unix seconds at which they did, ``(n,)``.

        Returns:
            The weights in the order of :meth:`places`, and the penalty on the square of each, for windows that are
            worth 1 in the mean; both float64 ``(terms,)``.
        """
        self._see_anomalies(known)
        target = increments.double()
        taken = self.taken
        counts = [len(taken.drift) + len(taken.free), len(taken.shrunk), len(taken.bent)]
        free, shrunk, bent = self.terms(known, season).double().split(counts, dim=1)
        shrunk = shrunk / self.std
        # In the unit of the others; a term that never varies stays as it is.
        spread = bent.std(0) / shrunk.std(0).median()
        spread = torch.where((spread > 0) & spread.isfinite(), spread, 1.0)
        bent = bent / spread
        given = free.new_zeros(counts[0])
        given[: len(taken.drift)] = self.driftless
        worth = recency(time)
        rest = target - torch.cat([free, shrunk], dim=1) @ ridge(free, shrunk, target, worth, given).weights
        found = ridge_of_two(free, shrunk, bent, target, worth / scatter(rest, season), given)
        unit = torch.cat([spread.new_ones(counts[0]), spread.new_full((counts[1],), self.std), spread])
        weights = found.weights / unit
        self.set(weights)
        return weights, found.costs * unit**2

    def _see_anomalies(self, known: Tensor) -> None:
        """Have the view of the anomaly be that from the seasonal cycle of the windows' last values."""
        season = known[:, self.level + 1 : self.raw].double()
        level, calendar = known[:, self.level].double(), season @ self.calendar_before
        cycle = torch.linalg.lstsq(calendar, level[:, None], driver="gelsd").solution[:, 0]
        std = float((level - calendar @ cycle).std())
        if std > 0:
            self.views[self.level, 3] = 1 / std
            self.views[self.level + 1 : self.raw, 3] = (-(self.calendar_before @ cycle) / std).float()


def recency(time: Tensor) -> Tensor:
    """What a window is worth for its age: half at the beginning of what is seen; of Unix seconds, ``(n,)``."""
    return 0.5 ** ((time.max() - time) / (time.max() - time.min()).clamp_min(1.0))


def scatter(rest: Tensor, season: Tensor) -> Tensor:
    """Variance of ``rest`` by season: its logarithm regressed on the calendar, ``(n,)``."""
    calendar = season[:, :5].double()
    logarithm = torch.log(rest**2 + 0.01 * rest.var() + torch.finfo(torch.float64).tiny)
    fitted: Tensor = calendar @ torch.linalg.lstsq(calendar, logarithm[:, None], driver="gelsd").solution[:, 0]
    return torch.exp(fitted)
