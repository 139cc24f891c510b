"""Forecasts of universal networks from several origins of a series, with the dependence between their leads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.events.occurrence import Steps
from forecasting.events.paths import Coupling
from forecasting.series.times import Floats
from forecasting.universal.distribution import exceedance
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.network.metadata import UniversalMetadata


@dataclass(frozen=True, eq=False)
class ForecastsOfRelease:
    """Forecasts at the step of a release.

    Attributes:
        quantiles: °C, ``(origins, leads, levels)``.
        metadata: of the network.
    """

    quantiles: Floats
    metadata: UniversalMetadata

    @property
    def coupling(self) -> Coupling:
        """How the leads go together."""
        return Coupling(self.metadata.dependence, tuple(range(1, self.quantiles.shape[1] + 1)))

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        quantiles = self.quantiles[rows, : threshold.shape[1]]
        return exceedance(threshold, quantiles, self.metadata.levels)


@dataclass(frozen=True, eq=False)
class SeparateForecasts:
    """Forecasts at another step, each made on its own; the leads of all go together alike.

    Attributes:
        forecasts: one from each origin, at least one.
    """

    forecasts: Sequence[UniversalForecast]

    @property
    def coupling(self) -> Coupling:
        """How the leads go together."""
        return self.forecasts[0].coupling

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        first = self.forecasts[0]
        quantiles = np.stack([self.forecasts[row].quantiles[: threshold.shape[1]] for row in rows.tolist()])
        return exceedance(threshold, quantiles, first.levels)
