"""Forecasts a place's networks with events: in worker threads, apart from the batches of small requests."""

import time

import numpy as np

from forecasting.errors import SeriesError
from forecasting.networks.forecaster import Forecaster, forecast_together
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.batch import SeriesBatch, future_errors
from service.engine.batch_forecaster import Entries, ForecastJob
from service.engine.events.event_judging import Coefficients, with_events
from service.engine.reading.parsing import Errors, parse
from service.engine.universal.positions import climatology_at
from service.engine.writing import write
from service.telemetry.metrics import Metrics


class EventForecaster:
    """Forecasts the series of one request, and judges its events by the forecasts."""

    def __init__(self, metrics: Metrics, universal: UniversalCatalog) -> None:
        """Record each run in ``metrics``.

        An error of a series at another step names the release among ``universal`` that forecasts it.
        """
        self._metrics = metrics
        self._universal = universal

    def run(self, job: ForecastJob) -> list[Entries]:
        """Return the entries of each network of ``job``, with the events and paths that it asks for."""
        units = [job.options.units] * len(job.series)
        series, errors = parse(job.series, units, job.forecasters[0].step, self._universal)
        errors = future_errors(series, job.options.as_of) | errors
        coefficients, _ = climatology_at(job.series, [series[i] for i in range(len(series))])
        return [self._forecast(forecaster, job, series, errors, coefficients) for forecaster in job.forecasters]

    def _forecast(
        self,
        forecaster: Forecaster,
        job: ForecastJob,
        series: SeriesBatch,
        errors: Errors,
        coefficients: Coefficients,
    ) -> Entries:
        begin = time.perf_counter()
        entries: dict[int, bytes | SeriesError] = dict(errors)
        places = [i for i in range(len(series)) if i not in errors]
        if places:
            horizons = np.full(len(places), job.options.horizon)
            batch = series.take(np.asarray(places))
            forecasts = forecast_together(batch, horizons, [forecaster] * len(places))
            distribution = forecaster.metadata.errors
            levels = job.options.levels_of(distribution)
            written = write(forecasts, range(len(forecasts)), job.options, levels) if len(forecasts) else []
            for row, entry in enumerate(written):
                i = places[forecasts.row[row]]
                forecast = forecasts.forecast_at(row, distribution, (), (), forecaster.metadata.dependence)
                entries[i] = with_events(
                    entry, forecast, series[i], job.series[i].baseline, coefficients[i], job.options
                )
            entries |= {places[row]: error for row, error in forecasts.failures.items()}
            self._metrics.batches.add(forecasts, {forecaster: [0.0]}, time.perf_counter() - begin)
        return [entries[i] for i in range(len(series))]
