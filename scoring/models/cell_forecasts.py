"""Forecasts of the cells of a grid."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.events.outlook import JointForecast
from forecasting.series.times import Floats

Bounds = dict[int, tuple[Floats, Floats]]
"""Lower and upper bounds of prediction intervals, °C ``(n, horizon)``, by level in percent."""


@dataclass(frozen=True)
class CellForecasts:
    """Forecasts of some of several cells.

    Attributes:
        cell: index of each cell with a forecast, increasing, ``(n,)``.
        sst: °C, ``(n, horizon)``.
        bounds: of the prediction intervals.
        quality: flags of :mod:`scoring.models.quality`, ``(n,)``.
        missing: number of cells without a forecast, by reason.
        warnings: number of cells with a warning, by kind.
        bad: indices of cells with an impossible sea temperature.
        joint: the same forecasts with their joint distributions; empty unless asked for.
    """

    cell: npt.NDArray[np.intp]
    sst: Floats
    bounds: Bounds
    quality: npt.NDArray[np.int8]
    missing: dict[str, int]
    warnings: dict[str, int]
    bad: npt.NDArray[np.intp]
    joint: Sequence[JointForecast] = ()


def joined(parts: Sequence[CellForecasts], begins: Sequence[int]) -> CellForecasts:
    """Return the forecasts of consecutive parts of cells, which begin at ``begins``."""
    missing, warnings = Counter[str](), Counter[str]()
    for part in parts:
        missing.update(part.missing)
        warnings.update(part.warnings)
    shifted = list(zip(parts, begins, strict=True))
    return CellForecasts(
        cell=np.concatenate([part.cell + begin for part, begin in shifted]),
        sst=np.concatenate([part.sst for part in parts]),
        bounds={
            level: (
                np.concatenate([part.bounds[level][0] for part in parts]),
                np.concatenate([part.bounds[level][1] for part in parts]),
            )
            for level in parts[0].bounds
        },
        quality=np.concatenate([part.quality for part in parts]),
        missing=dict(missing),
        warnings=dict(warnings),
        bad=np.concatenate([part.bad + begin for part, begin in shifted]),
        joint=[forecast for part in parts for forecast in part.joint],
    )
