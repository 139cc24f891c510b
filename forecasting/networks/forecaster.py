"""Series in, forecasts out: a loaded checkpoint at work, for any number of series and leads."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from forecasting.errors import RequestError, SeriesError
from forecasting.forecast_warning import ForecastWarning
from forecasting.networks.forecast import Forecast, Interval
from forecasting.networks.intervals import ErrorDistribution
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.roller import BATCH, NetworkRoller
from forecasting.networks.training_range import TrainingRange, activity
from forecasting.networks.windows import Windows, last_windows
from forecasting.references.baselines import Baselines
from forecasting.references.from_past import References, own_references
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import Floats, Times, TimeStep, in_words

Rows = slice | list[int]
"""Some of the rows of a batch, or all of them."""

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
    ) -> "Forecasts":
        """Forecast each of ``series``, at least one, as far as its own horizon, ``(len(series),)``.

        The horizons are not checked; ``baselines`` as in :meth:`forecast_many`.
        """
        return forecast_together(SeriesBatch.of(series, self.step), horizons, [self] * len(series), baselines)


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of many series, a row each, by networks that are alike; those that cannot be forecast from have none.

    Attributes:
        row: place of each forecast's series among all that were asked for, ``(n,)``, rising.
        leads: number of leads of each forecast, ``(n,)``; what stands beyond them is of no meaning.
        times: valid times, ``(n, longest)``.
        sst: °C, ``(n, longest)``.
        baselines: what the references say, °C ``(n, longest)``, by name; NaN where a series affords none.
        warnings: what their readers should know.
        calibrated: whether a row's window is like what its network was trained on, ``(n,)``.
        scale: what the errors of a row's network are multiplied by, ``(n,)``.
        failures: why there is no forecast, by series.
        windows: the values that were forecast from, °C ``(n, window)``.
        activity: root mean square increment of each window, °C ``(n,)``.
        by_network: each network that took part, the rows that are its own, and the seconds that it worked.
    """

    row: npt.NDArray[np.intp]
    leads: npt.NDArray[np.int64]
    times: Times
    sst: Floats
    baselines: dict[str, Floats]
    warnings: Sequence[tuple[ForecastWarning, ...]]
    calibrated: npt.NDArray[np.bool_]
    scale: Floats
    failures: dict[int, SeriesError]
    windows: Floats
    activity: Floats
    by_network: "Sequence[tuple[Forecaster, Rows, float]]"

    def __len__(self) -> int:
        return len(self.row)

    def one(self, k: int, errors: ErrorDistribution, levels: Sequence[int], thresholds: Sequence[float]) -> Forecast:
        """The ``k``-th forecast, with intervals and probabilities from the network's ``errors``."""
        n = int(self.leads[k])
        sst, times, scale = self.sst[k, :n], self.times[k : k + 1, :n], self.scale[k : k + 1]
        widths = [(level, errors.half_widths(level, times, scale)[0]) for level in levels]
        known = {name: values[k, :n] for name, values in self.baselines.items() if not np.isnan(values[k, 0])}
        return Forecast(
            times=times[0],
            sst=sst,
            intervals=tuple(Interval(level, sst - width, sst + width) for level, width in widths),
            exceedance=tuple(errors.exceedance(sst[None], times, scale, threshold)[0] for threshold in thresholds),
            baselines=known,
            warnings=self.warnings[k],
            calibrated=bool(self.calibrated[k]),
        )


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
