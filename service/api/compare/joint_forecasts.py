"""Forecasts of universal networks from several origins of a series, with the dependence between their leads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.events.joint.dependence import Dependence
from forecasting.events.joint.occurrence import Steps
from forecasting.events.joint.paths import Coupling
from forecasting.forecasts.forecast import Forecast
from forecasting.series.times import Floats
from forecasting.universal.distribution import Quantiles, exceedance
from forecasting.universal.own_past.rolling_record import RollingRecord


@dataclass(frozen=True, eq=False)
class RecalibratedForecasts:
    """Forecasts at the step of a release, each recalibrated on the past of the series before it.

    Attributes:
        record: forecasts from all usable steps.
        places: of the origins in the record, ``(origins,)``.
    """

    record: RollingRecord
    places: Steps

    def couplings(self, rows: Steps, leads: int) -> Iterator[tuple[Coupling, Steps]]:
        """Yield how the ``leads`` are related, for the forecasts of each variant of the dependence."""
        dependence, numbers = self.record.metadata.dependence, tuple(range(1, leads + 1))
        if dependence is None:
            yield Coupling(None, numbers), np.arange(len(rows))
            return
        variant = self.record.variants(self.places[rows], dependence, leads)
        for place in np.unique(variant).tolist():
            suited = dependence if place < 0 else dependence.of_variants[place]
            yield Coupling(suited, numbers), np.flatnonzero(variant == place)

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        quantiles = self.record.quantiles(self.places[rows], 1, threshold.shape[1])
        return exceedance(threshold, quantiles, self.record.metadata.levels)


@dataclass(frozen=True, eq=False)
class SeparateForecasts:
    """Forecasts at another step, each made on its own.

    Attributes:
        forecasts: one from each origin, at least one.
    """

    forecasts: Sequence[Forecast[Quantiles]]

    def couplings(self, rows: Steps, leads: int) -> Iterator[tuple[Coupling, Steps]]:
        """Yield how the first ``leads`` are related, for the forecasts of each dependence: as in the first of them."""
        used: dict[Dependence | None, list[int]] = {}
        for place, row in enumerate(rows.tolist()):
            used.setdefault(self.forecasts[row].distribution.coupling.dependence, []).append(place)
        for places in used.values():
            coupling = self.forecasts[int(rows[places[0]])].distribution.coupling
            yield coupling.until(leads), np.asarray(places, dtype=np.int64)

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        levels = self.forecasts[0].distribution.levels
        quantiles = np.stack([self.forecasts[row].distribution.at_leads[: threshold.shape[1]] for row in rows.tolist()])
        return exceedance(threshold, quantiles, levels)
