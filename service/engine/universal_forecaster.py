"""Forecasts series from any sea: parses each at its own step, and writes the entries of the answer."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from orjson import dumps

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.metadata import CELLS
from forecasting.releases.loaded_universal import ALL, LoadedUniversal
from forecasting.releases.universal_catalog import UniversalCatalog
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import Units, from_celsius, to_celsius
from forecasting.universal.checks.warnings import after_check
from forecasting.universal.forecast import UniversalForecast
from forecasting.universal.steps.any_step import forecast_at_any_step
from service.engine.events.event_judging import NO_POSITION, with_events
from service.engine.forecast_json import rounded, written_times
from service.engine.options import DEFAULT_LEVELS, ForecastOptions
from service.engine.reading.parsing import taker_of
from service.engine.reading.series_schema import InputSeries
from service.engine.reading.step_reading import read_each
from service.telemetry.metrics import Metrics
from service.telemetry.statistics import NetworkRun

PIECE_SERIES: Final = 256
"""Series of a large request that are forecast at once, so that several large requests advance side by side."""

Coefficients = npt.NDArray[np.float32]


class UniversalModels(NamedTuple):
    """The universal networks that a request asks for.

    Attributes:
        releases: all that are loaded.
        places: the step of each dataset of a place, by name.
        named: the release that the request names; None if the step of each series chooses it.
        model: ``best``, ``all`` or a cell.
    """

    releases: UniversalCatalog
    places: Mapping[str, TimeStep]
    named: LoadedUniversal | None
    model: str


@dataclass(frozen=True)
class UniversalJob:
    """The forecasts that a request asks of universal networks.

    Attributes:
        models: the networks.
        series: at least one.
        options: what each forecast contains.
    """

    models: UniversalModels
    series: Sequence[InputSeries]
    options: ForecastOptions

    @property
    def columns(self) -> tuple[str, ...]:
        """What forecasts each series: ``best`` or a cell, or with ``all`` each of several cells."""
        releases = self.models.releases.by_dataset.values() if self.models.named is None else [self.models.named]
        if self.models.model != ALL:
            return (self.models.model,)
        return tuple(dict.fromkeys(cell for loaded in releases for cell in loaded.cells)) or CELLS

    def known_fields(self, column: str) -> dict[str, str]:
        """Return what the request says of the model of a column, whatever the series: its name, version and step."""
        named = self.models.named
        if named is None:
            return {}
        model = {"model": f"{named.dataset}-{column}"} if column in named.cells else {}
        return model | {"version": named.release.version, "step": str(named.step)}

    def check(self) -> None:
        """Raise RequestError if the release that the request names does not forecast so far."""
        if self.models.named is not None:
            self.models.named.networks.check(self.options.horizon)

    def part(self, begin: int, end: int) -> "UniversalJob":
        """Return the job for some of the series."""
        return UniversalJob(self.models, self.series[begin:end], self.options)


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
        """Return the entry of the ``i``-th series, with what is ``told`` before the warnings of its forecast."""


class UniversalForecaster:
    """Forecasts the series of a request, those at one step together."""

    def __init__(self, metrics: Metrics) -> None:
        """Record each batch in ``metrics``."""
        self._metrics = metrics

    def run(self, job: UniversalJob) -> list[UniversalEntries]:
        """Return the entries of each of the job's :attr:`~UniversalJob.columns`."""
        models = job.models
        default = None if models.named is None else models.named.step
        units, horizon = job.options.units, job.options.horizon
        parsed = read_each(job.series, units, default, horizon, lambda step: refused_step(models, step, job.options))
        coefficients, warnings = climatology_at(job.series, parsed)

        def write(
            i: int,
            loaded: LoadedUniversal,
            past: SstSeries,
            forecast: UniversalForecast,
            earlier: Sequence[ForecastWarning],
        ) -> UniversalEntry:
            return _whole_entry(loaded, job, i, past, forecast, coefficients[i], earlier)

        return self.forecast_each(models, job.columns, job.options, parsed, coefficients, warnings, write)

    def forecast_each(
        self,
        models: UniversalModels,
        columns: Sequence[str],
        options: ForecastOptions,
        parsed: Sequence[SstSeries | SeriesError],
        coefficients: Coefficients,
        warnings: dict[int, tuple[ForecastWarning, ...]],
        write: "WriteEntry[Entry]",
    ) -> list[list[Entry | SeriesError]]:
        """Forecast each series that was ``parsed``, and ``write`` an entry for it.

        Args:
            models: the networks.
            columns: those of :attr:`UniversalJob.columns`.
            options: what each forecast contains.
            parsed: at steps that :func:`refused_step` lets pass; or errors, which become entries.
            coefficients: climatology of each position, ``(n, 7)``; NaN without one.
            warnings: known of each series before its forecast, by place; completed here.
            write: makes the entry of a series.

        Returns:
            For each of ``columns``, an entry for each series, or its error.
        """
        # Each series without an error is filled in below.
        results: list[list[Entry | SeriesError]] = [
            [series if isinstance(series, SeriesError) else SeriesError("") for series in parsed] for _ in columns
        ]
        by_step: dict[TimeStep, list[int]] = {}
        for i, series in enumerate(parsed):
            if isinstance(series, SstSeries):
                by_step.setdefault(series.step, []).append(i)
        for step, places in by_step.items():
            loaded = release_at(models, step, options.horizon)
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


def release_at(models: UniversalModels, step: TimeStep, horizon: int) -> LoadedUniversal:
    """Return the release of ``models`` that forecasts series at ``step``, which :func:`refused_step` lets pass."""
    loaded = models.named or models.releases.nearest(step, horizon)
    assert loaded is not None
    return loaded


def refused_step(models: UniversalModels, step: TimeStep, options: ForecastOptions) -> SeriesError | None:
    """Return the error of a series at ``step`` that no release of ``models`` forecasts so far; None if one does."""
    words = in_words(str(step))
    if models.named is not None and step != models.named.step:
        expected = in_words(str(models.named.step))
        taker = taker_of(models.releases, step)
        return SeriesError(f"the step is {words}, but {models.named.dataset} forecasts steps of {expected}{taker}")
    loaded = models.named or models.releases.nearest(step, options.horizon)
    if loaded is None:
        served = models.releases.steps_in_words
        also = f", or send a series at a step that is served: {served}" if served else ""
        return SeriesError(
            f"the step is {words}, but no universal release for this step is loaded: {_name_a_dataset(models)}{also}"
        )
    if loaded.step == step and options.horizon > loaded.networks.horizon:
        return SeriesError(
            f"horizon {options.horizon} is out of range: {loaded.dataset} forecasts 1 to {loaded.networks.horizon} "
            f"steps of {words}"
        )
    if models.model not in (*loaded.cells, "best", ALL):
        return SeriesError(f"{loaded.dataset}-{models.model} is not loaded; loaded: {', '.join(loaded.models)}")
    return None


def _name_a_dataset(models: UniversalModels) -> str:
    datasets = ", ".join(f"{name} (steps of {in_words(str(step))})" for name, step in models.places.items())
    return f"name a dataset to use a model of one place: {datasets}"


def climatology_at(
    series: Sequence[InputSeries], parsed: list[SstSeries | SeriesError]
) -> tuple[Coefficients, dict[int, tuple[ForecastWarning, ...]]]:
    """Return the climatology of each position, NaN where there is none, and warnings about positions on land.

    A series with half of a position becomes an error in ``parsed``.
    """
    sides = [(given.latitude, given.longitude) for given in series]
    degrees = np.array([[np.nan if side is None else side for side in pair] for pair in sides], dtype=np.float64)
    return climatology_of(degrees[:, 0], degrees[:, 1], parsed)


def climatology_of(
    latitudes: npt.NDArray[np.float64], longitudes: npt.NDArray[np.float64], parsed: list[SstSeries | SeriesError]
) -> tuple[Coefficients, dict[int, tuple[ForecastWarning, ...]]]:
    """Return what :func:`climatology_at` returns, from the coordinates of each series, ``(n,)``; NaN if not known."""
    coefficients = np.full((len(latitudes), COEFFICIENTS), np.nan, dtype=np.float32)
    warnings: dict[int, tuple[ForecastWarning, ...]] = {}
    unknown = np.isnan(latitudes), np.isnan(longitudes)
    for i in np.flatnonzero(unknown[0] != unknown[1]).tolist():
        missing = "longitude" if unknown[1][i] else "latitude"
        if not isinstance(parsed[i], SeriesError):
            parsed[i] = SeriesError(f"{missing} is missing: give both latitude and longitude, or neither")
    places = np.flatnonzero(~unknown[0] & ~unknown[1])
    if len(places):
        coefficients[places] = GlobalClimatology.load().coefficients(latitudes[places], longitudes[places])
    for i in places[np.isnan(coefficients[places, 0])].tolist():
        where = f"{latitudes[i]:g}° N, {longitudes[i]:g}° E"
        message = f"the position {where} is on land, far from the sea: the forecast does not use it"
        warnings[i] = (ForecastWarning("no_climatology", message),)
    return coefficients, warnings


def _whole_entry(
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
