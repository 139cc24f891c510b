"""Windows in, forecasts out: a loaded checkpoint at work, for any number of windows and leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch

from forecasting.baselines import Baselines, Persistence
from forecasting.checkpoint import CheckpointMetadata
from forecasting.errors import RequestError, SeriesError
from forecasting.forecast import Forecast, ForecastWarning, Interval
from forecasting.rolling import Roller
from forecasting.series import SstSeries, fill_gaps, missing_runs
from forecasting.timestep import Floats, Times, TimeStep, short, unix_seconds

BATCH: Final = 512
"""Windows a call of the network; larger batches cost no less for each (benchmarks/)."""

CLIMATOLOGY_YEARS: Final = 1.8
"""Years of values, of every month, that a caller's series must hold before its climatology is taken from it.

Two years, of which a tenth may be missing.
"""


_LAST_TIME: Final = np.datetime64("9999-12-31T23:59:59", "s")


@dataclass(frozen=True)
class _Window:
    values: Floats
    valid_time: np.datetime64
    warnings: tuple[ForecastWarning, ...]


class NetworkRoller:
    """A TorchScript network of the checkpoint's contract on a device; rolls its own output forward."""

    def __init__(self, module: torch.jit.ScriptModule, step: TimeStep, device: torch.device) -> None:
        self.module = module
        self.step = step
        self.device = device

    def roll(self, windows: Floats, valid_time: Times, horizon: int) -> Floats:
        """Forecast each lead from the ones before it; see :class:`~forecasting.rolling.Roller`."""
        times = torch.from_numpy(unix_seconds(self.step.shift(valid_time[:, None], np.arange(horizon))))
        values = torch.from_numpy(windows.astype(np.float32))
        batches = zip(values.split(BATCH), times.split(BATCH), strict=True)
        with torch.inference_mode():
            rolled = [self._roll_batch(v.to(self.device), t.to(self.device)) for v, t in batches]
            return torch.cat(rolled).cpu().numpy().astype(np.float64)

    def _roll_batch(self, windows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        window, horizon = windows.shape[1], times.shape[1]
        sst = torch.cat([windows, windows.new_empty(len(windows), horizon)], dim=1)
        for lead in range(horizon):
            sst[:, window + lead] = self.module(sst[:, lead : lead + window], times[:, lead])
        return sst[:, window:]


class Forecaster:
    """A loaded checkpoint on a device. Safe to call from several threads."""

    def __init__(self, module: torch.jit.ScriptModule, metadata: CheckpointMetadata, device: torch.device) -> None:
        self.metadata = metadata
        self.step = metadata.time_step
        self.device = device
        self.roll = NetworkRoller(module, self.step, device).roll

    def warm_up(self) -> None:
        """Run the network at a few batch sizes, so that the first caller does not pay for its compilation."""
        level = self.metadata.training_range.minimum
        for n in (1, 2, BATCH):
            self.roll(np.full((n, self.metadata.window), level), np.zeros(n, dtype="datetime64[s]"), 2)

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
        if not 1 <= horizon <= self.metadata.horizon:
            raise RequestError(
                f"horizon {horizon} is out of range: {self.metadata.model} forecasts 1 to {self.metadata.horizon} "
                f"steps ({self.step})",
                field="horizon",
            )
        for level in levels:
            self.metadata.errors.half_widths(level, horizon)
        prepared = [self._prepare(one, horizon) for one in series]
        usable = [window for window in prepared if isinstance(window, _Window)]
        rolled = iter(self.roll(*_stack(usable, self.metadata.window), horizon))
        results: list[Forecast | SeriesError] = []
        for one, window in zip(series, prepared, strict=True):
            if isinstance(window, SeriesError):
                results.append(window)
            else:
                results.append(self._complete(one, window, next(rolled), levels, thresholds, baselines))
        return results

    def _prepare(self, series: SstSeries, horizon: int) -> _Window | SeriesError:
        """The last window of ``series``, gaps filled, with what is to be said about it."""
        try:
            window = self._window(series)
            if self.step.shift(np.asarray([window.valid_time]), horizon)[0] > _LAST_TIME:
                raise SeriesError("the forecast would reach past the year 9999: look for a wrong time")
            return window
        except SeriesError as error:
            return error

    def _window(self, series: SstSeries) -> _Window:
        size = self.metadata.window
        if series.step != self.step:
            raise SeriesError(f"the step is {series.step}, and {self.metadata.model} forecasts steps of {self.step}")
        values = series.values
        if not len(values):
            raise SeriesError("the series holds no values")
        if np.isnan(values[-1]):
            raise SeriesError(
                "the last value is missing: end the series at its last observation", index=len(values) - 1
            )
        if len(values) < size:
            raise SeriesError(f"{len(values)} values are too few: {self.metadata.model} needs at least {size}")
        window = fill_gaps(values, self.metadata.fill_limit)[-size:]
        offset = len(values) - size
        if np.isnan(window).any():
            raise self._gap_error(window, series.times[offset:], offset)
        valid_time = self.step.shift(series.times[-1:], 1)[0]
        return _Window(window, valid_time, self._warnings(series, window, valid_time))

    def _gap_error(self, window: Floats, times: Times, offset: int) -> SeriesError:
        begin, end = missing_runs(window)[0]
        where = f"from {short(times[begin])} to {short(times[end - 1])}"
        if begin == 0 and end - begin <= self.metadata.fill_limit:
            remedy = "send the value before it too, so that it can be interpolated"
        else:
            remedy = f"gaps of up to {self.metadata.fill_limit} are interpolated"
        return SeriesError(f"missing values {where}: {remedy}", index=offset + int(begin))

    def _warnings(self, series: SstSeries, window: Floats, valid_time: np.datetime64) -> tuple[ForecastWarning, ...]:
        said = [ForecastWarning("adjusted", note) for note in series.notes]
        missing = np.flatnonzero(np.isnan(series.values[-len(window) :]))
        if len(missing):
            times = series.times[-len(window) :][missing]
            shown = ", ".join(short(time) for time in times[:3]) + (", …" if len(times) > 3 else "")
            noun = "value" if len(times) == 1 else "values"
            said.append(ForecastWarning("gap_filled", f"{len(times)} missing {noun} interpolated: {shown}"))
        differences = self.metadata.training_range.differences(window, valid_time)
        if differences:
            said.append(
                ForecastWarning("outside_training", f"the window is unlike the training: {'; '.join(differences)}")
            )
        return tuple(said)

    def _complete(
        self,
        series: SstSeries,
        window: _Window,
        sst: Floats,
        levels: Sequence[int],
        thresholds: Sequence[float],
        baselines: Baselines | None,
    ) -> Forecast:
        horizon = len(sst)
        errors = self.metadata.errors
        widths = [(level, errors.half_widths(level, horizon)) for level in levels]
        references, absent = _references(series, window, horizon, self.metadata.fill_limit, baselines)
        return Forecast(
            times=self.step.range(window.valid_time, horizon),
            sst=sst,
            intervals=tuple(Interval(level, sst - width, sst + width) for level, width in widths),
            exceedance=tuple(errors.exceedance(sst, threshold) for threshold in thresholds),
            baselines=references,
            warnings=(*window.warnings, *absent),
        )


def _stack(windows: Sequence[_Window], size: int) -> tuple[Floats, Times]:
    if not windows:
        return np.empty((0, size)), np.empty(0, dtype="datetime64[s]")
    return np.stack([w.values for w in windows]), np.asarray([w.valid_time for w in windows])


def _references(
    series: SstSeries, window: _Window, horizon: int, fill_limit: int, baselines: Baselines | None
) -> tuple[dict[str, Floats], tuple[ForecastWarning, ...]]:
    """Baseline forecasts of one series, and a warning where its past affords persistence alone."""
    absent: tuple[ForecastWarning, ...] = ()
    if baselines is None and series.observed_years >= CLIMATOLOGY_YEARS and series.holds_every_season:
        baselines = Baselines.fit(series, len(window.values), fill_limit, horizon)
    rollers: dict[str, Roller] = {"persistence": Persistence()} if baselines is None else baselines.rollers()
    if baselines is None:
        held = f"{series.observed_years:.1f} years of values, of {len(series.observed_months)} calendar months"
        needs = "a climatology of the place needs two years of values, a tenth of them missing at most, of every month"
        absent = (ForecastWarning("no_climatology", f"{needs}; this series holds {held}"),)
    valid_time = np.asarray([window.valid_time])
    return {name: one.roll(window.values[None], valid_time, horizon)[0] for name, one in rollers.items()}, absent
