"""Forecasts of many series as arrays, ready to be written as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Usual
from forecasting.errors import SeriesError
from forecasting.forecast_warning import DOUBTS, ForecastWarning
from forecasting.qartod import NOT_EVALUATED, SUSPECT
from forecasting.series.times import SECONDS, Bools, Floats, Times
from service.engine.options import ForecastOptions

Texts = str | None | Sequence[str | None]
"""A text for each forecast, or one for all."""


@dataclass(frozen=True, eq=False)
class ColumnForecasts:
    """Forecasts by one network, or by the best for each series. Temperatures are in the units of the request.

    Attributes:
        series: place of the series of each forecast, ascending, ``(n,)``.
        issued: time of the last observation of each, ``(n,)``.
        times: valid times, ``(n, horizon)``.
        sst: ``(n, horizon)``.
        bounds: lower and upper bounds, ``(n, horizon)``, by level in percent.
        exceedance: probability that SST exceeds a threshold, ``(n, horizon)``, by threshold.
        baselines: forecasts of references, ``(n, horizon)``, by name; NaN where there is none.
        usual: what the reference ``climatology`` of each forecast rests on; None without it.
        calibrated: whether intervals and probabilities can be relied on, ``(n,)``.
        model: full name of the network or reference.
        version: of its release.
        step: of the series.
        chosen: what chose the model; None if the request named it.
        quality: flags as those of batch scoring, ``(n,)``.
        warnings: of each forecast.
        errors: why a series has no forecast, by its place.
        known: what is known of a series without a forecast: ``model``, ``version`` or ``step``.
    """

    series: npt.NDArray[np.intp]
    issued: Times
    times: Times
    sst: Floats
    bounds: dict[int, tuple[Floats, Floats]]
    exceedance: dict[float, Floats]
    baselines: dict[str, Floats]
    usual: Sequence[Usual | None]
    calibrated: Bools
    model: Texts
    version: Texts
    step: Texts
    chosen: Texts
    quality: npt.NDArray[np.int8]
    warnings: Sequence[Sequence[ForecastWarning]]
    errors: dict[int, SeriesError]
    known: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.series)

    @classmethod
    def none(
        cls,
        options: ForecastOptions,
        levels: Sequence[int],
        errors: dict[int, SeriesError],
        known: Mapping[str, str],
    ) -> "ColumnForecasts":
        """Return no forecasts, for when no series could be forecast."""
        nothing = np.empty((0, options.horizon))
        column = np.empty(0)
        return cls(
            series=column.astype(np.intp),
            issued=column.astype(SECONDS),
            times=nothing.astype(SECONDS),
            sst=nothing,
            bounds=dict.fromkeys(levels, (nothing, nothing)),
            exceedance=dict.fromkeys(options.thresholds, nothing),
            baselines={},
            usual=[],
            calibrated=column > 0,
            model=[],
            version=[],
            step=[],
            chosen=[],
            quality=column.astype(np.int8),
            warnings=[],
            errors=errors,
            known=known,
        )


def quality_of(calibrated: Bools, warnings: Sequence[Sequence[ForecastWarning]]) -> npt.NDArray[np.int8]:
    """Return the flag of each forecast: suspect if it is not calibrated or a warning casts doubt, or not evaluated."""
    quality = np.where(calibrated, NOT_EVALUATED, SUSPECT).astype(np.int8)
    if not any(warnings):
        return quality
    for i, entries in enumerate(warnings):
        if entries and any(warning.code in DOUBTS for warning in entries):
            quality[i] = SUSPECT
    return quality
