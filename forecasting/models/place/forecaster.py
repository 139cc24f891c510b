"""Series in, forecasts out: a loaded checkpoint that forecasts any number of series, any number of leads ahead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import torch

from forecasting.climatology.global_climatology import Coefficients
from forecasting.climatology.usual import UsualOfSeries
from forecasting.events.paths import Coupling, Dependence
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.distribution import Distribution, Distributions
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Columns, Forecasts
from forecasting.forecasts.options import DEFAULT_LEVELS, ForecastOptions
from forecasting.models import error_quantiles
from forecasting.models.base import Model, climatology_at
from forecasting.models.checkpoint import Reopening, choose_device, compiling, load, pickled
from forecasting.models.checkpoint_file import CheckpointFile
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.past_skill import PastSkills, spread_origins
from forecasting.models.place.network import BATCH_WINDOWS, NetworkRoller
from forecasting.models.place.windows import Windows, last_windows, within_sea_range
from forecasting.models.universal.backtest import errors_of
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.references import Past, forecast_references
from forecasting.references.baselines import Baselines
from forecasting.references.from_past import References, references_from_past
from forecasting.series.batch import SeriesBatch, refuse_future
from forecasting.series.doubts import (
    LONGEST_CHECKED,
    MOST_CHECKED,
    SHORTEST_CHECKED,
    flat_end,
    may_end_flat,
    step_warnings,
)
from forecasting.series.shape import fill_gaps
from forecasting.series.sst_series import SeriesLike, to_sst_series
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.units import sea_temperatures


@dataclass(frozen=True, eq=False)
class Residuals(Distribution):
    """A forecast and the errors around it.

    Intervals come from the quantiles of absolute errors, and probabilities from those of errors of both signs: where
    errors are skewed, the probability outside an interval is not the same on both sides.

    Attributes:
        sst: the forecast, °C ``(horizon,)``.
        times: valid times, UTC ``(1, horizon)``.
        scale: factor for the errors, ``(1,)``.
    """

    sst: Floats
    errors: ErrorDistribution
    times: Times
    scale: Floats

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.interval`; only calibrated levels are offered."""
        self.errors.check(level)
        width = self.errors.half_widths(int(level), self.times, self.scale)[0]
        return self.sst - width, self.sst + width

    def exceedance(self, threshold: float | Floats) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.exceedance`."""
        return error_quantiles.exceedance(threshold - self.sst, self._quantiles, self.errors.probabilities)

    def quantiles_at(self, probabilities: tuple[float, ...]) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.quantiles_at`."""
        errors = error_quantiles.quantiles_at(probabilities, self._quantiles, self.errors.probabilities)
        quantiles: Floats = self.sst[:, None] + errors
        return quantiles

    @cached_property
    def _quantiles(self) -> Floats:
        """Quantiles of the errors, °C ``(horizon, probabilities)``."""
        quantiles: Floats = self.errors.quantiles_at(self.times, self.scale)[0]
        return quantiles


class Forecaster(Model):
    """A network of one place on a device. Safe to call from several threads.

    Pickling keeps the path and sha256 of ``file``, which the checkpoint was loaded from. Unpickling loads that file
    again, and raises ReleaseError if it has changed. A forecaster without a file cannot be pickled.
    """

    checks_values = False

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        metadata: CheckpointMetadata,
        device: torch.device,
        file: CheckpointFile | None = None,
    ) -> None:
        self.metadata = metadata
        self.file = file
        self.name, self.dataset, self.version = metadata.model, metadata.dataset, metadata.version
        self.step, self.horizon = metadata.time_step, metadata.horizon
        self.levels = metadata.errors.half_width
        self.quick = device.type == "cpu"
        self.device = device
        self.network = NetworkRoller(module, self.step, device)
        self.roll = self.network.roll

    def __reduce__(self) -> Reopening["Forecaster"]:
        return _reopen, pickled(self, self.file, self.device, "load_forecaster")

    @property
    def networks(self) -> "tuple[Forecaster]":
        """See :attr:`~forecasting.models.base.Model.networks`."""
        return (self,)  # an attribute would be a cycle, which only a garbage collection could free

    def warm_up(self) -> None:
        """Run the network at a few batch sizes, so that the first caller does not wait for its compilation."""
        level = self.metadata.training_range.minimum
        with compiling(self.device):
            for n in (1, 2, BATCH_WINDOWS):
                self.roll(np.full((n, self.metadata.window), level), np.zeros(n, dtype="datetime64[s]"), 2)

    def forecast(
        self,
        series: SeriesLike,
        horizon: int = 1,
        levels: Sequence[int] = DEFAULT_LEVELS,
        thresholds: Sequence[float] = (),
        baselines: Baselines | None = None,
        as_of: np.datetime64 | None = None,
    ) -> Forecast[Distribution]:
        """Forecast one series.

        Args:
            series: in °C: an SstSeries; a pandas Series, or a DataFrame with one column, indexed by time (UTC where
                without a time zone); or an xarray DataArray whose only dimension is time. It needs at least
                ``metadata.window`` values at the step of the network.
            horizon: number of leads.
            levels: of prediction intervals, percent.
            thresholds: °C, for exceedance probabilities.
            baselines: references fitted to the place; if None, they are fitted to the past of the series.
            as_of: the time that counts as now, UTC: a series that ends more than one step, and at least a day, after it
                is an error. None for no such check.

        Raises:
            TypeError: if ``series`` is anything else.
            SeriesError: if the series cannot be forecast from.
            RequestError: if the horizon or a level is not offered.
        """
        converted = to_sst_series(series)
        sea_temperatures(converted.values, "celsius", lambda i: f"value {i}")
        refuse_future(converted, as_of)
        options = ForecastOptions(horizon, tuple(levels), tuple(map(float, thresholds)))
        self.check(options)
        forecasts = self.forecast_batch(SeriesBatch.of([converted], self.step), options, baselines)
        if forecasts.errors:
            raise forecasts.errors[0]
        return forecasts[0]

    def forecast_batch(
        self, batch: SeriesBatch, options: ForecastOptions, baselines: Baselines | None = None
    ) -> Forecasts:
        """Forecast each series of ``batch``; see :meth:`~forecasting.models.base.Model.forecast_batch`.

        Args:
            batch: at the step of the network.
            options: not checked; see :meth:`check`.
            baselines: references fitted to the place; if None, they are fitted to the past of each series.
        """
        metadata, errors, rows = self.metadata, dict(batch.errors), np.arange(len(batch))
        batch, fills = batch.without_fills(doubtful=options.check)
        columns = Columns(options.offered_levels(metadata.errors.half_width), options.thresholds, ())
        if errors:
            rows = batch.usable
            batch = batch.take(rows)
        windows, failures = last_windows(batch, metadata, options.horizon)
        if options.concise:
            windows, impossible = within_sea_range(windows)
            failures |= impossible
        errors |= {int(rows[i]): error for i, error in failures.items()}
        if not len(windows):
            return Forecasts.none(columns, options.horizon, errors).in_units(options.units)
        if failures:
            batch = batch.take(windows.row)
        unlike = metadata.training_range.unlike(windows.values, windows.times[:, 0])
        sst = self.network.roll_all(windows.values, windows.times)
        references, usual, doubtful = References(), UsualOfSeries.none(len(windows)), np.zeros(len(windows), np.bool_)
        if options.concise:
            for place in np.flatnonzero(unlike).tolist():
                windows.warnings[place] = windows.warnings[place] + _OUTSIDE if windows.warnings[place] else _OUTSIDE
        else:
            references, reference_warnings, usual = _references(batch, windows, metadata, baselines)
            _add_warnings(windows, unlike, reference_warnings, metadata)
            doubtful = _add_doubts(windows, batch)
        for index, row in enumerate(rows[windows.row].tolist() if fills else ()):
            if fill := fills.get(row):
                windows.warnings[index] += (fill,)
                doubtful[index] |= fill.uncalibrated
        columns = replace(columns, references=tuple(references))
        scale = metadata.errors.scale(windows.values)
        n = len(windows)
        return Forecasts(
            columns=columns,
            table=self._table(columns, options.celsius_thresholds, sst, windows.times, scale, references),
            units="celsius",
            row=rows[windows.row],
            issued=self.step.shift(windows.times[:, 0], -1),
            times=windows.times,
            model=[metadata.model] * n,
            version=[metadata.version] * n,
            step=[metadata.step] * n,
            calibrated=~(unlike | doubtful),
            warnings=windows.warnings,
            usual=usual.listed(),
            chosen=[None] * n,
            past=[None] * n,
            distributions=_residuals_of(sst, metadata.errors, metadata.dependence, windows.times, scale),
            series=batch,
            coefficients=climatology_at(None if options.concise else batch.positions, n),
            errors=errors,
            windows=windows.values,
        ).in_units(options.units)

    def past_skill(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> PastSkills:
        """See :meth:`~forecasting.models.base.Model.past_skill`."""
        n, steps = len(batch), batch.longest
        origins = spread_origins(self.metadata.window - 1, steps - 1 - horizon)
        if not n or not len(origins):
            return PastSkills.unknown(n)
        last_time = batch.step.shift(batch.starts, batch.lengths - 1)
        unobserved = np.zeros(n, dtype=np.int64)
        contexts = Contexts(batch.step, np.arange(n), batch.tails(steps), last_time, unobserved, coefficients)
        references = forecast_references(Past.of(contexts, origins, horizon))
        forecasts = np.stack([self._forecast_from(contexts, int(origin), horizon) for origin in origins], axis=1)
        return PastSkills.of(errors_of(contexts, np.stack([forecasts, *references.values()]), origins, 1), origins)

    def _forecast_from(self, contexts: Contexts, origin: int, horizon: int) -> Floats:
        """Return forecasts from one past step, °C ``(n, horizon)``; NaN where its window has a gap."""
        window, limit = self.metadata.window, self.metadata.fill_limit
        begin = max(0, origin - window - limit)
        windows = fill_gaps(contexts.values[:, begin : origin + 1], limit)[:, -window:]
        usable = np.isfinite(windows).all(axis=1)
        ahead = origin + 1 - contexts.values.shape[1] + np.arange(1, horizon + 1)
        times = contexts.step.shift(contexts.last_time[usable, None], ahead)
        forecasts = np.full((len(contexts), horizon), np.nan)
        if usable.any():
            forecasts[usable] = self.network.roll_all(windows[usable], times)
        return forecasts

    def _table(
        self,
        columns: Columns,
        thresholds: Sequence[float],
        sst: Floats,
        times: Times,
        scale: Floats,
        references: References,
    ) -> Floats:
        """Return the numbers of the forecasts ``sst`` °C ``(n, horizon)``, with their intervals and probabilities."""
        errors = self.metadata.errors
        table = np.empty((len(sst), columns.count, sst.shape[1]))
        table[:, 0] = sst
        if columns.levels:
            widths = errors.half_widths_of(columns.levels, times, scale)
            table[:, 1 : columns.first_threshold : 2] = (sst - widths).swapaxes(0, 1)
            table[:, 2 : columns.first_threshold : 2] = (sst + widths).swapaxes(0, 1)
        for c, threshold in enumerate(thresholds, columns.first_threshold):
            table[:, c] = errors.exceedance(sst, times, scale, threshold)
        for c, forecast in enumerate(references.values(), columns.first_reference):
            table[:, c] = forecast
        return table


def _residuals_of(
    sst: Floats, errors: ErrorDistribution, dependence: Dependence | None, times: Times, scale: Floats
) -> Distributions[Residuals]:
    """Return the distributions of forecasts ``sst`` °C ``(n, horizon)``; the rest as in :class:`Residuals`, by row."""
    n, horizon = sst.shape
    coupling = Coupling(dependence, tuple(range(1, horizon + 1)))

    def make(i: int) -> Residuals:
        return Residuals(coupling, horizon, 0, sst[i], errors, times[i][None], scale[i][None])

    return Distributions(n, make)


def _reopen(file: CheckpointFile, device_name: str) -> Forecaster:
    """Load the forecaster that was pickled."""
    device = choose_device(device_name)
    forecaster = Forecaster(*load(file.read(), device), device, file)
    forecaster.warm_up()
    return forecaster


def _references(
    series: SeriesBatch, windows: Windows, metadata: CheckpointMetadata, baselines: Baselines | None
) -> tuple[References, dict[int, ForecastWarning], UsualOfSeries]:
    horizon = windows.times.shape[1]
    if baselines is None:
        return references_from_past(series, windows.values, windows.times[:, 0], horizon, metadata.fill_limit)
    begin = windows.times[:, 0]
    references = {name: roller.roll(windows.values, begin, horizon) for name, roller in baselines.rollers().items()}
    if baselines.years is None:
        return references, {}, UsualOfSeries.none(len(begin))
    at_end = baselines.climatology(metadata.time_step.shift(begin, -1))
    return references, {}, UsualOfSeries(np.tile(baselines.years, (len(begin), 1)), at_end)


def _add_warnings(
    windows: Windows, unlike: Bools, reference_warnings: dict[int, ForecastWarning], metadata: CheckpointMetadata
) -> None:
    if unlike.any():
        for index in np.flatnonzero(unlike).tolist():
            windows.warnings[index] += (outside_training(windows.values[index], windows.times[index, 0], metadata),)
    for index, warning in reference_warnings.items():
        windows.warnings[index] += (warning,)


def _add_doubts(windows: Windows, series: SeriesBatch) -> Bools:
    """Add a warning to each series that ends in a flat line or contradicts its step; return which do, ``(n,)``."""
    doubtful: Bools = np.zeros(len(windows), dtype=np.bool_)
    for index in may_end_flat(windows.values).tolist():
        member = series[index]
        line = flat_end(member.values)
        if line is not None:
            doubtful[index] = True
            windows.warnings[index] += (line.warning(member.times),)
    if SHORTEST_CHECKED <= series.step.seconds <= LONGEST_CHECKED:
        for index, warning in step_warnings(series.tails(min(series.longest, MOST_CHECKED)), series.step).items():
            doubtful[index] = True
            windows.warnings[index] += (warning,)
    return doubtful


_OUTSIDE: Final = (ForecastWarning("outside_training", "the window is unlike the training data", uncalibrated=True),)
"""Shared by all cells of a grid, which may be a million."""


def outside_training(window: Floats, valid_time: np.datetime64, metadata: CheckpointMetadata) -> ForecastWarning:
    """Return the warning about a window °C that is unlike the training data, forecast at ``valid_time``."""
    differences = metadata.training_range.differences(window, valid_time)
    message = f"the window is unlike the training data: {'; '.join(differences)}"
    return ForecastWarning("outside_training", message, uncalibrated=True)
