"""Series in, forecasts out: a loaded checkpoint at work, for any number of series and leads."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from forecasting.baselines import Baselines
from forecasting.batch import SeriesBatch
from forecasting.errors import RequestError, SeriesError
from forecasting.forecast import Forecast, Forecasts, ForecastWarning, Rows
from forecasting.metadata import CheckpointMetadata
from forecasting.network import BATCH, NetworkRoller
from forecasting.references import References, own_references
from forecasting.series import SstSeries
from forecasting.timestep import TimeStep, in_words
from forecasting.training_range import TrainingRange, activity
from forecasting.windows import Windows, last_windows

Alike = tuple[TimeStep, int, int, TrainingRange]
"""What networks share that can forecast together: the step, the window, the longest gap filled, and the training."""


class Forecaster:
    """A loaded checkpoint on a device. Safe to call from several threads."""

    def __init__(self, module: torch.jit.ScriptModule, metadata: CheckpointMetadata, device: torch.device) -> None:
        self.metadata = metadata
        self.step = metadata.time_step
        self.device = device
        self.network = NetworkRoller(module, self.step, device)
        self.roll = self.network.roll
        self.alike: Alike = (self.step, metadata.window, metadata.fill_limit, metadata.training_range)
        """What :func:`forecast_together` wants to be the same."""

    def warm_up(self) -> None:
        """Run the network at a few batch sizes, so that the first caller does not pay for its compilation."""
        level = self.metadata.training_range.minimum
        for n in (1, 2, BATCH):
            self.roll(np.full((n, self.metadata.window), level), np.zeros(n, dtype="datetime64[s]"), 2)

    def check(self, horizon: int, levels: Sequence[int]) -> None:
        """Whether a horizon and levels are offered.

        Raises:
            RequestError: if one is not.
        """
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
        series: "pd.Series[float] | SstSeries",
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        baselines: Baselines | None = None,
    ) -> Forecast:
        """Forecast what follows one series; see :meth:`forecast_many`.

        Raises:
            SeriesError: if the series cannot be forecast from.
            RequestError: if the horizon or a level is not offered.
        """
        regular = series if isinstance(series, SstSeries) else SstSeries.from_pandas(series)
        result = self.forecast_many([regular], horizon, levels, thresholds, baselines)[0]
        if isinstance(result, SeriesError):
            raise result
        return result

    def forecast_many(
        self,
        series: Sequence[SstSeries],
        horizon: int = 1,
        levels: Sequence[int] = (80, 95),
        thresholds: Sequence[float] = (),
        baselines: Baselines | None = None,
    ) -> list[Forecast | SeriesError]:
        """Forecast what follows each of ``series``, in one batch.

        Args:
            series: regular series; each needs at least ``metadata.window`` values at the network's step.
            horizon: number of leads.
            levels: of prediction intervals, percent.
            thresholds: °C whose exceedance probabilities are wanted.
            baselines: fitted references of the place; where None, those that each series' own past affords.

        Returns:
            In the order of ``series``: a forecast, or the error of a series that cannot be forecast from.

        Raises:
            RequestError: if the horizon or a level is not offered.
        """
        self.check(horizon, levels)
        if not series:
            return []
        forecasts = self.forecast_each(series, np.full(len(series), horizon), baselines)
        done: dict[int, Forecast | SeriesError] = dict(forecasts.failures)
        for k, i in enumerate(forecasts.row.tolist()):
            done[i] = forecasts.one(k, self.metadata.errors, levels, thresholds)
        return [done[i] for i in range(len(series))]

    def forecast_each(
        self,
        series: Sequence[SstSeries],
        horizons: npt.NDArray[np.int64],
        baselines: Baselines | None = None,
    ) -> Forecasts:
        """Forecast each of ``series``, at least one, as far as its own horizon, ``(len(series),)``.

        The horizons are not checked; ``baselines`` as in :meth:`forecast_many`.
        """
        return forecast_together(SeriesBatch.of(series, self.step), horizons, [self] * len(series), baselines)


def forecast_together(
    series: SeriesBatch,
    horizons: npt.NDArray[np.int64],
    forecasters: Sequence[Forecaster],
    baselines: Baselines | None = None,
) -> Forecasts:
    """Forecast each of ``series`` by its own network, as far as its own horizon.

    All but the networks' own work is done for all of them at once.

    Args:
        series: at least one, at the networks' step.
        horizons: numbers of leads, ``(len(series),)``; not checked.
        forecasters: one a series; all of them :attr:`~Forecaster.alike`.
        baselines: fitted references of the place; where None, those that each series' own past affords.
    """
    metadata = forecasters[0].metadata
    windows, failures = last_windows(series, metadata, horizons, lambda i: forecasters[i].metadata.model)
    if not len(windows):
        return _nothing(windows, failures)
    used, networks = series, forecasters
    if failures:
        used, networks = series.take(windows.row), [forecasters[i] for i in windows.row.tolist()]
    references, absent = _references(used, windows, metadata, baselines)
    rms_increment = activity(windows.values)
    unlike = metadata.training_range.unlike(windows.values, windows.times[:, 0], rms_increment)
    sst, scale = np.full(windows.times.shape, np.nan), np.empty(len(windows))
    worked: list[tuple[Forecaster, Rows, float]] = []
    for forecaster, rows in _by_network(networks):
        values, leads, begin = windows.values[rows], windows.leads[rows], time.perf_counter()
        longest = int(leads.max())
        sst[rows, :longest] = forecaster.network.roll_each(values, windows.times[rows, :longest], leads)
        worked.append((forecaster, rows, time.perf_counter() - begin))
        scale[rows] = forecaster.metadata.errors.scale(values)
    warnings = windows.warnings
    if unlike.any():
        for k in np.flatnonzero(unlike).tolist():
            warnings[k] += (_outside(windows, k, metadata),)
    for k, warning in absent.items():
        warnings[k] += (warning,)
    return Forecasts(
        row=windows.row,
        leads=windows.leads,
        times=windows.times,
        sst=sst,
        baselines=references,
        warnings=warnings,
        calibrated=~unlike,
        scale=scale,
        failures=failures,
        windows=windows.values,
        activity=rms_increment,
        by_network=worked,
    )


def _nothing(windows: Windows, failures: dict[int, SeriesError]) -> Forecasts:
    """Where no series can be forecast from, and there are no windows."""
    none, empty = np.empty(0), np.empty((0, 0))
    return Forecasts(
        row=windows.row,
        leads=windows.leads,
        times=windows.times,
        sst=empty,
        baselines={},
        warnings=[],
        calibrated=none > 0,
        scale=none,
        failures=failures,
        windows=empty,
        activity=none,
        by_network=[],
    )


def _by_network(forecasters: Sequence[Forecaster]) -> Iterator[tuple[Forecaster, Rows]]:
    """Each network of those that rows are for, and its rows; all of them as a slice, which copies nothing."""
    rows: dict[Forecaster, list[int]] = {}
    for k, forecaster in enumerate(forecasters):
        rows.setdefault(forecaster, []).append(k)
    if len(rows) == 1:
        yield forecasters[0], slice(None)
    else:
        yield from rows.items()


def _references(
    series: SeriesBatch, windows: Windows, metadata: CheckpointMetadata, baselines: Baselines | None
) -> tuple[References, dict[int, ForecastWarning]]:
    horizon = windows.times.shape[1]
    if baselines is None:
        return own_references(series, windows.values, windows.times[:, 0], horizon, metadata.fill_limit)
    rollers = baselines.rollers()
    return {name: one.roll(windows.values, windows.times[:, 0], horizon) for name, one in rollers.items()}, {}


def _outside(windows: Windows, k: int, metadata: CheckpointMetadata) -> ForecastWarning:
    differences = metadata.training_range.differences(windows.values[k], windows.times[k, 0])
    return ForecastWarning("outside_training", f"the window is unlike the training: {'; '.join(differences)}")
