"""Forecasts from windows, for grids and tables alike."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from forecasting.events.joint.paths import Coupling
from forecasting.networks.forecast import Forecast
from forecasting.series.times import Floats, Times

if TYPE_CHECKING:
    from forecasting.networks.forecaster import Forecaster


@dataclass(frozen=True)
class Scored:
    """Forecasts from windows, one row per window.

    Attributes:
        sst: °C, ``(n, horizon)``.
        widths: half-widths of the prediction intervals, °C ``(n, horizon)``, by level in percent.
        unlike: whether the window is unlike the training data, so that its intervals are not calibrated, ``(n,)``.
    """

    sst: Floats
    widths: dict[int, Floats]
    unlike: npt.NDArray[np.bool_]


def joint_forecasts(forecaster: "Forecaster", scored: Scored, windows: Floats, times: Times) -> list[Forecast]:
    """Return the forecasts as objects that events can be judged by.

    Args:
        forecaster: the network.
        scored: what :func:`forecast_windows` returned.
        windows: °C, ``(n, window)``.
        times: valid times, ``(n, horizon)``.
    """
    if not len(windows):
        return []
    errors = forecaster.metadata.errors
    quantiles = errors.quantiles_at(times, errors.scale(windows))
    coupling = Coupling(forecaster.metadata.dependence, tuple(range(1, times.shape[1] + 1)))
    return [
        Forecast(
            times=times[i],
            sst=scored.sst[i],
            intervals=(),
            thresholds=(),
            exceedance=(),
            baselines={},
            warnings=(),
            calibrated=not scored.unlike[i],
            errors=quantiles[i],
            probabilities=errors.probabilities,
            coupling=coupling,
        )
        for i in range(len(windows))
    ]


def forecast_windows(forecaster: "Forecaster", windows: Floats, times: Times, levels: tuple[int, ...]) -> Scored:
    """Forecast from windows without gaps.

    Args:
        forecaster: the network, with calibrated intervals at ``levels``.
        windows: °C, ``(n, window)``.
        times: valid times, ``(n, horizon)``.
        levels: levels of the prediction intervals, percent.
    """
    if not len(windows):
        no_rows = np.empty((0, times.shape[1]))
        return Scored(no_rows, dict.fromkeys(levels, no_rows), np.empty(0, dtype=np.bool_))
    sst = forecaster.network.roll_each(windows, times, np.full(len(windows), times.shape[1]))
    errors = forecaster.metadata.errors
    scale = errors.scale(windows)
    widths = {level: errors.half_widths(level, times, scale) for level in levels}
    return Scored(sst, widths, forecaster.metadata.training_range.unlike(windows, times[:, 0]))
