"""A universal release in memory: the networks of one time step, and forecasts of any series by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Errors, Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, out_of_range, weather_ignored
from forecasting.models.universal.backtest import AllowedRange
from forecasting.models.universal.checks import (
    Check,
    after_check,
    check_series,
    note_implausible_ends,
    warn_of_suspect_ends,
    without_suspects,
)
from forecasting.models.universal.chunk import ChunkOptions, Made, columns_of, forecast_chunk
from forecasting.models.universal.contexts import other_step_error, read_contexts
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.pooled import PooledMixture
from forecasting.models.universal.resampling import Resampled, Resampling, after_resampling, too_far
from forecasting.series.batch import SeriesBatch, refuse_future
from forecasting.series.sst_series import SeriesLike, SstSeries, to_sst_series
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather
from forecasting.wording import available

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_WITH_BACKTEST: Final = 32
"""Series of one pass with a backtest; the forecasts of the past of more take too much memory."""

_MAX_HISTORY: Final = 4_000
"""Last values of a series that references are fitted to; the networks use fewer."""


class _Request(NamedTuple):
    """What :meth:`UniversalRelease.columns` is asked for."""

    batch: SeriesBatch
    options: ForecastOptions
    coefficients: Coefficients
    cell: str | None
    references: bool
    warnings: dict[int, tuple[ForecastWarning, ...]]
    errors: Errors
    pooled: PooledMixture | None

    def refuse(self, i: int, error: SeriesError) -> None:
        """Add the error of a series, which says if values were left out."""
        self.errors[i] = after_check(error, self.warnings.get(i, ()))


@dataclass(frozen=True, eq=False)
class UniversalRelease:
    """The universal networks of one time step. Safe to call from several threads."""

    name: str
    version: str
    networks: Mapping[str, UniversalForecaster]

    def __post_init__(self) -> None:
        shared = {
            (m.step, m.horizon, m.minimum, m.maximum, m.levels) for m in (n.metadata for n in self.networks.values())
        }
        if len(shared) > 1:
            raise ReleaseError(f"the networks of {self.name} differ in step, horizon, contexts or levels")

    @cached_property
    def any_network(self) -> UniversalForecaster:
        """One of the networks, for what they share."""
        return next(iter(self.networks.values()))

    @cached_property
    def step(self) -> TimeStep:
        """Step of the series that the release forecasts."""
        return self.any_network.step

    @cached_property
    def horizon(self) -> int:
        """Number of leads."""
        return self.any_network.metadata.horizon

    @cached_property
    def best_on_held_out(self) -> str:
        """The cell of the network with the lowest RMSE on held-out seas."""
        return min(self.networks, key=lambda cell: self.networks[cell].metadata.held_out_score)

    def without(self, cells: Sequence[str]) -> "UniversalRelease | None":
        """Return a release without the networks of ``cells``; None if no network is left."""
        networks = {cell: network for cell, network in self.networks.items() if cell not in cells}
        return UniversalRelease(self.name, self.version, networks) if networks else None

    def forecast(
        self,
        series: SeriesLike,
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        backtest: bool = True,
        check: bool = False,
        as_of: np.datetime64 | None = None,
        weather: "Weather | pd.DataFrame | None" = None,
    ) -> Forecast[Quantiles]:
        """Forecast one series.

        Args:
            series: in °C, at the step of the release; see
                :meth:`~forecasting.models.place.forecaster.Forecaster.forecast`.
            horizon: number of steps after the end of the series.
            coefficients: climatology of the position, ``(7,)``, from
                :meth:`~forecasting.climatology.global_climatology.GlobalClimatology.coefficients`; None or NaN without.
            model: ``best``, a cell such as ``gru``, or a full name.
            backtest: see :meth:`forecast_many`.
            check: see :meth:`forecast_many`.
            as_of: the time that counts as now, UTC: a series that ends more than one step, and at least a day, after it
                is an error. None for no such check.
            weather: over the series and ahead of it, °C and m/s; see
                :meth:`~forecasting.series.sst_series.SstSeries.with_weather`. A DataFrame of the series may have it in
                further columns.
        """
        rows = None if coefficients is None else coefficients[None]
        read = to_sst_series(series, weather)
        refuse_future(read, as_of)
        (forecast,) = self.forecast_many(
            [read], horizon, coefficients=rows, model=model, backtest=backtest, check=check
        )
        if isinstance(forecast, SeriesError):
            raise forecast
        return forecast

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        *,
        coefficients: Coefficients | None = None,
        model: str = BEST,
        backtest: bool = True,
        check: bool = False,
    ) -> list[Forecast[Quantiles] | SeriesError]:
        """Forecast each of ``series``; the networks take many at once.

        A forecast carries the warning ``suspect_value`` if one of the last values of its series is implausible.

        Args:
            series: at the step of the release.
            horizon: number of steps after the end of each series.
            coefficients: climatology of each position, °C, float32 ``(n, 7)``; NaN where there is none.
            model: ``best``, a cell such as ``gru``, or a full name. ``best`` is the mixture of the network that did
                best on held-out seas and references, by the backtest on each series.
            backtest: whether to forecast the past of each series too. That weights the mixture, recalibrates the
                quantiles of a network, and warns if a reference was better than a network that was named. Without it,
                a forecast takes a fraction of the time, ``best`` is the network that did best on held-out seas, and
                baselines are persistence and, with a position, the usual change.
            check: whether to leave out all values that are implausible, which the same warning then says.
        """
        self.check(horizon)
        options = ForecastOptions(horizon, check=check, backtest=backtest)
        batch = SeriesBatch.of(series, self.step)
        forecasts = self.columns(batch, options, _checked_coefficients(coefficients, len(batch)), self.resolve(model))
        made = {int(row): forecasts[i] for i, row in enumerate(forecasts.row)}
        return [cast("Forecast[Quantiles]", made[i]) if i in made else forecasts.errors[i] for i in range(len(batch))]

    def columns(
        self,
        batch: SeriesBatch,
        options: ForecastOptions,
        coefficients: Coefficients,
        cell: str | None,
        *,
        references: bool = False,
        warnings: Mapping[int, tuple[ForecastWarning, ...]] | None = None,
        pooled: PooledMixture | None = None,
    ) -> Forecasts:
        """Forecast each series of ``batch``, in °C; all other forecasts of the release are views of these.

        Series at another step than the release are resampled. A horizon that reaches too far is an error of each.

        Args:
            batch: series at any step.
            options: not checked; the horizon is in steps of the series.
            coefficients: climatology of each position, °C ``(n, 7)``; NaN where there is none.
            cell: that of the network that was named; None for the best model.
            references: whether to fit references to each series even without a backtest.
            warnings: known before, by series.
            pooled: mixture of the network of ``cell`` with references, in place of that network; for concise forecasts.
        """
        columns = Columns(options.offered_levels(ANY_LEVEL), options.celsius_thresholds, ())
        errors, resampling = dict(batch.errors), Resampling(batch.step, self.step)
        request = _Request(batch, options, coefficients, cell, references, dict(warnings or {}), errors, pooled)
        if resampling.step != resampling.other or not self.any_network.metadata.covariates:
            request = _without_weather(request, self.name, self.step)
        if resampling.step != resampling.other:
            parts = self._resampled(request)
        elif options.horizon > self.horizon:
            refused = too_far(self.any_network.metadata, resampling, options.horizon, self.horizon)
            return Forecasts.none(columns, options.horizon, {**dict.fromkeys(range(len(batch)), refused), **errors})
        else:
            request = self._without_suspects(request) if options.check else request
            parts = self._chunks(request)
        if not parts:
            return Forecasts.none(columns, options.horizon, errors)
        return columns_of(parts, request.batch, columns, request.warnings, self.any_network, errors)

    def _chunks(self, request: _Request) -> list[Made]:
        """Forecast series at the step of the release, some at a time; add the errors of the others."""
        metadata, options, cell = self.any_network.metadata, request.options, request.cell
        longest = metadata.maximum if options.concise else max(metadata.maximum, _MAX_HISTORY)
        groups, failures = read_contexts(
            request.batch, request.coefficients, options.horizon, metadata, longest, concise=options.concise
        )
        for i, error in failures.items():
            request.refuse(i, error)
        backtest, network = options.backtest and not options.concise, self.networks[cell or self.best_on_held_out]
        wanted = ChunkOptions(
            options.horizon, cell is not None, backtest, request.references, options.concise, request.pooled
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
            if beyond := entry.beyond(self.any_network.metadata, horizon):
                request.refuse(i, beyond)
                continue
            resampled[i] = entry
            by_leads.setdefault(entry.needed(horizon), []).append(i)
        forecasts: dict[int, Forecast[Quantiles]] = {}
        for leads, rows in by_leads.items():
            group = SeriesBatch.of([resampled[i].series for i in rows], self.step)
            plain = options._replace(horizon=leads, levels=(), thresholds=(), check=False)
            made = self.columns(group, plain, coefficients[rows], request.cell, references=request.references)
            for index, refused in made.errors.items():
                request.refuse(rows[index], after_resampling(refused, resampled[rows[index]].resampling))
            for index, row in enumerate(made.row.tolist()):
                i = rows[row]
                back = resampled[i].back(cast("Forecast[Quantiles]", made[index]), horizon, self.name)
                forecasts[i] = replace(back, warnings=(*_outside(back, batch[i], coefficients[i]), *back.warnings))
            coefficients[np.asarray(rows)[made.row]] = made.coefficients
        return [Made.of(forecasts, batch.step, coefficients)] if forecasts else []

    @cached_property
    def _checking(self) -> UniversalForecaster:
        return self.networks[self.best_on_held_out]

    def check_values(
        self, series: SeriesLike, *, coefficients: Coefficients | None = None, last: int | None = None
    ) -> Check:
        """Check each value of one series against the forecast made before it; one outside 99.9 % of it is suspect."""
        read = to_sst_series(series)
        if read.step != self.step:
            raise other_step_error(read.step, self.any_network.metadata)
        return check_series(self._checking, read, coefficients, last)

    def check(self, horizon: int) -> None:
        """Raise RequestError if the horizon is not offered."""
        if not 1 <= horizon <= self.horizon:
            raise RequestError(out_of_range(horizon, self.name, self.horizon, self.step), field="horizon")

    def resolve(self, model: str) -> str | None:
        """Return the cell that ``model`` means: a cell or full name; None for ``best``."""
        if model == BEST:
            return None
        for cell, network in self.networks.items():
            if model in (cell, network.metadata.model):
                return cell
        names = (network.metadata.model for network in self.networks.values())
        raise UnknownNameError(f"no model {model[:64]!r}; {available([BEST, *self.networks, *names])}")


def _without_weather(request: _Request, name: str, step: TimeStep) -> _Request:
    """Return the request without weather; add a warning to each series that has any."""
    ignored = weather_ignored(name, step if request.batch.step != step else None)
    for i in request.batch.weather:
        request.warnings[i] = (*request.warnings.get(i, ()), ignored)
    return request._replace(batch=replace(request.batch, weather={}))


def _checked_coefficients(coefficients: npt.ArrayLike | None, n: int) -> Coefficients:
    """Return the climatology of ``n`` positions as float32."""
    if coefficients is None:
        return np.full((n, COEFFICIENTS), np.nan, dtype=np.float32)
    checked = np.asarray(coefficients, dtype=np.float32)
    if checked.shape != (n, COEFFICIENTS):
        raise RequestError(
            f"coefficients of the shape {checked.shape} do not fit {n} series: expected "
            f"({n}, {COEFFICIENTS}), from GlobalClimatology.coefficients",
            field="coefficients",
        )
    return checked


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
