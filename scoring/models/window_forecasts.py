"""Forecasts from windows, for grids and tables alike."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.networks.uncertainty.residuals import AllResiduals
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


def joint_forecasts(
    forecaster: "Forecaster", scored: Scored, windows: Floats, times: Times
) -> list[Forecast[Distribution]]:
    """Return the forecasts as objects that events can be evaluated by.

    Args:
        forecaster: the network.
        scored: what :func:`forecast_windows` returned.
        windows: °C, ``(n, window)``.
        times: valid times, ``(n, horizon)``.
    """
    from forecasting.networks.forecaster import outside_training  # imports torch

    metadata = forecaster.metadata
    distributions = AllResiduals(
        scored.sst, metadata.errors, metadata.dependence, times, metadata.errors.scale(windows)
    )
    return [
        Forecast(
            model=metadata.model,
            times=times[i],
            sst=scored.sst[i],
            distribution=distribution,
            baselines={},
            warnings=(outside_training(windows[i], times[i, 0], metadata),) if scored.unlike[i] else (),
        )
        for i, distribution in enumerate(distributions)
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
    sst = forecaster.network.roll_all(windows, times)
    errors = forecaster.metadata.errors
    scale = errors.scale(windows)
    widths = {level: errors.half_widths(level, times, scale) for level in levels}
    return Scored(sst, widths, forecaster.metadata.training_range.unlike(windows, times[:, 0]))
