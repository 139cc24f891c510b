"""Forecasts columns with a place's networks: each step works on all series at once."""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting.networks.forecaster import Forecaster, forecast_together
from forecasting.networks.forecasts import Forecasts
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.batch import SeriesBatch, future_errors
from forecasting.series.times import Floats
from forecasting.series.units import from_celsius, to_celsius
from service.engine.columns.column_forecasts import ColumnForecasts, quality_of
from service.engine.columns.series_columns import SeriesColumns
from service.engine.options import ForecastOptions
from service.engine.reading.parsing import Errors
from service.telemetry.metrics import Metrics


class PlaceColumns:
    """Forecasts columns with networks of one release."""

    def __init__(self, metrics: Metrics, universal: UniversalCatalog) -> None:
        """Record each run in ``metrics``.

        An error of a series at another step names the release among ``universal`` that forecasts it.
        """
        self._metrics = metrics
        self._universal = universal

    def run(
        self, forecasters: Sequence[Forecaster], columns: SeriesColumns, options: ForecastOptions
    ) -> list[ColumnForecasts]:
        """Return the forecasts of each of ``forecasters``, at least one, in the worker thread that calls it."""
        batch, errors = columns.parse(options.units, forecasters[0].step, self._universal)
        errors = future_errors(batch, options.as_of) | errors
        return [self._forecast(forecaster, batch, errors, options) for forecaster in forecasters]

    def _forecast(
        self, forecaster: Forecaster, batch: SeriesBatch, errors: Errors, options: ForecastOptions
    ) -> ColumnForecasts:
        begin = time.perf_counter()
        levels = options.levels_of(forecaster.metadata.errors)
        places = np.arange(len(batch))
        if errors:
            places = np.delete(places, [*errors])
            batch = batch.take(places)
        if not len(places):
            return ColumnForecasts.none(options, levels, errors, _known(forecaster))
        horizons = np.full(len(places), options.horizon)
        forecasts = forecast_together(batch, horizons, [forecaster] * len(places))
        errors = errors | {int(places[row]): error for row, error in forecasts.failures.items()}
        if not len(forecasts):
            return ColumnForecasts.none(options, levels, errors, _known(forecaster))
        seconds = time.perf_counter() - begin
        self._metrics.batches.add(forecasts, {forecaster: [0.0]}, seconds)
        self._metrics.batches.statistics_of(forecaster).succeeded(seconds)
        return _written(forecaster, places[forecasts.row], forecasts, errors, options)


def _written(
    forecaster: Forecaster,
    series: npt.NDArray[np.intp],
    forecasts: Forecasts[Forecaster],
    errors: Errors,
    options: ForecastOptions,
) -> ColumnForecasts:
    """Return ``forecasts`` of the series at these places in the units of the request."""
    metadata, sst, times = forecaster.metadata, forecasts.sst, forecasts.times
    distribution, levels = metadata.errors, options.levels_of(metadata.errors)
    widths = distribution.half_widths_of(levels, times, forecasts.scale) if levels else ()
    celsius = to_celsius(options.thresholds, options.units).tolist()

    def convert(values: Floats) -> Floats:
        return values if options.units == "celsius" else from_celsius(values, options.units)

    return ColumnForecasts(
        series=series,
        issued=forecaster.step.shift(times[:, 0], -1),
        times=times,
        sst=convert(sst),
        bounds={
            level: (convert(sst - width), convert(sst + width)) for level, width in zip(levels, widths, strict=True)
        },
        exceedance={
            threshold: distribution.exceedance(sst, times, forecasts.scale, degrees)
            for threshold, degrees in zip(options.thresholds, celsius, strict=True)
        },
        baselines={name: convert(values) for name, values in forecasts.baselines.items()},
        usual=[forecasts.usual.at(i) for i in range(len(forecasts))],
        calibrated=forecasts.calibrated,
        model=metadata.model,
        version=metadata.version,
        step=metadata.step,
        chosen=None,
        quality=quality_of(forecasts.calibrated, forecasts.warnings),
        warnings=forecasts.warnings,
        errors=errors,
        known=_known(forecaster),
    )


def _known(forecaster: Forecaster) -> dict[str, str]:
    """Return what is known of a series without a forecast."""
    metadata = forecaster.metadata
    return {"model": metadata.model, "version": metadata.version, "step": metadata.step}
