"""Forecasts of series at any one step by a release of the same or another step."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.models.base import BEST
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import in_words
from forecasting.universal.checks.warnings import after_check
from forecasting.universal.contexts.contexts import read_contexts
from forecasting.universal.distribution import Quantiles
from forecasting.universal.network.forecaster import Coefficients
from forecasting.universal.own_past.allowed_range import AllowedRange
from forecasting.universal.release import UniversalRelease
from forecasting.universal.steps.back import Resampled
from forecasting.universal.steps.resampling import Resampling


def forecast_at_any_step(
    release: UniversalRelease,
    series: Sequence[SstSeries],
    horizon: int,
    *,
    coefficients: Coefficients,
    model: str = BEST,
    record: bool = True,
    references: bool = False,
    check: bool = False,
) -> list[Forecast[Quantiles] | SeriesError]:
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
        return release.forecast_many(
            series, horizon, coefficients=coefficients, model=model, record=record, references=references, check=check
        )
    release.resolve(model)
    results: dict[int, Forecast[Quantiles] | SeriesError] = {}
    by_leads: dict[int, list[int]] = {}
    resampled: dict[int, Resampled] = {}
    left_out: dict[int, list[ForecastWarning]] = {}
    for i, member in enumerate(series):
        entry, left_out[i] = _resampled(release, resampling, member, horizon, coefficients[i] if check else None)
        if isinstance(entry, SeriesError):
            results[i] = entry
        else:
            resampled[i] = entry
            by_leads.setdefault(entry.needed(horizon), []).append(i)
    for leads, places in by_leads.items():
        group = [resampled[i].series for i in places]
        forecasts = release.forecast_many(
            group,
            leads,
            coefficients=coefficients[places],
            model=model,
            record=record,
            references=references,
        )
        for i, forecast in zip(places, forecasts, strict=True):
            if isinstance(forecast, Forecast):
                back = resampled[i].back(forecast, horizon, release.name)
                outside = _outside(back, series[i], coefficients[i])
                results[i] = replace(back, warnings=(*left_out[i], *outside, *back.warnings))
            else:
                results[i] = after_check(_after_resampling(forecast, resampling), left_out[i])
    return [results[i] for i in range(len(series))]


def refusal_at_any_step(
    release: UniversalRelease, series: SstSeries, coefficients: Coefficients | None = None
) -> SeriesError | None:
    """Return why ``release`` cannot forecast one step of ``series``, at any step; None if it can.

    Args:
        release: whose networks are not run.
        series: in °C.
        coefficients: climatology of its position, °C, float32 ``(7,)``; None without one.
    """
    resampling, horizon = Resampling(series.step, release.step), 1
    if resampling.step != resampling.other:
        entry, _ = _resampled(release, resampling, series, horizon, None)
        if isinstance(entry, SeriesError):
            return entry
        series, horizon = entry.series, entry.needed(horizon)
    metadata = release.any_network.metadata
    known = np.full((1, COEFFICIENTS), np.nan, dtype=np.float32) if coefficients is None else coefficients[None]
    _, failures = read_contexts([series], known, horizon, metadata, metadata.maximum)
    error = failures.get(0)
    return error if error is None or resampling.step == resampling.other else _after_resampling(error, resampling)


def _resampled(
    release: UniversalRelease, resampling: Resampling, series: SstSeries, horizon: int, checked: Coefficients | None
) -> tuple[Resampled | SeriesError, list[ForecastWarning]]:
    """Return a series at the step of the release, and warnings; with ``checked``, its climatology, it is checked."""
    try:
        resampled = Resampled.of(series, resampling)
    except SeriesError as error:
        return error, []
    warnings: list[ForecastWarning] = []
    if checked is not None:
        resampled, warnings = _without_suspects(release, resampled, checked)
    if resampled.needed(horizon) <= release.horizon:
        return resampled, warnings
    steps = range(horizon - 1, 0, -1)
    longest = next((h for h in steps if resampled.needed(h) <= release.horizon), 0)
    return after_check(_too_far(release, resampling, horizon, longest), warnings), warnings


def _without_suspects(
    release: UniversalRelease, resampled: Resampled, coefficients: Coefficients
) -> tuple[Resampled, list[ForecastWarning]]:
    """Return a series without the values in suspect steps of the release, and a warning if there are any.

    They are left out before they are averaged, because a forecast also begins with what the last value is beyond its
    mean.
    """
    (kept,), left_out = release.without_suspects([resampled.series], coefficients[None])
    return resampled.without(kept) if left_out else resampled, list(left_out.values())


def _outside(
    forecast: Forecast[Quantiles], series: SstSeries, coefficients: Coefficients
) -> tuple[ForecastWarning, ...]:
    """Return the warning that a forecast with the detail of ``series`` leaves the allowed range, if it does."""
    if starts_from_suspect(forecast.warnings) or any(w.code == "implausible_forecast" for w in forecast.warnings):
        return ()
    ahead = forecast.distribution.unobserved + np.arange(1, len(forecast.sst) + 1)
    allowed = AllowedRange.of(series.values[None], coefficients[None], series.step, ahead[None])
    if not allowed.excess(0, forecast.sst):
        return ()
    return (allowed.warning(0, forecast.sst, forecast.model, forecast.model, allowed=False),)


def _after_resampling(error: SeriesError, resampling: Resampling) -> SeriesError:
    theirs, ours = (in_words(str(step)) for step in (resampling.step, resampling.other))
    return SeriesError(f"{error}; the series has a step of {theirs}, and was resampled to {ours}")


def _too_far(release: UniversalRelease, resampling: Resampling, horizon: int, longest: int) -> SeriesError:
    words = in_words(str(resampling.step))
    if longest:
        remedy = f"ask for at most {longest}"
    elif resampling.step.seconds > release.horizon * release.step.seconds:
        remedy = "send a series with a shorter step"
    else:
        remedy = "send newer values"
    return SeriesError(
        f"horizon {horizon}, in steps of {words} after the end of the series, reaches further than {release.name} "
        f"forecasts ({release.horizon} steps of {in_words(str(release.step))} after the last observation): {remedy}"
    )
