"""Forecasts columns with universal networks: each series at its own step."""

from collections.abc import Mapping, Sequence

import numpy as np

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.releases.loaded_universal import ALL, LoadedUniversal
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import SECONDS, Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import from_celsius, to_celsius
from forecasting.universal.forecast import UniversalForecast
from service.engine.columns.column_forecasts import ColumnForecasts, quality_of
from service.engine.columns.series_columns import SeriesColumns
from service.engine.options import DEFAULT_LEVELS, ForecastOptions
from service.engine.reading.step_reading import checked, step_of
from service.engine.universal.forecaster import UniversalBatchForecaster
from service.engine.universal.job import UniversalJob, UniversalModels
from service.engine.universal.positions import climatology_of


class _Entry:
    """The forecast of one series, and what is known of it."""

    __slots__ = ("forecast", "issued", "step", "version", "warnings")

    def __init__(
        self,
        _: int,
        loaded: LoadedUniversal,
        past: SstSeries,
        forecast: UniversalForecast,
        earlier: Sequence[ForecastWarning],
    ) -> None:
        self.forecast = forecast
        self.version = loaded.version
        self.step = str(past.step)
        self.warnings = (*earlier, *forecast.warnings)
        last = int(np.flatnonzero(np.isfinite(past.values))[-1])
        self.issued = past.step.shift(np.asarray(past.start, dtype=SECONDS), last)


class UniversalColumns:
    """Forecasts columns with the networks that a request asks for."""

    def __init__(self, forecaster: UniversalBatchForecaster) -> None:
        """Run networks with ``forecaster``."""
        self._forecaster = forecaster

    def run(self, job: UniversalJob, columns: SeriesColumns) -> list[ColumnForecasts]:
        """Return the forecasts of ``columns``, in place of the series of ``job``, for each of its columns."""
        options = job.options
        parsed = _parse(columns, job.models, options)
        coefficients, warnings = climatology_of(columns.latitudes, columns.longitudes, parsed)
        results = self._forecaster.forecast_each(
            job.models, job.columns, options, parsed, coefficients, warnings, _Entry
        )
        cells = job.columns if job.models.model == ALL else [""] * len(job.columns)
        known = [
            ({"model": cell} if cell else {}) | job.known_fields(column)
            for cell, column in zip(cells, job.columns, strict=True)
        ]
        return [_written(entries, options, fields) for entries, fields in zip(results, known, strict=True)]


def _parse(columns: SeriesColumns, models: UniversalModels, options: ForecastOptions) -> list[SstSeries | SeriesError]:
    """Parse each series at its own step; see :func:`~service.engine.reading.step_reading.read_each`."""
    default = None if models.named is None else models.named.step
    results: list[SstSeries | SeriesError] = [SeriesError("") for _ in range(len(columns))]
    by_step: dict[TimeStep, list[int]] = {}
    errors = columns.wrong_times() | {**columns.errors}
    for i, (begin, end) in enumerate(zip(columns.begins.tolist(), columns.ends.tolist(), strict=True)):
        try:
            if i in errors:
                raise errors[i]
            step = _step_of(columns, begin, end, default)
            if error := models.refusal(step, options.horizon):
                raise error
            by_step.setdefault(step, []).append(i)
        except SeriesError as error:
            results[i] = error.with_traceback(None)
    for step, places in by_step.items():
        batch, failed = columns.take(places).parse(options.units, step)
        for row, i in enumerate(places):
            results[i] = failed[row] if row in failed else checked(batch[row], options.horizon)
    return results


def _step_of(columns: SeriesColumns, begin: int, end: int, default: TimeStep | None) -> TimeStep:
    try:
        return step_of(columns.times[begin:end], columns.local[begin:end])
    except SeriesError:
        if default is None:
            raise
        return default


def _written(
    entries: Sequence[_Entry | SeriesError], options: ForecastOptions, known: Mapping[str, str]
) -> ColumnForecasts:
    """Return the forecasts among ``entries`` as columns, in the units of the request."""
    levels = DEFAULT_LEVELS if options.levels is None else options.levels
    errors = {i: entry for i, entry in enumerate(entries) if isinstance(entry, SeriesError)}
    series = [i for i in range(len(entries)) if i not in errors]
    written = [entry for entry in entries if isinstance(entry, _Entry)]
    if not written:
        return ColumnForecasts.none(options, levels, errors, known)
    forecasts = [entry.forecast for entry in written]
    celsius = to_celsius(options.thresholds, options.units).tolist()
    warnings = [entry.warnings for entry in written]
    calibrated = np.array([forecast.calibrated for forecast in forecasts])

    def rows(values: Sequence[Floats]) -> Floats:
        converted: Floats = from_celsius(np.array(values, dtype=np.float64), options.units)
        return converted

    bounds = {level: [forecast.interval(level) for forecast in forecasts] for level in levels}
    return ColumnForecasts(
        series=np.array(series, dtype=np.intp),
        issued=np.array([entry.issued for entry in written], dtype=SECONDS),
        times=np.array([forecast.times for forecast in forecasts], dtype=SECONDS),
        sst=rows([forecast.sst for forecast in forecasts]),
        bounds={
            level: (rows([low for low, _ in pairs]), rows([high for _, high in pairs]))
            for level, pairs in bounds.items()
        },
        exceedance={
            threshold: np.array([forecast.exceedance(degrees) for forecast in forecasts])
            for threshold, degrees in zip(options.thresholds, celsius, strict=True)
        },
        baselines=_baselines(forecasts, options),
        usual=[forecast.usual for forecast in forecasts],
        calibrated=calibrated,
        model=[forecast.model for forecast in forecasts],
        version=[entry.version for entry in written],
        step=[entry.step for entry in written],
        chosen=[None if forecast.chosen is None else forecast.chosen.by for forecast in forecasts],
        quality=quality_of(calibrated, warnings),
        warnings=warnings,
        errors=errors,
        known=known,
    )


def _baselines(forecasts: Sequence[UniversalForecast], options: ForecastOptions) -> dict[str, Floats]:
    names = dict.fromkeys(name for forecast in forecasts for name in forecast.baselines)
    unknown = np.full(options.horizon, np.nan)
    return {
        name: from_celsius(np.array([forecast.baselines.get(name, unknown) for forecast in forecasts]), options.units)
        for name in names
    }
