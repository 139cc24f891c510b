"""How far forecasts were from what was observed, per lead.

Definitions follow the Joint WMO Technical Programme's forecast verification pages; skill as Murphy (1988, Mon. Wea.
Rev. 116, 2417) has it, on RMSE in place of MSE.
"""

import math
from statistics import NormalDist
from typing import Final, SupportsFloat

import numpy as np
from pydantic import BaseModel

from forecasting.series.timestep import Floats

NEAR_ZERO_CELSIUS: Final = 0.01
"""°C. Observations closer to 0 are left out of MAPE, which divides by them."""

DECIMALS: Final = 6
"""Of the figures of a report."""

_MIN_ANOMALY_VARIANCE: Final = 1e-12
"""°C². Anomalies that vary by less are those of rounding."""


class Accuracy(BaseModel, frozen=True):
    """Errors by lead; the first entry of each is lead 1.

    Attributes:
        n: pairs of forecast and observation.
        mae: mean absolute error, °C.
        rmse: root mean square error, °C.
        mape: mean absolute percentage error, percent of the observed °C. Depends on where 0 lies, and is meaningless
            near it. None where every observation is.
        bias: mean of forecast minus observation, °C.
    """

    n: tuple[int, ...]
    mae: tuple[float, ...]
    rmse: tuple[float, ...]
    mape: tuple[float | None, ...]
    bias: tuple[float, ...]

    @classmethod
    def of(cls, observed: Floats, predicted: Floats) -> "Accuracy":
        """Accuracy of ``predicted`` °C ``(n, leads)`` against ``observed``, NaN where there was no observation.

        Raises:
            ValueError: if a lead has no observation at all.
        """
        error = predicted - observed
        n = np.isfinite(error).sum(axis=0)
        if not n.all():
            raise ValueError("accuracy needs an observation at every lead")
        far = np.abs(error / np.where(np.abs(observed) >= NEAR_ZERO_CELSIUS, observed, np.nan))
        return cls(
            n=tuple(map(int, n)),
            mae=rounded(np.nanmean(np.abs(error), axis=0)),
            rmse=rounded(np.sqrt(np.nanmean(error**2, axis=0))),
            mape=tuple(_mean_percentage(column) for column in far.T),
            bias=rounded(np.nanmean(error, axis=0)),
        )


def rounded(values: Floats) -> tuple[float, ...]:
    """Figures ``(n,)`` as reports have them."""
    return tuple(map(rounded_one, values))


def rounded_one(value: SupportsFloat) -> float:
    """A figure to :data:`DECIMALS`."""
    return round(float(value), DECIMALS)


def rounded_or_none(value: float | None) -> float | None:
    """A figure likewise; None where there is none."""
    return None if value is None else rounded_one(value)


def _mean_percentage(fractions: Floats) -> float | None:
    known = fractions[np.isfinite(fractions)]
    return round(100 * float(known.mean()), DECIMALS) if len(known) else None


def skill(rmse: float, reference: float) -> float | None:
    """1 − RMSE / RMSE of the reference: 1 is perfect, 0 no better than it. None where the reference has no error."""
    return round(1 - rmse / reference, DECIMALS) if reference > 0 else None


def anomaly_correlation(observed: Floats, predicted: Floats, climatology: Floats) -> tuple[float | None, ...]:
    """Correlation of forecast and observed anomalies by lead, each about its own mean; None where one does not vary.

    The centred form of Murphy and Epstein (1989, Mon. Wea. Rev. 117, 572).

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        predicted: °C, ``(n, leads)``.
        climatology: °C, ``(n, leads)``: what anomalies are taken from.
    """
    return tuple(
        _correlation(observed[:, lead] - climatology[:, lead], predicted[:, lead] - climatology[:, lead])
        for lead in range(observed.shape[1])
    )


def _correlation(one: Floats, other: Floats) -> float | None:
    known = np.isfinite(one) & np.isfinite(other)
    if not known.any():
        return None
    one, other = one[known] - one[known].mean(), other[known] - other[known].mean()
    size = math.sqrt(float(one @ one) * float(other @ other))
    return round(float(one @ other) / size, DECIMALS) if size > _MIN_ANOMALY_VARIANCE * len(one) else None


def diebold_mariano(error: Floats, reference: Floats, lead: int = 1) -> float | None:
    """Two-sided p-value that two forecasts of the same values have the same mean square error.

    Diebold and Mariano (1995, J. Bus. Econ. Stat. 13, 253), with autocovariances up to ``lead`` − 1 and the
    small-sample factor of Harvey, Leybourne and Newbold (1997, Int. J. Forecast. 13, 281), against the normal
    distribution.

    Args:
        error: of the one, ``(n,)``, in order of time; NaN pairs are left out.
        reference: of the other.
        lead: of the forecasts.

    Returns:
        None where the two cannot be told apart by variance: equal errors, or too few.
    """
    loss = error**2 - reference**2
    loss = loss[np.isfinite(loss)]
    n = len(loss)
    if n <= 2 * lead:
        return None
    centred = loss - loss.mean()
    covariances = [float(centred[k:] @ centred[: n - k]) / n for k in range(lead)]
    variance = (covariances[0] + 2 * sum(covariances[1:])) / n
    if variance <= 0:
        return None
    small_sample = math.sqrt((n + 1 - 2 * lead + lead * (lead - 1) / n) / n)
    statistic = float(loss.mean()) / math.sqrt(variance) * small_sample
    return 2 * NormalDist().cdf(-abs(statistic))


def coverage(observed: Floats, lower: Floats, upper: Floats) -> tuple[float, ...]:
    """Share of observations within ``lower`` to ``upper`` by lead; all ``(n, leads)``, NaN left out."""
    inside = np.where(np.isfinite(observed), (observed >= lower) & (observed <= upper), np.nan)
    return rounded(np.nanmean(inside, axis=0))
