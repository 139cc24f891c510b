"""Series in, forecasts out: a loaded checkpoint that forecasts any number of series, any number of leads ahead."""

import pickle
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from forecasting.climatology.usual import UsualOfSeries
from forecasting.errors import RequestError, SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.checkpoint import compiling, load
from forecasting.networks.checkpoint_file import CheckpointFile
from forecasting.networks.device import choose_device
from forecasting.networks.forecast import Forecast
from forecasting.networks.forecasts import Forecasts, Rows
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.roller import BATCH_WINDOWS, NetworkRoller
from forecasting.networks.training_range import TrainingRange
from forecasting.networks.uncertainty.increments import rms_increment_of
from forecasting.networks.windows import Windows, last_windows
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
from forecasting.series.sst_series import SeriesLike, SstSeries, to_sst_series
from forecasting.series.times import Bools, Floats
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import sea_temperatures

Alike = tuple[TimeStep, int, int, TrainingRange]
"""Networks that forecast together share these: step, window, longest filled gap, and training range."""


class Forecaster:
    """A loaded checkpoint on a device. Safe to call from several threads.

    Pickling keeps the path and sha256 of ``file``, which the checkpoint was loaded from. Unpickling loads that file
    again, and raises ReleaseError if it has changed. A forecaster without a file cannot be pickled.
    """

    def __init__(
        self,
        module: torch.jit.ScriptModule,
        metadata: CheckpointMetadata,
        device: torch.device,
        file: CheckpointFile | None = None,
    ) -> None:
        self.metadata = metadata
        self.file = file
        self.step = metadata.time_step
        self.device = device
        self.network = NetworkRoller(module, self.step, device)
        self.roll = self.network.roll
        self.alike: Alike = (self.step, metadata.window, metadata.fill_limit, metadata.training_range)
        """Equal for forecasters that :func:`forecast_together` can combine."""

    def __reduce__(self) -> tuple[Callable[[CheckpointFile, str], "Forecaster"], tuple[CheckpointFile, str]]:
        if self.file is None:
            raise pickle.PicklingError(
                "cannot pickle a Forecaster made from a module in memory: save its checkpoint, and load that with "
                "load_forecaster"
            )
        return _reopen, (self.file, str(self.device))

    def warm_up(self) -> None:
        """Run the network at a few batch sizes, so that the first caller does not wait for its compilation."""
        level = self.metadata.training_range.minimum
        with compiling(self.device):
            for n in (1, 2, BATCH_WINDOWS):
                self.roll(np.full((n, self.metadata.window), level), np.zeros(n, dtype="datetime64[s]"), 2)

    def check(self, horizon: int, levels: Sequence[int]) -> None:
        """Raise RequestError if the horizon or a level is not offered."""
        if not 1 <= horizon <= self.metadata.horizon:
            raise RequestError(
                f"horizon {horizon} is out of range: {self.metadata.model} forecasts 1 to {self.metadata.horizon} "
                f"steps of {in_words(self.metadata.step)}",
                field="horizon",
            )
        for level in levels:
            self.metadata.errors.check(level)

    def forecast(
        self,
        series: SeriesLike,
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        baselines: Baselines | None = None,
        as_of: np.datetime64 | None = None,
    ) -> Forecast:
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
        forecast = self.forecast_many([converted], horizon, levels, thresholds, baselines)[0]
        if isinstance(forecast, SeriesError):
            raise forecast
        return forecast

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        baselines: Baselines | None = None,
    ) -> list[Forecast | SeriesError]:
        """Forecast each of ``series`` in one batch; the other arguments are as for :meth:`forecast`.

        Returns:
            In the order of ``series``: a forecast, or the error of a series that cannot be forecast from.

        Raises:
            RequestError: if the horizon or a level is not offered.
        """
        self.check(horizon, levels)
        if not series:
            return []
        forecasts = self.forecast_each(series, np.full(len(series), horizon), baselines)
        results: dict[int, Forecast | SeriesError] = dict(forecasts.failures)
        for place, i in enumerate(forecasts.row.tolist()):
            results[i] = forecasts.forecast_at(
                place, self.metadata.errors, levels, thresholds, self.metadata.dependence
            )
        return [results[i] for i in range(len(series))]

    def forecast_each(
        self,
        series: Sequence[SstSeries],
        horizons: npt.NDArray[np.int64],
        baselines: Baselines | None = None,
    ) -> "Forecasts[Forecaster]":
        """Forecast each of ``series``, at least one, to its own horizon, ``(len(series),)``.

        The horizons are not checked; ``baselines`` as in :meth:`forecast`.
        """
        return forecast_together(SeriesBatch.of(series, self.step), horizons, [self] * len(series), baselines)


def _reopen(file: CheckpointFile, device_name: str) -> Forecaster:
    """Load the forecaster that was pickled."""
    device = choose_device(device_name)
    forecaster = Forecaster(*load(file.read(), device), device, file)
    forecaster.warm_up()
    return forecaster


def forecast_together(
    series: SeriesBatch,
    horizons: npt.NDArray[np.int64],
    forecasters: Sequence[Forecaster],
    baselines: Baselines | None = None,
) -> Forecasts[Forecaster]:
    """Forecast each of ``series`` with its own network, to its own horizon.

    Everything except the networks themselves runs on all series at once.

    Args:
        series: at least one, at the step of the networks.
        horizons: numbers of leads, ``(len(series),)``; not checked.
        forecasters: one for each series, with the same :attr:`~Forecaster.alike`.
        baselines: references fitted to the place; if None, they are fitted to the past of each series.
    """
    metadata = forecasters[0].metadata
    windows, failures = last_windows(series, metadata, horizons, lambda i: forecasters[i].metadata.model)
    if not len(windows):
        return Forecasts.none(windows, failures)
    if failures:
        series, forecasters = series.take(windows.row), [forecasters[i] for i in windows.row.tolist()]
    references, reference_warnings, usual = _references(series, windows, metadata, baselines)
    rms_increment = rms_increment_of(windows.values)
    unlike = metadata.training_range.unlike(windows.values, windows.times[:, 0], rms_increment)
    sst, scale, by_network = _run_networks(windows, forecasters)
    _add_warnings(windows, unlike, reference_warnings, metadata)
    doubtful = _add_doubts(windows, series)
    return Forecasts(
        row=windows.row,
        leads=windows.leads,
        times=windows.times,
        sst=sst,
        baselines=references,
        warnings=windows.warnings,
        calibrated=~(unlike | doubtful),
        scale=scale,
        failures=failures,
        windows=windows.values,
        rms_increment=rms_increment,
        by_network=by_network,
        usual=usual,
    )


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


def _run_networks(
    windows: Windows, forecasters: Sequence[Forecaster]
) -> tuple[Floats, Floats, list[tuple[Forecaster, Rows, float]]]:
    """Return SST °C ``(n, leads)``, the scale of errors ``(n,)``, and each network with its rows and seconds."""
    sst, scale = np.full(windows.times.shape, np.nan), np.empty(len(windows))
    by_network: list[tuple[Forecaster, Rows, float]] = []
    for forecaster, rows in _by_network(forecasters):
        values, leads, begin = windows.values[rows], windows.leads[rows], time.perf_counter()
        longest = int(leads.max())
        sst[rows, :longest] = forecaster.network.roll_each(values, windows.times[rows, :longest], leads)
        by_network.append((forecaster, rows, time.perf_counter() - begin))
        scale[rows] = forecaster.metadata.errors.scale(values)
    return sst, scale, by_network


def _by_network(forecasters: Sequence[Forecaster]) -> Iterator[tuple[Forecaster, Rows]]:
    """Yield each network with its rows; all rows are a slice, which copies nothing."""
    if forecasters.count(forecasters[0]) == len(forecasters):
        yield forecasters[0], slice(None)
        return
    rows: dict[Forecaster, list[int]] = {}
    for place, forecaster in enumerate(forecasters):
        rows.setdefault(forecaster, []).append(place)
    yield from rows.items()


def _add_warnings(
    windows: Windows, unlike: Bools, reference_warnings: dict[int, ForecastWarning], metadata: CheckpointMetadata
) -> None:
    if unlike.any():
        for place in np.flatnonzero(unlike).tolist():
            windows.warnings[place] += (_outside_training(windows, place, metadata),)
    for place, warning in reference_warnings.items():
        windows.warnings[place] += (warning,)


def _add_doubts(windows: Windows, series: SeriesBatch) -> Bools:
    """Add a warning to each series that ends in a flat line or contradicts its step; return which do, ``(n,)``."""
    doubtful: Bools = np.zeros(len(windows), dtype=np.bool_)
    for place in may_end_flat(windows.values).tolist():
        member = series[place]
        line = flat_end(member.values)
        if line is not None:
            doubtful[place] = True
            windows.warnings[place] += (line.warning(member.times),)
    if SHORTEST_CHECKED <= series.step.seconds <= LONGEST_CHECKED:
        for place, warning in step_warnings(series.tails(min(series.longest, MOST_CHECKED)), series.step).items():
            doubtful[place] = True
            windows.warnings[place] += (warning,)
    return doubtful


def _outside_training(windows: Windows, place: int, metadata: CheckpointMetadata) -> ForecastWarning:
    differences = metadata.training_range.differences(windows.values[place], windows.times[place, 0])
    message = f"the window is unlike the training data: {'; '.join(differences)}"
    return ForecastWarning("outside_training", message, uncalibrated=True)
