"""The entries of an answer: the JSON of the forecast of each series."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
from orjson import dumps

from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.releases.loaded_universal import LoadedUniversal
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius, to_celsius
from forecasting.universal.forecast import UniversalForecast
from service.engine.events.event_judging import NO_POSITION, Coefficients, with_events
from service.engine.forecast_json import rounded, written_times, written_usual
from service.engine.options import DEFAULT_LEVELS, ForecastOptions
from service.engine.universal.job import UniversalJob


class UniversalEntry(NamedTuple):
    """The forecast of one series.

    Attributes:
        content: JSON of a :class:`~service.api.forecast.schemas.SeriesForecast`, from after its ``id`` to the end.
        model: the network or reference that forecast it.
        version: of its release.
        step: of the series.
    """

    content: bytes
    model: str
    version: str
    step: str


UniversalEntries = list[UniversalEntry | SeriesError]
"""An entry for each series, in order, or the error of the series."""


def write_entry(
    loaded: LoadedUniversal,
    job: UniversalJob,
    i: int,
    past: SstSeries,
    forecast: UniversalForecast,
    coefficients: Coefficients,
    warnings: Sequence[ForecastWarning],
) -> UniversalEntry:
    """Return the entry of the ``i``-th series, with the events and paths that ``job`` asks for."""
    entry = _entry(loaded, past.step, forecast, job.options, warnings)
    if job.options.events is None:
        return entry
    if any(warning.code == "no_climatology" for warning in forecast.warnings):
        # The values disagree with the climatology of the position by far, so that the forecast ignores it.
        coefficients = NO_POSITION
    content = with_events(entry.content, forecast, past, job.series[i].baseline, coefficients, job.options)
    return entry._replace(content=content)


def _entry(
    loaded: LoadedUniversal,
    step: TimeStep,
    forecast: UniversalForecast,
    options: ForecastOptions,
    warnings: Sequence[ForecastWarning],
) -> UniversalEntry:
    all_warnings = [*warnings, *forecast.warnings]
    fields: dict[str, Any] = {"model": forecast.model, "version": loaded.version, "step": str(step)}
    if forecast.chosen is not None:
        chosen = forecast.chosen
        degree = from_celsius(1.0, options.units) - from_celsius(0.0, options.units)
        rmse = {name: round(value * float(degree), 6) for name, value in chosen.rmse.items()}
        since = {} if chosen.since is None else {"since": iso(chosen.since)}
        fields["chosen"] = {"by": chosen.by, "origins": chosen.origins, "rmse": rmse, **since}
    fields["timestamps"] = written_times(forecast.times[None])[0]
    fields["sst"] = _written(forecast.sst, options.units)
    fields |= _probabilities(forecast, options)
    fields["baselines"] = {name: _written(values, options.units) for name, values in forecast.baselines.items()}
    if usual := written_usual(forecast.usual, options.units):
        fields["usual"] = usual
    fields["warnings"] = [{"code": warning.code, "message": warning.message} for warning in all_warnings]
    return UniversalEntry(dumps(fields)[1:], forecast.model, loaded.version, str(step))


def _probabilities(forecast: UniversalForecast, options: ForecastOptions) -> dict[str, Any]:
    calibrated = forecast.calibrated
    intervals, exceedance = [], []
    for level in DEFAULT_LEVELS if options.levels is None else options.levels:
        lower, upper = (_written(bound, options.units) for bound in forecast.interval(level))
        intervals.append({"level": level, "lower": lower, "upper": upper, "calibrated": calibrated})
    celsius = to_celsius(options.thresholds, options.units).tolist()
    for threshold, degrees in zip(options.thresholds, celsius, strict=True):
        probability = rounded(forecast.exceedance(degrees)).tolist()
        exceedance.append({"threshold": threshold, "probability": probability, "calibrated": calibrated})
    return {"intervals": intervals, "exceedance": exceedance}


def _written(celsius: npt.ArrayLike, units: Units) -> list[float]:
    written: list[float] = rounded(from_celsius(celsius, units)).tolist()
    return written
