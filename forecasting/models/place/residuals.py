"""The distribution of one forecast of a place's network, from its errors on the calibration part."""

from dataclasses import dataclass
from functools import cached_property

from forecasting.events.paths import Coupling, Dependence
from forecasting.forecasts.distribution import Distribution, Distributions
from forecasting.models import error_quantiles
from forecasting.models.intervals import ErrorDistribution
from forecasting.series.times import Floats, Times


@dataclass(frozen=True, eq=False)
class Residuals(Distribution):
    """A forecast and the errors around it.

    Intervals come from the quantiles of absolute errors, and probabilities from those of errors of both signs: where
    errors are skewed, the probability outside an interval is not the same on both sides.

    Attributes:
        sst: the forecast, °C ``(horizon,)``.
        times: valid times, UTC ``(1, horizon)``.
        scale: factor for the errors, ``(1,)``.
    """

    sst: Floats
    errors: ErrorDistribution
    times: Times
    scale: Floats

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.interval`; only calibrated levels are offered."""
        self.errors.check(level)
        width = self.errors.half_widths(int(level), self.times, self.scale)[0]
        return self.sst - width, self.sst + width

    def exceedance(self, threshold: float | Floats) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.exceedance`."""
        return error_quantiles.exceedance(threshold - self.sst, self._quantiles, self.errors.probabilities)

    def quantiles_at(self, probabilities: tuple[float, ...]) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.quantiles_at`."""
        errors = error_quantiles.quantiles_at(probabilities, self._quantiles, self.errors.probabilities)
        quantiles: Floats = self.sst[:, None] + errors
        return quantiles

    @cached_property
    def _quantiles(self) -> Floats:
        """Quantiles of the errors, °C ``(horizon, probabilities)``."""
        quantiles: Floats = self.errors.quantiles_at(self.times, self.scale)[0]
        return quantiles


def residuals_of(
    sst: Floats, errors: ErrorDistribution, dependence: Dependence | None, times: Times, scale: Floats
) -> Distributions[Residuals]:
    """Return the distributions of forecasts ``sst`` °C ``(n, horizon)``; the rest as in :class:`Residuals`, by row."""
    n, horizon = sst.shape
    coupling = Coupling(dependence, tuple(range(1, horizon + 1)))

    def make(i: int) -> Residuals:
        return Residuals(coupling, horizon, 0, sst[i], errors, times[i][None], scale[i][None])

    return Distributions(n, make)
