"""A universal release as a model: one of its networks, or the best network or reference for each series."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, Model, climatology_at, half_positions, on_land
from forecasting.models.past_skill import PastSkills, spread_origins
from forecasting.models.universal.backtest import AllowedRange, errors_of
from forecasting.models.universal.checks import after_check
from forecasting.models.universal.chunk import Made, columns_of
from forecasting.models.universal.contexts import read_contexts
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.references import Past, forecast_references
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.resampling import Resampled, Resampling, after_resampling, too_far
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import unix_seconds


def forecast_at_any_step(
    release: UniversalRelease,
    batch: SeriesBatch,
    options: ForecastOptions,
    coefficients: Coefficients,
    cell: str | None,
    *,
    references: bool = False,
    warnings: Mapping[int, tuple[ForecastWarning, ...]] | None = None,
) -> Forecasts:
    """Forecast each series of ``batch``, in °C; resample those at another step than ``release``.

    The arguments are as for :meth:`~forecasting.models.universal.release.UniversalRelease.columns`, but the horizon is
    in steps of the series, and one that reaches too far is an error of each series.
    """
    resampling, horizon, metadata = Resampling(batch.step, release.step), options.horizon, release.any_network.metadata
    columns = Columns(options.offered_levels(ANY_LEVEL), options.celsius_thresholds, ())
    if resampling.step == resampling.other:
        if horizon > release.horizon:
            refused = dict.fromkeys(range(len(batch)), too_far(metadata, resampling, horizon, release.horizon))
            return Forecasts.none(columns, horizon, {**refused, **batch.errors})
        return release.columns(batch, options, coefficients, cell, references=references, warnings=warnings)
    errors, earlier = dict(batch.errors), dict(warnings or {})
    resampled: dict[int, Resampled] = {}
    by_leads: dict[int, list[int]] = {}
    coefficients = coefficients.copy()
    for i in batch.usable.tolist():
        entry, left_out = _resampled(release, resampling, batch[i], horizon, coefficients[i] if options.check else None)
        earlier[i] = (*earlier.get(i, ()), *left_out)
        if isinstance(entry, SeriesError):
            errors[i] = entry
        else:
            resampled[i] = entry
            by_leads.setdefault(entry.needed(horizon), []).append(i)
    forecasts: dict[int, Forecast[Quantiles]] = {}
    for leads, rows in by_leads.items():
        group = SeriesBatch.of([resampled[i].series for i in rows], release.step)
        plain = ForecastOptions(leads, (), backtest=options.backtest, concise=options.concise)
        plainly = release.columns(group, plain, coefficients[rows], cell, references=references)
        for place, error in plainly.errors.items():
            errors[rows[place]] = after_check(after_resampling(error, resampling), earlier[rows[place]])
        for place, row in enumerate(plainly.row.tolist()):
            i, forecast = rows[row], plainly[place]
            back = resampled[i].back(cast("Forecast[Quantiles]", forecast), horizon, release.name)
            outside = _outside(back, batch[i], coefficients[i])
            forecasts[i] = replace(back, warnings=(*earlier[i], *outside, *back.warnings))
        coefficients[np.asarray(rows)[plainly.row]] = plainly.coefficients
    if not forecasts:
        return Forecasts.none(columns, horizon, errors)
    made = Made.of(forecasts, batch.step, coefficients)
    return columns_of([made], batch, columns, {}, release.any_network, errors)


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
    beyond = resampled.beyond(release.any_network.metadata, horizon)
    return after_check(beyond, warnings) if beyond else resampled, warnings


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
    if not allowed.excess(forecast.sst[None])[0]:
        return ()
    return (allowed.warning(0, forecast.sst, forecast.model, forecast.model, allowed=False),)


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
        coefficients = climatology_at(batch.positions, len(batch))
        warnings = {i: tuple([ForecastWarning("adjusted", note) for note in notes]) for i, notes in batch.notes.items()}
        positions = batch.positions
        if positions is not None:
            batch = batch.with_errors(half_positions(positions))
            for i in np.flatnonzero(np.isnan(coefficients[:, 0])).tolist():
                warnings[i] = (*warnings.get(i, ()), *on_land(positions[i], coefficients[i]))
        cell = None if self.cell == BEST else self.cell
        made = forecast_at_any_step(self.release, batch, options, coefficients, cell, warnings=warnings)
        return made.in_units(options.units, options.thresholds)

    def past_skill(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> PastSkills:
        """See :meth:`~forecasting.models.base.Model.past_skill`; of the network that answers without a backtest."""
        network = self.release.networks[self.release.best_on_held_out if self.cell == BEST else self.cell]
        metadata, skills = network.metadata, PastSkills.unknown(len(batch))
        groups, _ = read_contexts(batch, coefficients, horizon, metadata, metadata.maximum, concise=True)
        for group in groups:
            for part in group.chunks(network.pass_size(group.values.shape[1])):
                origins = spread_origins(metadata.minimum - 1, part.values.shape[1] - 1 - horizon)
                if not len(origins):
                    continue
                answers = network.backtest(part.values, unix_seconds(part.last_time), part.coefficients, origins)
                references = forecast_references(Past.of(part, origins, horizon))
                forecasts = np.stack([answers[:, :, :horizon, 0], *references.values()])
                measured = PastSkills.of(errors_of(part, forecasts, origins, metadata.minimum), origins)
                for column, values in zip(skills, measured, strict=True):
                    column[part.row] = values
        return skills
