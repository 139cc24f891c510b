"""References that follow a series: refitted as its past grows, and never to what they forecast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.references.baselines import Baselines, most_lags
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.series.origins import Roller
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import YEAR, month_of

REFIT_GROWTH: Final = 1.05
"""How much longer than at the last fit the past is when the references are fitted again.

Fitting then costs twenty times the last fit in all, however long the series is.
"""


@dataclass(frozen=True)
class ExpandingReferences:
    """The references of one series, each fit seeing the values before a position and none from there on.

    Attributes:
        series: whose they are.
        shape: of the forecasts; the linear autoregression goes back less far than a window while the past is short.
    """

    series: SstSeries
    shape: ForecastShape

    @property
    def begin(self) -> int | None:
        """First position whose past affords a climatology and what rests on it; None where none does.

        As for the references of a forecast, it takes :data:`~forecasting.references.from_past.CLIMATOLOGY_YEARS` of
        values, of every calendar month.
        """
        observed = np.flatnonzero(np.isfinite(self.series.values))
        months = month_of(self.series.times[observed])
        _, first = np.unique(months, return_index=True)
        enough = int(np.ceil(CLIMATOLOGY_YEARS * YEAR / self.series.step.seconds))
        if len(first) < 12 or len(observed) < enough:
            return None
        return int(observed[max(first.max(), enough - 1)]) + 1

    def refits(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Positions from ``begin`` to ``end`` (exclusive), in stretches that one fit serves: each one's begin and end.

        The fit is to what lies before the stretch.
        """
        while begin < end:
            until = min(max(int(begin * REFIT_GROWTH), begin + 1), end)
            yield begin, until
            begin = until

    def fit(self, position: int) -> dict[str, Roller]:
        """The references fitted to the values before ``position``, by name; without ``linear`` where gaps forbid it."""
        past = self.series.part(0, position)
        lags = min(self.shape.window, most_lags(position))
        fitted = Baselines.fit(past, self.shape._replace(window=lags))
        while not fitted.linear and lags > 1:
            lags //= 2
            fitted = Baselines.fit(past, self.shape._replace(window=lags))
        return fitted.rollers()
