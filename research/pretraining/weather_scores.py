"""What weather is worth at real places, with forecasts of the weather as good as those of a global model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from forecasting.climatology.annual_cycle import annual_terms
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.references import Steps
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import RealRow
from forecasting.models.universal.weather import assumed_skill, forecast_errors
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Bools, Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather
from research.pretraining.held_out_regions import LEVEL, choose_ends, rmse, rows_by_region, scores_of
from research.pretraining.real_series import RealSeries
from research.spec import Spec

NONE: Final = "none"
OBSERVED: Final = "observed"
BOTH: Final = "air and wind"
AIR_ALONE: Final = "air"
WIND_ALONE: Final = "wind"

_FORECASTS: Final = 120
"""Forecasts of each place: more than of other scores, as ratios near 1 are told apart."""

_RECENT_DAYS: Final = 60
_LEAST_KNOWN: Final = 0.7
_HARMONICS_YEARS: Final = 2.0
"""Years of weather that tell its annual cycle; of shorter weather, only the mean is taken."""


class _Over(NamedTuple):
    """Weather over a series and ahead of it, °C and m/s."""

    values: Floats
    usual: Floats
    size: Floats


def score_weather(
    networks: Mapping[str, UniversalForecaster], spec: Spec, series: Sequence[RealSeries]
) -> list[RealRow]:
    """Forecast each series that has weather with it, and without."""
    metadata = next(iter(networks.values())).metadata
    release = UniversalRelease(metadata.dataset, metadata.version, networks)
    rows = rows_by_region(
        row
        for real in series
        if real.series.weather
        for context in spec.weather_contexts
        for row in _score_place(release, spec, real, context)
    )
    return [_without_baseline(row) for row in rows]


def _without_baseline(row: RealRow) -> RealRow:
    relative = {kind: ratio for kind, ratio in row.relative_rmse.items() if kind != NONE}
    return row.model_copy(update={"relative_rmse": relative})


def _score_place(release: UniversalRelease, spec: Spec, real: RealSeries, context: int) -> Iterator[dict[str, Any]]:
    """Yield the scores with each weather at each lead; none if there is too little weather."""
    series, horizon = replace(real.series, weather=None), spec.horizon
    over, leads = _over(real.series), np.asarray(spec.knots)
    ends = choose_ends(series.values, context, horizon, _enough(over.values, spec), _FORECASTS)
    if not len(ends):
        return
    coefficients = np.broadcast_to(real.climatology.astype(np.float32), (len(ends), len(real.climatology)))
    truth, options = series.values[ends[:, None] + leads - 1], ForecastOptions(horizon, levels=(LEVEL,))
    parts = [series.part(end - context, end) for end in ends.tolist()]
    made = {}
    for name, ahead in {NONE: None, **_weathers(over, ends, spec)}.items():
        of_each = (
            parts
            if ahead is None
            else [
                replace(part, weather=_weather(part, over.values[end - context : end], forecast))
                for part, end, forecast in zip(parts, ends.tolist(), ahead, strict=True)
            ]
        )
        made[name] = release.model().columns(SeriesBatch.of(of_each, release.step), options, coefficients)
    # Whether a series can be forecast does not depend on its weather.
    observations = truth[made[NONE].row]
    known = np.isfinite(observations)
    without = rmse(made[NONE].sst[:, leads - 1], observations, known)
    yield from scores_of(real, context, leads, made, observations, known, without)


def _over(series: SstSeries) -> _Over:
    """Return the weather at the steps of a series, and what is usual there."""
    weather, n = series.weather, len(series)
    assert weather is not None
    values = weather.over(series.step, series.start, n)
    terms = annual_terms(series.times)[:, : 5 if n * series.step.seconds > _HARMONICS_YEARS * 365 * DAY else 1]
    if (per_day := round(DAY / series.step.seconds)) > 1:
        hour = 2 * np.pi * np.arange(n)[:, None] / per_day
        terms = np.hstack([terms, np.cos(hour), np.sin(hour)])
    usual = np.full_like(values, np.nan)
    for column, of_column in enumerate(values.T):
        known = np.isfinite(of_column)
        if known.any():
            usual[:, column] = terms @ np.linalg.lstsq(terms[known], of_column[known], rcond=None)[0]
    departures = values - usual
    count = np.maximum(np.isfinite(departures).sum(axis=0), 1)
    return _Over(values, usual, np.sqrt(np.nansum(departures**2, axis=0) / count))


def _enough(values: Floats, spec: Spec) -> Bools:
    """Return after which steps most of the weather of the last weeks and the next steps is known, ``(steps,)``."""
    known: Bools = np.logical_or.reduce(np.isfinite(values), axis=1)
    counts = np.concatenate([[0], np.cumsum(known)])
    recent = round(_RECENT_DAYS * DAY / spec.step_seconds)
    step = np.arange(len(known))
    begin, end = np.maximum(step + 1 - recent, 0), np.minimum(step + 1 + spec.horizon, len(known))
    enough: Bools = counts[end] - counts[begin] >= _LEAST_KNOWN * (end - begin)
    return enough


def _weathers(over: _Over, ends: Steps, spec: Spec) -> dict[str, Floats]:
    """Return weather ahead of each end, ``(ends, horizon, 2)``, by name."""
    ahead = ends[:, None] + np.arange(spec.horizon)
    observed, usual = over.values[ahead], over.usual[ahead]
    step = TimeStep.parse(spec.step)
    skill = assumed_skill(step, spec.horizon)[:, None]
    errors = forecast_errors(np.random.default_rng(1), observed.shape, step)
    forecast = usual + skill * (observed - usual) + np.sqrt(1 - skill**2) * over.size * errors
    has_air, has_wind = (bool(np.isfinite(column).any()) for column in over.values.T)
    weathers = {BOTH if has_air and has_wind else AIR_ALONE: forecast, OBSERVED: observed}
    if has_wind:
        weathers[WIND_ALONE] = forecast * [np.nan, 1.0]
    return weathers


def _weather(part: SstSeries, past: Floats, ahead: Floats) -> Weather:
    """Return weather of the values over a context and ahead of it; past values of what is not forecast are left out."""
    values = np.concatenate([past, ahead])
    values[:, np.isnan(ahead).all(axis=0)] = np.nan
    return Weather(part.start, values)
