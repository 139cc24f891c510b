"""Forecasts of many series, a row each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import UsualOfSeries
from forecasting.errors import SeriesError
from forecasting.events.joint.dependence import Dependence
from forecasting.events.joint.paths import Coupling
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.forecast import Forecast, Interval
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.networks.windows import Windows
from forecasting.series.times import Floats, Times

Network = TypeVar("Network")

Rows = slice | list[int]
"""Some rows of a batch, or all of them."""


@dataclass(frozen=True)
class Forecasts(Generic[Network]):
    """Forecasts of many series; a series that cannot be forecast from has no row.

    Attributes:
        row: index of the series of each forecast, ascending, ``(n,)``.
        leads: number of leads of each forecast, ``(n,)``; later columns are undefined.
        times: valid times, ``(n, longest)``.
        sst: °C, ``(n, longest)``.
        baselines: forecasts of the references, °C ``(n, longest)``, by name; NaN where a series is too short for one.
        warnings: of each forecast.
        calibrated: whether each window is like the training data of its network, ``(n,)``.
        scale: factor for the errors of each network, ``(n,)``.
        failures: why a series has no forecast, by its index.
        windows: the values that each forecast started from, °C ``(n, window)``.
        rms_increment: of each window, °C ``(n,)``.
        by_network: each network that took part, its rows, and the seconds that it computed.
        usual: what the baseline ``climatology`` of each forecast rests on.
    """

    row: npt.NDArray[np.intp]
    leads: npt.NDArray[np.int64]
    times: Times
    sst: Floats
    baselines: dict[str, Floats]
    warnings: Sequence[tuple[ForecastWarning, ...]]
    calibrated: npt.NDArray[np.bool_]
    scale: Floats
    failures: dict[int, SeriesError]
    windows: Floats
    rms_increment: Floats
    by_network: Sequence[tuple[Network, Rows, float]]
    usual: UsualOfSeries

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls, windows: Windows, failures: dict[int, SeriesError]) -> "Forecasts[Network]":
        """Return no forecasts, for when no series has a usable window."""
        column, table = np.empty(0), np.empty((0, 0))
        return cls(
            row=windows.row,
            leads=windows.leads,
            times=windows.times,
            sst=table,
            baselines={},
            warnings=[],
            calibrated=column > 0,
            scale=column,
            failures=failures,
            windows=table,
            rms_increment=column,
            by_network=[],
            usual=UsualOfSeries.none(0),
        )

    def forecast_at(
        self,
        place: int,
        errors: ErrorDistribution,
        levels: Sequence[int],
        thresholds: Sequence[float],
        dependence: Dependence | None = None,
    ) -> Forecast:
        """Return the forecast in row ``place``.

        Args:
            place: of the row.
            errors: of its network, for intervals and probabilities.
            levels: of the intervals, percent.
            thresholds: °C.
            dependence: of its network, for joint paths.
        """
        n = int(self.leads[place])
        sst, times, scale = self.sst[place, :n], self.times[place : place + 1, :n], self.scale[place : place + 1]
        widths = [(level, errors.half_widths(level, times, scale)[0]) for level in levels]
        return Forecast(
            times=times[0],
            sst=sst,
            intervals=tuple(Interval(level, sst - width, sst + width) for level, width in widths),
            thresholds=tuple(map(float, thresholds)),
            exceedance=tuple(errors.exceedance(sst[None], times, scale, threshold)[0] for threshold in thresholds),
            baselines={
                name: values[place, :n] for name, values in self.baselines.items() if not np.isnan(values[place, 0])
            },
            warnings=self.warnings[place],
            calibrated=bool(self.calibrated[place]),
            errors=errors.quantiles_at(times, scale)[0],
            probabilities=errors.probabilities,
            coupling=Coupling(dependence, tuple(range(1, n + 1))),
            usual=self.usual.at(place),
        )
