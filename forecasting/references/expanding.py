"""References that are refitted as the past of a series grows, never to the values that they forecast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.references.baselines import Baselines, most_lags
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.series.origins import Roller
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, month_of

REFIT_GROWTH: Final = 1.05
"""The references are fitted again whenever the past has grown by this factor since the last fit.

All fits together then cost twenty times the last one, however long the series is.
"""


@dataclass(frozen=True)
class ExpandingReferences:
    """The references of one series, each fitted to the values before a position.

    Attributes:
        series: that the references are fitted to.
        shape: of the forecasts; while the past is short, the linear autoregression uses less than a window.
    """

    series: SstSeries
    shape: ForecastShape

    @property
    def begin(self) -> int | None:
        """First position with a past that is long enough for a climatology; None if there is none.

        As for the references of a forecast, that takes :data:`~forecasting.references.from_past.CLIMATOLOGY_YEARS` of
        values that cover every calendar month.
        """
        observed = np.flatnonzero(np.isfinite(self.series.values))
        months = month_of(self.series.times[observed])
        _, first = np.unique(months, return_index=True)
        enough = int(np.ceil(CLIMATOLOGY_YEARS * YEAR / self.series.step.seconds))
        if len(first) < 12 or len(observed) < enough:
            return None
        return int(observed[max(first.max(), enough - 1)]) + 1

    def refits(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the begin and end (exclusive) of stretches between ``begin`` and ``end`` that share one fit.

        The fit uses the values before the stretch.
        """
        while begin < end:
            until = min(max(int(begin * REFIT_GROWTH), begin + 1), end)
            yield begin, until
            begin = until

    def fit(self, position: int) -> dict[str, Roller]:
        """Fit the references to the values before ``position``, by name; without ``linear`` if gaps are too many."""
        past = self.series.part(0, position)
        lags = min(self.shape.window, most_lags(position))
        fitted = Baselines.fit(past, self.shape._replace(window=lags))
        while not fitted.linear and lags > 1:
            lags //= 2
            fitted = Baselines.fit(past, self.shape._replace(window=lags))
        return fitted.rollers()
