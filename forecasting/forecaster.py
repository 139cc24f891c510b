"""Series in, forecasts out: a loaded checkpoint at work, for any number of series and leads."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from forecasting.baselines import Baselines
from forecasting.errors import RequestError, SeriesError
from forecasting.forecast import Forecast, Forecasts, ForecastWarning
from forecasting.metadata import CheckpointMetadata
from forecasting.network import BATCH, NetworkRoller
from forecasting.references import References, own_references
from forecasting.series import SstSeries
from forecasting.timestep import Floats
from forecasting.training_range import activity
from forecasting.windows import Windows, last_windows

Seen = Callable[[Floats, Floats, npt.NDArray[np.bool_]], None]
"""Takes windows of °C ``(n, window)``, their activity ``(n,)``, and whether each is unlike training ``(n,)``."""


class Forecaster:
    """A loaded checkpoint on a device. Safe to call from several threads."""

    def __init__(self, module: torch.jit.ScriptModule, metadata: CheckpointMetadata, device: torch.device) -> None:
        self.metadata = metadata
        self.step = metadata.time_step
        self.device = device
        self.network = NetworkRoller(module, self.step, device)
        self.roll = self.network.roll

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
                f"steps ({self.step})",
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
        seen: Seen | None = None,
    ) -> Forecasts:
        """Forecast each of ``series`` as far as its own horizon, ``(len(series),)``, which is not checked.

        ``baselines`` as in :meth:`forecast_many`; ``seen`` hears which windows were forecast from, and which of them
        are unlike training.
        """
        windows, failures = last_windows(series, self.metadata, horizons)
        if not len(windows):
            empty, none = np.empty((0, 0)), np.empty(0, dtype=np.bool_)
            return Forecasts(windows.row, windows.leads, windows.times, empty, {}, [], none, np.empty(0), failures)
        sst = self.network.roll_each(windows.values, windows.times, windows.leads)
        used = series if len(windows) == len(series) else [series[i] for i in windows.row.tolist()]
        references, absent = self._references(used, windows, baselines)
        moved = activity(windows.values)
        unlike = self.metadata.training_range.unlike(windows.values, windows.times[:, 0], moved)
        if seen:
            seen(windows.values, moved, unlike)
        warnings = windows.warnings
        if unlike.any():
            for k in np.flatnonzero(unlike).tolist():
                warnings[k] += (self._outside(windows, k),)
        for k, warning in absent.items():
            warnings[k] += (warning,)
        scale = self.metadata.errors.scale(windows.values)
        return Forecasts(windows.row, windows.leads, windows.times, sst, references, warnings, ~unlike, scale, failures)

    def _references(
        self, series: Sequence[SstSeries], windows: Windows, baselines: Baselines | None
    ) -> tuple[References, dict[int, ForecastWarning]]:
        horizon = windows.times.shape[1]
        if baselines is None:
            return own_references(series, windows.values, windows.times[:, 0], horizon, self.metadata.fill_limit)
        rollers = baselines.rollers()
        return {name: one.roll(windows.values, windows.times[:, 0], horizon) for name, one in rollers.items()}, {}

    def _outside(self, windows: Windows, k: int) -> ForecastWarning:
        differences = self.metadata.training_range.differences(windows.values[k], windows.times[k, 0])
        return ForecastWarning("outside_training", f"the window is unlike the training: {'; '.join(differences)}")
