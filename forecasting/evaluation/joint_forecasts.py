"""Forecasts of one network from several origins, with the dependence between their leads."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.events.joint.occurrence import Steps
from forecasting.events.joint.paths import Coupling
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.series.times import Floats, Times


class JointForecasts(Protocol):
    """Forecasts from several origins."""

    def couplings(self, rows: Steps, leads: int) -> Iterable[tuple[Coupling, Steps]]:
        """Yield how the leads of each forecast are related, and the places within ``rows`` of those alike.

        Args:
            rows: places of the origins.
            leads: number of leads considered.
        """
        ...

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds a threshold, ``(rows, leads)``.

        Args:
            rows: places of the origins.
            threshold: at each lead from the first, °C ``(rows, leads)``.
        """
        ...


@dataclass(frozen=True, eq=False)
class PlaceForecasts:
    """Forecasts of a network of one place from several origins.

    Attributes:
        predicted: °C, ``(origins, leads)``.
        times: valid times, ``(origins, leads)``.
        scale: factor for the errors, ``(origins,)``.
        metadata: of the network.
    """

    predicted: Floats
    times: Times
    scale: Floats
    metadata: CheckpointMetadata

    def couplings(self, rows: Steps, leads: int) -> Iterable[tuple[Coupling, Steps]]:
        """Yield how the ``leads`` of all forecasts are related."""
        yield Coupling(self.metadata.dependence, tuple(range(1, leads + 1))), np.arange(len(rows))

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        leads = slice(0, threshold.shape[1])
        predicted, times = self.predicted[rows, leads], self.times[rows, leads]
        return self.metadata.errors.exceedance(predicted, times, self.scale[rows], threshold)
