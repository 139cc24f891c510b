"""A universal release as a model: one of its networks, or the best network or reference for each series."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Errors, Forecasts
from forecasting.forecasts.options import ANY_LEVEL, ForecastOptions
from forecasting.models.base import BEST, Coefficients, Model, climatology_at, half_position, on_land
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.universal.checks.warnings import after_check
from forecasting.universal.distribution import Quantiles
from forecasting.universal.network.forecaster import UniversalForecaster
from forecasting.universal.release import UniversalRelease
from forecasting.universal.steps.any_step import forecast_at_any_step


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
