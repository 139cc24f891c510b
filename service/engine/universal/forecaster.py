"""Forecasts series from any sea: parses each at its own step, and runs the networks on those of one step together."""

import time
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.releases.loaded_universal import LoadedUniversal
from forecasting.series.batch import future_error
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.universal.checks.warnings import after_check
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.steps.any_step import forecast_at_any_step
from service.engine.events.event_judging import Coefficients
from service.engine.options import ForecastOptions
from service.engine.reading.step_reading import read_each
from service.engine.universal.entries import UniversalEntries, UniversalEntry, write_entry
from service.engine.universal.job import UniversalJob, UniversalModels
from service.engine.universal.positions import climatology_at
from service.telemetry.metrics import Metrics
from service.telemetry.statistics import NetworkRun

PIECE_SERIES: Final = 256
"""Series of a large request that are forecast at once, so that several large requests advance side by side."""

PIECE_VALUES: Final = 2**19
"""The same for values, several copies of which are made meanwhile."""

Entry = TypeVar("Entry")
Entry_co = TypeVar("Entry_co", covariant=True)


class WriteEntry(Protocol[Entry_co]):
    """Makes the entry of a series from its forecast."""

    def __call__(
        self,
        i: int,
        loaded: LoadedUniversal,
        past: SstSeries,
        forecast: UniversalForecast,
        earlier: Sequence[ForecastWarning],
        /,
    ) -> Entry_co:
        """Return the entry of the ``i``-th series, with the ``earlier`` warnings before those of its forecast."""


class UniversalBatchForecaster:
    """Forecasts the series of a request, those at one step together."""

    def __init__(self, metrics: Metrics) -> None:
        """Record each batch in ``metrics``."""
        self._metrics = metrics

    def run(self, job: UniversalJob) -> list[UniversalEntries]:
        """Return the entries of each of the job's :attr:`~UniversalJob.columns`."""
        models = job.models
        default = None if models.named is None else models.named.step
        units, horizon = job.options.units, job.options.horizon
        parsed = read_each(job.series, units, default, horizon, lambda step: models.refusal(step, horizon))
        coefficients, warnings = climatology_at(job.series, parsed)

        def write(
            i: int,
            loaded: LoadedUniversal,
            past: SstSeries,
            forecast: UniversalForecast,
            earlier: Sequence[ForecastWarning],
        ) -> UniversalEntry:
            return write_entry(loaded, job, i, past, forecast, coefficients[i], earlier)

        return self.forecast_each(models, job.columns, job.options, parsed, coefficients, warnings, write)

    def forecast_each(
        self,
        models: UniversalModels,
        columns: Sequence[str],
        options: ForecastOptions,
        parsed: Sequence[SstSeries | SeriesError],
        coefficients: Coefficients,
        warnings: dict[int, tuple[ForecastWarning, ...]],
        write: WriteEntry[Entry],
    ) -> list[list[Entry | SeriesError]]:
        """Forecast each series that was ``parsed``, and ``write`` an entry for it.

        Args:
            models: the networks.
            columns: those of :attr:`UniversalJob.columns`.
            options: what each forecast contains.
            parsed: at steps that :meth:`UniversalModels.refusal` lets pass; or errors, which become entries.
            coefficients: climatology of each position, ``(n, 7)``; NaN without one.
            warnings: known of each series before its forecast, by place; completed here.
            write: makes the entry of a series.

        Returns:
            For each of ``columns``, an entry for each series, or its error; one that ends in the future has an error.
        """
        parsed = [
            series if isinstance(series, SeriesError) else future_error(series, options.as_of) or series
            for series in parsed
        ]
        # Each series without an error is filled in below.
        results: list[list[Entry | SeriesError]] = [
            [series if isinstance(series, SeriesError) else SeriesError("") for series in parsed] for _ in columns
        ]
        by_step: dict[TimeStep, list[int]] = {}
        for i, series in enumerate(parsed):
            if isinstance(series, SstSeries):
                by_step.setdefault(series.step, []).append(i)
                if series.notes:
                    adjusted = [ForecastWarning("adjusted", note) for note in series.notes]
                    warnings[i] = (*adjusted, *warnings.get(i, ()))
        for step, places in by_step.items():
            loaded = models.release_at(step, options.horizon)
            batch = [series for i in places if isinstance(series := parsed[i], SstSeries)]
            if options.check:
                batch, left_out = loaded.networks.without_suspects(batch, coefficients[places])
                for row, warning in left_out.items():
                    warnings[places[row]] = (warning, *warnings.get(places[row], ()))
            for entries, column in zip(results, columns, strict=True):
                forecasts = self._forecast(loaded, column, batch, options, coefficients[places])
                for i, past, forecast in zip(places, batch, forecasts, strict=True):
                    earlier = warnings.get(i, ())
                    entries[i] = (
                        after_check(forecast, earlier)
                        if isinstance(forecast, SeriesError)
                        else write(i, loaded, past, forecast, earlier)
                    )
        return results

    def _forecast(
        self,
        loaded: LoadedUniversal,
        column: str,
        series: Sequence[SstSeries],
        options: ForecastOptions,
        coefficients: Coefficients,
    ) -> Sequence[UniversalForecast | SeriesError]:
        begin = time.perf_counter()
        # Series at the step of the release are checked already; the means of others are checked when they are known.
        check = options.check and series[0].step != loaded.step
        forecasts = forecast_at_any_step(
            loaded.networks, series, options.horizon, coefficients=coefficients, model=column, check=check
        )
        seconds = time.perf_counter() - begin
        for cell in loaded.cells if column not in loaded.cells else [column]:
            network = loaded.networks.networks[cell]
            self._metrics.batches.add_run(NetworkRun(network, len(series), [0.0], seconds, seconds))
            self._metrics.batches.statistics_of(network).succeeded(seconds)
        return forecasts
