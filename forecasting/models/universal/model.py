"""A universal release as a model: one of its networks, or the best network or reference for each series."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Errors, Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, Coefficients, Model, climatology_at, half_position, on_land
from forecasting.models.universal.backtest import AllowedRange
from forecasting.models.universal.checks import after_check
from forecasting.models.universal.contexts import read_contexts
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.resampling import Resampled, Resampling
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import in_words


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

    The arguments are as for :meth:`~forecasting.models.universal.release.UniversalRelease.forecast_many`, but
    ``horizon`` is in steps of the series, and one that reaches too far is an error of each series.

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


class UniversalModel(Model):
    """Forecasts series from any sea, at the step of a release or one near it."""

    levels = ANY_LEVEL
    checks_values = True
    quick = False

    def __init__(self, release: UniversalRelease, cell: str) -> None:
        """Forecast with the network of ``cell``, or with ``best``: the best network or reference for each series."""
        self.release = release
        self.cell = cell
        self.name = release.name if cell == BEST else f"{release.name}-{cell}"
        self.dataset, self.version = release.name, release.version
        self.step, self.horizon = release.step, release.horizon

    @property
    def networks(self) -> list[UniversalForecaster]:
        """See :attr:`~forecasting.models.base.Model.networks`."""
        networks = self.release.networks
        return [*networks.values()] if self.cell == BEST else [networks[self.cell]]

    def forecast_batch(self, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        """See :meth:`~forecasting.models.base.Model.forecast_batch`; series at another step are resampled."""
        positions = np.full((len(batch), 2), np.nan) if batch.positions is None else batch.positions
        halves = {i: half_position(*position) for i, position in enumerate(positions.tolist())}
        batch = batch.with_errors({i: error for i, error in halves.items() if error})
        errors, rows = dict(batch.errors), batch.usable.tolist()
        coefficients = climatology_at(positions)
        series = [batch[i] for i in rows]
        earlier = {
            i: (
                *[ForecastWarning("adjusted", note) for note in batch.notes.get(i, ())],
                *on_land(positions[i], coefficients[i]),
            )
            for i in rows
        }
        check = options.check
        if check and batch.step == self.step:
            series, left_out = self.release.without_suspects(series, coefficients[rows])
            earlier |= {rows[i]: (warning, *earlier[rows[i]]) for i, warning in left_out.items()}
            check = False
        made = forecast_at_any_step(
            self.release,
            series,
            options.horizon,
            coefficients=coefficients[rows],
            model=self.cell,
            record=options.backtest,
            check=check,
        )
        forecasts: dict[int, Forecast[Quantiles]] = {}
        for i, forecast in zip(rows, made, strict=True):
            if isinstance(forecast, SeriesError):
                errors[i] = after_check(forecast, earlier[i])
                continue
            if any(warning.code == "no_climatology" for warning in forecast.warnings):
                coefficients[i] = np.nan
            forecasts[i] = replace(forecast, warnings=(*earlier[i], *forecast.warnings))
        return self._columns(forecasts, options, dict(zip(rows, series, strict=True)), coefficients, errors)

    def _columns(
        self,
        forecasts: Mapping[int, Forecast[Quantiles]],
        options: ForecastOptions,
        series: Mapping[int, SstSeries],
        coefficients: Coefficients,
        errors: Errors,
    ) -> Forecasts:
        columns = Columns(options.offered_levels(self.levels), options.celsius_thresholds, ())
        made = Forecasts.of(forecasts, columns, options.horizon, series, coefficients, self.version, errors)
        return made.in_units(options.units, options.thresholds)
