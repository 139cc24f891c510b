"""A universal release as a model: one of its networks, or for each series a mixture of one and references."""

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Final, NamedTuple, cast

import numpy as np

from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Errors, Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, Model, climatology_at, half_positions, on_land, weather_ignored
from forecasting.models.past_skill import PastSkills, spread_origins
from forecasting.models.universal.backtest import AllowedRange, errors_of
from forecasting.models.universal.checks import (
    after_check,
    note_implausible_ends,
    warn_of_suspect_ends,
    without_suspects,
)
from forecasting.models.universal.chunk import ChunkOptions, Made, columns_of, forecast_chunk, pooled_mixture
from forecasting.models.universal.contexts import read_contexts
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.pooled import PooledMixture
from forecasting.models.universal.references import Past, forecast_references
from forecasting.models.universal.resampling import Resampled, Resampling, after_resampling, too_far
from forecasting.references.baselines import REFERENCES
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, unix_seconds
from forecasting.series.timestep import TimeStep

_SERIES_AT_ONCE: Final = 512
"""Series that references are fitted to together, which bounds the memory."""

_BACKTESTS_AT_ONCE: Final = 8
"""Forecasts of the past of more series take too much memory."""

_CHUNK_WITH_BACKTEST: Final = 32
"""Series of one pass with a backtest; the forecasts of the past of more take too much memory."""

_MAX_HISTORY: Final = 4_000
"""Last values of a series that references are fitted to; the networks use fewer."""


class _Request(NamedTuple):
    """What :meth:`UniversalModel.columns` is asked for."""

    batch: SeriesBatch
    options: ForecastOptions
    coefficients: Coefficients
    references: bool
    warnings: dict[int, tuple[ForecastWarning, ...]]
    errors: Errors

    def refuse(self, i: int, error: SeriesError) -> None:
        """Add the error of a series, which says if values were left out."""
        self.errors[i] = after_check(error, self.warnings.get(i, ()))


class UniversalModel(Model):
    """Forecasts series from any sea, at the step of a release or one near it."""

    levels = ANY_LEVEL
    checks_values = True
    quick = False

    pooled: PooledMixture | None = None

    def __init__(
        self, release: str, version: str, networks: Mapping[str, UniversalForecaster], best: str, cell: str
    ) -> None:
        """Forecast with the network of ``cell``, or with ``best``: a mixture of the best one and references."""
        self._networks, self.cell = networks, cell
        self.name = release if cell == BEST else f"{release}-{cell}"
        self.dataset, self.version = release, version
        self._any, self._checking = next(iter(networks.values())), networks[best]
        self._network = self._checking if cell == BEST else networks[cell]
        self._metadata = self._any.metadata
        self.step, self.horizon = self._metadata.time_step, self._metadata.horizon
        self.covariates = self._metadata.covariates

    @cached_property
    def networks(self) -> list[UniversalForecaster]:
        """See :attr:`~forecasting.models.base.Model.networks`."""
        return [*self._networks.values()] if self.cell == BEST else [self._network]

    def mixed(self, pooled: PooledMixture | None) -> "UniversalModel":
        """Return the model whose concise forecasts are by a mixture of its network and references."""
        model = copy(self)
        model.pooled = pooled
        return model

    def forecast_batch(self, batch: SeriesBatch, options: ForecastOptions) -> Forecasts:
        """See :meth:`~forecasting.models.base.Model.forecast_batch`; series at another step are resampled."""
        coefficients = climatology_at(batch.positions, len(batch))
        warnings = {i: tuple([ForecastWarning("adjusted", note) for note in notes]) for i, notes in batch.notes.items()}
        batch, fills = batch.without_fills(doubtful=options.check)
        for i, fill in fills.items():
            warnings[i] = (*warnings.get(i, ()), fill)
        positions = batch.positions
        if positions is not None:
            batch = batch.with_errors(half_positions(positions))
            for i in np.flatnonzero(np.isnan(coefficients[:, 0])).tolist():
                warnings[i] = (*warnings.get(i, ()), *on_land(positions[i], coefficients[i]))
        made = self.columns(batch, options, coefficients, warnings=warnings)
        return made.in_units(options.units, options.thresholds)

    def columns(
        self,
        batch: SeriesBatch,
        options: ForecastOptions,
        coefficients: Coefficients,
        *,
        references: bool = False,
        warnings: Mapping[int, tuple[ForecastWarning, ...]] | None = None,
    ) -> Forecasts:
        """Forecast each series of ``batch``, in °C; all other forecasts of the release are views of these.

        Series at another step than the release are resampled. A horizon that reaches too far is an error of each.

        Args:
            batch: series at any step.
            options: not checked; the horizon is in steps of the series.
            coefficients: climatology of each position, °C ``(n, 7)``; NaN where there is none.
            references: whether to fit references to each series even without a backtest.
            warnings: known before, by series.
        """
        columns = Columns(options.offered_levels(ANY_LEVEL), options.celsius_thresholds, ())
        errors, resampling = dict(batch.errors), Resampling(batch.step, self.step)
        request = _Request(batch, options, coefficients, references, dict(warnings or {}), errors)
        if resampling.step != resampling.other or not self.covariates:
            request = _without_weather(request, self.dataset, self.step)
        if resampling.step != resampling.other:
            parts = self._resampled(request)
        elif options.horizon > self.horizon:
            refused = too_far(self._metadata, resampling, options.horizon, self.horizon)
            return Forecasts.none(columns, options.horizon, {**dict.fromkeys(range(len(batch)), refused), **errors})
        else:
            request = self._without_suspects(request) if options.check else request
            parts = self._chunks(request)
        if not parts:
            return Forecasts.none(columns, options.horizon, errors)
        return columns_of(parts, request.batch, columns, request.warnings, self._any, errors)

    def _chunks(self, request: _Request) -> list[Made]:
        """Forecast series at the step of the release, some at a time; add the errors of the others."""
        metadata, options = self._metadata, request.options
        longest = metadata.maximum if options.concise else max(metadata.maximum, _MAX_HISTORY)
        groups, failures = read_contexts(
            request.batch, request.coefficients, options.horizon, metadata, longest, concise=options.concise
        )
        for i, error in failures.items():
            request.refuse(i, error)
        backtest, network = options.backtest and not options.concise, self._network
        wanted = ChunkOptions(
            options.horizon, self.cell != BEST, backtest, request.references, options.concise, self.pooled
        )
        parts: list[Made] = []
        for group in groups:
            if options.concise:
                note_implausible_ends(network, group)
            else:
                warn_of_suspect_ends(self._checking, group)
            fits = backtest or request.references
            size = _CHUNK_WITH_BACKTEST if fits else network.pass_size(group.values.shape[1])
            chunks = (chunk for alike in group.by_weather() for chunk in alike.chunks(size))
            parts += [forecast_chunk(chunk, network, wanted) for chunk in chunks]
        return parts

    def _without_suspects(self, request: _Request) -> _Request:
        """Return the request without implausible values; add warnings that say which."""
        batch, earlier = request.batch, request.warnings
        rows, values = batch.usable.tolist(), batch.values.copy()
        kept, suspect = without_suspects(self._checking, [batch[i] for i in rows], request.coefficients[rows])
        for index, warning in suspect.items():
            i = rows[index]
            values[batch.ends[i] - batch.lengths[i] : batch.ends[i]] = kept[index].values
            earlier[i] = (warning, *earlier.get(i, ()))
        return request._replace(batch=replace(batch, values=values))

    def _resampled(self, request: _Request) -> list[Made]:
        """Forecast series at another step; add the errors of the others, and warnings of values that are left out."""
        batch, options, earlier = request.batch, request.options, request.warnings
        horizon, coefficients = options.horizon, request.coefficients.copy()
        resampled: dict[int, Resampled] = {}
        by_leads: dict[int, list[int]] = {}
        for i in batch.usable.tolist():
            try:
                entry = Resampled.of(batch[i], Resampling(batch.step, self.step))
                if options.check:
                    # Before they are averaged: a forecast also begins with what the last value is beyond its mean.
                    (kept,), suspect = without_suspects(self._checking, [entry.series], coefficients[i][None])
                    entry = entry.without(kept) if suspect else entry
                    earlier[i] = (*earlier.get(i, ()), *suspect.values())
            except SeriesError as error:
                request.errors[i] = error
                continue
            if beyond := entry.beyond(self._metadata, horizon):
                request.refuse(i, beyond)
                continue
            resampled[i] = entry
            by_leads.setdefault(entry.needed(horizon), []).append(i)
        forecasts: dict[int, Forecast[Quantiles]] = {}
        for leads, rows in by_leads.items():
            group = SeriesBatch.of([resampled[i].series for i in rows], self.step)
            plain = options._replace(horizon=leads, levels=(), thresholds=(), check=False)
            made = self.columns(group, plain, coefficients[rows], references=request.references)
            for index, refused in made.errors.items():
                request.refuse(rows[index], after_resampling(refused, resampled[rows[index]].resampling))
            for index, row in enumerate(made.row.tolist()):
                i = rows[row]
                back = resampled[i].back(cast("Forecast[Quantiles]", made[index]), horizon, self.dataset)
                forecasts[i] = replace(back, warnings=(*_outside(back, batch[i], coefficients[i]), *back.warnings))
            coefficients[np.asarray(rows)[made.row]] = made.coefficients
        return [Made.of(forecasts, batch.step, coefficients)] if forecasts else []

    def pooled_by(self, batch: SeriesBatch, horizon: int) -> "PooledMixture | None":
        """Learn how to mix the network with references for all series alike, from the past of some.

        None if their past is too short for that.

        Args:
            batch: series.
            horizon: number of leads of the forecasts.
        """
        network, coefficients = self.networks[0], climatology_at(batch.positions, len(batch))
        metadata = network.metadata
        groups, _ = read_contexts(batch, coefficients, 1, metadata, metadata.maximum, concise=True)
        parts = [part for group in groups for alike in group.by_weather() for part in alike.chunks(_BACKTESTS_AT_ONCE)]
        return pooled_mixture(parts, network, horizon)

    def past_skill(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> PastSkills:
        """See :meth:`~forecasting.models.base.Model.past_skill`; of the network that answers without a backtest."""
        network, metadata, skills = self._network, self._metadata, PastSkills.unknown(len(batch))
        groups, _ = read_contexts(batch, coefficients, horizon, metadata, metadata.maximum, concise=True)
        for group in groups:
            for part in group.chunks(network.pass_size(group.values.shape[1])):
                origins = spread_origins(metadata.minimum - 1, part.values.shape[1] - 1 - horizon)
                if not len(origins):
                    continue
                answers = network.backtest(
                    part.values, unix_seconds(part.last_time), part.coefficients, origins, horizon
                )
                references = forecast_references(Past.of(part, origins, horizon))
                forecasts = np.stack([answers[..., 0], *references.values()])
                errors = errors_of(part, forecasts, origins, metadata.minimum)
                if self.pooled is not None:
                    errors[0] = self.pooled.errors((network.metadata.model, *references), errors)
                measured = PastSkills.of(errors, origins)
                for column, values in zip(skills, measured, strict=True):
                    column[part.row] = values
        return skills

    def reference_forecasts(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> dict[str, Floats]:
        """See :meth:`~forecasting.models.base.Model.reference_forecasts`."""
        metadata = self._metadata
        forecasts = {name: np.full((len(batch), horizon), np.nan) for name in REFERENCES}
        groups, _ = read_contexts(batch, coefficients, horizon, metadata, metadata.maximum, concise=True)
        for group in groups:
            for part in group.chunks(_SERIES_AT_ONCE):
                leads = horizon + int(part.missing_after.max())
                ahead = part.missing_after[:, None] + np.arange(horizon)
                end = np.asarray([part.values.shape[1] - 1])
                for name, values in forecast_references(Past.of(part, end, leads)).items():
                    forecasts[name][part.row] = np.take_along_axis(values[:, -1], ahead, axis=1)
        return forecasts


def _without_weather(request: _Request, name: str, step: TimeStep) -> _Request:
    """Return the request without weather; add a warning to each series that has any."""
    ignored = weather_ignored(name, step if request.batch.step != step else None)
    for i in request.batch.weather:
        request.warnings[i] = (*request.warnings.get(i, ()), ignored)
    return request._replace(batch=replace(request.batch, weather={}))


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
