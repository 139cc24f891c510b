"""How far forecasts are from observations, by lead.

Definitions follow the pages of the WWRP/WGNE Joint Working Group on Forecast Verification Research. Skill is that of
Murphy (1988, Mon. Wea. Rev. 116, 2417), computed from RMSE instead of MSE.
"""

import math
from statistics import NormalDist
from typing import Final, SupportsFloat

import numpy as np
from pydantic import BaseModel

from forecasting.series.times import Floats

NEAR_ZERO_CELSIUS: Final = 0.01
"""°C. MAPE divides by observations, and skips those closer to 0."""

DECIMALS: Final = 6
"""Decimal places of the numbers in a report."""

_MIN_ANOMALY_VARIANCE: Final = 1e-12
"""°C². Anomalies with a smaller variance are rounding errors."""


class Accuracy(BaseModel, frozen=True):
    """Errors by lead; the first entry of each is lead 1.

    Attributes:
        mae: mean absolute error, °C.
        rmse: root mean square error, °C.
        mape: mean absolute percentage error, percent of the observed °C. It depends on the zero of the scale and is
            meaningless near it. None if every observation is near zero.
        bias: mean of forecast minus observation, °C.
    """

    n: tuple[int, ...]
    mae: tuple[float, ...]
    rmse: tuple[float, ...]
    mape: tuple[float | None, ...]
    bias: tuple[float, ...]

    @classmethod
    def of(cls, observed: Floats, predicted: Floats) -> "Accuracy":
        """Compare ``predicted`` with ``observed``, both °C ``(n, leads)``, NaN where there is no observation."""
        error = predicted - observed
        n = np.isfinite(error).sum(axis=0)
        if not n.all():
            raise ValueError("accuracy needs an observation at every lead")
        fractions = np.abs(error / np.where(np.abs(observed) >= NEAR_ZERO_CELSIUS, observed, np.nan))
        return cls(
            n=tuple(map(int, n)),
            mae=rounded(np.nanmean(np.abs(error), axis=0)),
            rmse=rounded(np.sqrt(np.nanmean(error**2, axis=0))),
            mape=tuple(
                rounded_one(100 * float(column[known].mean())) if (known := np.isfinite(column)).any() else None
                for column in fractions.T
            ),
            bias=rounded(np.nanmean(error, axis=0)),
        )


def rounded(values: Floats) -> tuple[float, ...]:
    """Round values ``(n,)`` to :data:`DECIMALS`."""
    return tuple(map(rounded_one, values))


def rounded_one(value: SupportsFloat) -> float:
    """Round a value to :data:`DECIMALS`."""
    return round(float(value), DECIMALS)


def rounded_or_none(value: float | None) -> float | None:
    """Round a value to :data:`DECIMALS`; None stays None."""
    return None if value is None else rounded_one(value)


def skill(rmse: float, reference: float) -> float | None:
    """Return 1 − RMSE / RMSE of the reference: 1 is perfect, 0 no better. None if the reference has no error."""
    return round(1 - rmse / reference, DECIMALS) if reference > 0 else None


def anomaly_correlation(observed: Floats, predicted: Floats, climatology: Floats) -> tuple[float | None, ...]:
    """Return the correlation of forecast and observed anomalies by lead; None where one of them is constant.

    The centred form of Murphy and Epstein (1989, Mon. Wea. Rev. 117, 572): each is relative to its mean.

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        predicted: °C, ``(n, leads)``.
        climatology: °C, ``(n, leads)``, which anomalies are relative to.
    """
    return tuple(
        _correlation(observed[:, lead] - climatology[:, lead], predicted[:, lead] - climatology[:, lead])
        for lead in range(observed.shape[1])
    )


def _correlation(observed: Floats, predicted: Floats) -> float | None:
    known = np.isfinite(observed) & np.isfinite(predicted)
    if not known.any():
        return None
    x, y = observed[known] - observed[known].mean(), predicted[known] - predicted[known].mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return round(float(x @ y) / scale, DECIMALS) if scale > _MIN_ANOMALY_VARIANCE * len(x) else None


def diebold_mariano(error: Floats, reference: Floats, lead: int = 1) -> float | None:
    """Return the two-sided p-value for two forecasts of the same values having the same mean squared error.

    Diebold and Mariano (1995, J. Bus. Econ. Stat. 13, 253), with autocovariances up to ``lead`` − 1 and the
    small-sample factor of Harvey, Leybourne and Newbold (1997, Int. J. Forecast. 13, 281), against the normal
    distribution.

    Args:
        error: Error of one forecast, ``(n,)``, in chronological order; pairs with NaN are skipped.
        reference: error of the other forecast, ``(n,)``.
        lead: Lead of the forecasts.
    """
    loss = error**2 - reference**2
    loss = loss[np.isfinite(loss)]
    n = len(loss)
    if n <= 2 * lead:
        return None
    centred = loss - loss.mean()
    covariances = [float(centred[lag:] @ centred[: n - lag]) / n for lag in range(lead)]
    variance = (covariances[0] + 2 * sum(covariances[1:])) / n
    if variance <= 0:
        return None
    small_sample = math.sqrt((n + 1 - 2 * lead + lead * (lead - 1) / n) / n)
    statistic = float(loss.mean()) / math.sqrt(variance) * small_sample
    return 2 * NormalDist().cdf(-abs(statistic))


def coverage(observed: Floats, lower: Floats, upper: Floats) -> tuple[float, ...]:
    """Return the share of observations from ``lower`` to ``upper`` by lead; all ``(n, leads)``, NaN are skipped."""
    inside = np.where(np.isfinite(observed), (observed >= lower) & (observed <= upper), np.nan)
    return rounded(np.nanmean(inside, axis=0))
