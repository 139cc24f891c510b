"""Forecasts of series at any one step by a release of the same or another step."""

from collections.abc import Sequence

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import in_words
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.network.forecaster import Coefficients
from forecasting.universal.release import BEST, UniversalRelease
from forecasting.universal.steps.resampling import Resampling


def forecast_at_any_step(
    release: UniversalRelease,
    series: Sequence[SstSeries],
    horizon: int,
    *,
    coefficients: Coefficients,
    model: str = BEST,
    record: bool = True,
) -> list[UniversalForecast | SeriesError]:
    """Forecast each of ``series``, which share a step; resample those at another step than ``release``.

    The arguments are as for :meth:`~forecasting.universal.release.UniversalRelease.forecast_many`, but ``horizon`` is
    in steps of the series, and one that reaches too far is an error of each series.

    Raises:
        UnknownNameError: if there is no such model.
    """
    if not series:
        return []
    resampling = Resampling(series[0].step, release.step)
    if resampling.step == resampling.other:
        if horizon > release.horizon:
            return [_too_far(release, resampling, horizon, release.horizon) for _ in series]
        return release.forecast_many(series, horizon, coefficients=coefficients, model=model, record=record)
    release.resolve(model)
    return [
        _forecast_resampled(release, resampling, member, horizon, coefficients[i], model, record)
        for i, member in enumerate(series)
    ]


def _forecast_resampled(
    release: UniversalRelease,
    resampling: Resampling,
    series: SstSeries,
    horizon: int,
    coefficients: Coefficients,
    model: str,
    record: bool,
) -> UniversalForecast | SeriesError:
    try:
        resampled = resampling.resampled(series)
        missing_after = len(series) - 1 - int(np.flatnonzero(np.isfinite(series.values))[-1])
        needed = resampling.needed(missing_after, horizon)
        if needed > release.horizon:
            steps = range(horizon - 1, 0, -1)
            most = next((h for h in steps if resampling.needed(missing_after, h) <= release.horizon), 0)
            return _too_far(release, resampling, horizon, most)
        forecast = release.forecast(resampled, needed, coefficients=coefficients, model=model, record=record)
    except SeriesError as error:
        return error
    return resampling.back(forecast, series, resampled, horizon, release.name)


def _too_far(release: UniversalRelease, resampling: Resampling, horizon: int, most: int) -> SeriesError:
    words = in_words(str(resampling.step))
    remedy = f"ask for at most {most}" if most else "send newer values"
    return SeriesError(
        f"horizon {horizon}, in steps of {words} after the end of the series, reaches further than {release.name} "
        f"forecasts ({release.horizon} steps of {in_words(str(release.step))} after the last observation): {remedy}"
    )
