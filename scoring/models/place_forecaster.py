"""Forecasts of series by a network of one place, evaluated by their own past."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.place.forecaster import Forecaster, outside_training
from forecasting.models.place.residuals import AllResiduals
from forecasting.models.universal.backtest import errors_of
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.references import Past, forecast_references
from forecasting.qartod import SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.shape import fill_gaps
from forecasting.series.times import Bools, Floats, Times
from scoring.models.model import NO_SEA, CellForecasts, Cells, cell_windows
from scoring.models.quality import (
    Flags,
    Origins,
    evaluate,
    independent_forecasts,
    neighbours,
    relative_rmse,
    spread_origins,
)


@dataclass(frozen=True)
class PlaceForecaster:
    """A loaded network of one place."""

    forecaster: Forecaster

    def forecast_cells(
        self, cells: Cells, times: Times, levels: tuple[int, ...], *, joint: bool = False
    ) -> CellForecasts:
        """See :class:`~scoring.models.model.CellForecaster`."""
        metadata = self.forecaster.metadata
        windows = cell_windows(cells.values, metadata.window, metadata.fill_limit)
        n = len(windows.cell)
        valid_times = np.broadcast_to(times, (n, len(times)))
        sst, unlike = np.empty((0, len(times))), np.empty(0, dtype=np.bool_)
        bounds, forecasts = dict.fromkeys(levels, (sst, sst)), list[Forecast[Distribution]]()
        if n:
            sst = self.forecaster.network.roll_all(windows.values, valid_times)
            unlike = metadata.training_range.unlike(windows.values, valid_times[:, 0])
            scale = metadata.errors.scale(windows.values)
            widths = {level: metadata.errors.half_widths(level, valid_times, scale) for level in levels}
            bounds = {level: (sst - width, sst + width) for level, width in widths.items()}
            if joint:
                forecasts = self._joint(sst, unlike, windows.values, valid_times)
        quality = self._quality(cells, windows.cell, times)
        warnings = {
            "reference_is_better": int((quality == SUSPECT).sum()),
            "gap_filled": int(windows.filled.sum()),
            "outside_training": int(unlike.sum()),
            "no_sea_temperature": windows.missing.get(NO_SEA, 0),
        }
        quality[unlike] = SUSPECT
        known = {kind: count for kind, count in warnings.items() if count}
        return CellForecasts(windows.cell, sst, bounds, quality, windows.missing, known, windows.bad, forecasts)

    def _joint(self, sst: Floats, unlike: Bools, windows: Floats, times: Times) -> list[Forecast[Distribution]]:
        """Return forecasts ``sst`` from ``windows`` as objects that events can be evaluated by."""
        metadata = self.forecaster.metadata
        scale = metadata.errors.scale(windows)
        distributions = AllResiduals(sst, metadata.errors, metadata.dependence, times, scale)
        return [
            Forecast(
                model=metadata.model,
                times=times[i],
                sst=sst[i],
                distribution=distribution,
                baselines={},
                warnings=(outside_training(windows[i], times[i, 0], metadata),) if unlike[i] else (),
            )
            for i, distribution in enumerate(distributions)
        ]

    def _quality(self, cells: Cells, forecast: npt.NDArray[np.intp], times: Times) -> Flags:
        """Return the flag of each cell with a ``forecast``, ``(n,)``, from the past of some of them."""
        step, n = self.forecaster.metadata.time_step, len(forecast)
        sample = cells.part(forecast[:: cells.every])
        contexts = Contexts(
            step,
            np.arange(len(sample)),
            sample.values,
            np.full(len(sample), step.shift(times[:1], -1)[0]),
            np.zeros(len(sample), dtype=np.int64),
            sample.coefficients,
        )
        return self._flags(contexts, len(times))[neighbours(n, cells.every)]

    def evaluate(self, forecasts: Forecasts, longest: int) -> Flags:
        """Return the flag that the own past of each series supports, by its last ``longest`` values, ``(n,)``."""
        n, step = len(forecasts), self.forecaster.metadata.time_step
        if not n:
            return np.empty(0, dtype=np.int8)
        values = SeriesBatch.of([forecasts.series[i] for i in range(n)], step).tails(longest)
        unobserved = np.zeros(n, dtype=np.int64)
        contexts = Contexts(step, np.arange(n), values, forecasts.issued, unobserved, forecasts.coefficients)
        return self._flags(contexts, forecasts.horizon)

    def _flags(self, contexts: Contexts, horizon: int) -> Flags:
        """Return the flag that the own past of each series supports, ``(n,)``.

        Args:
            contexts: series that end in a value; the window of the network and the steps before it.
            horizon: number of leads.
        """
        unknown = np.full(len(contexts), np.nan)
        origins = spread_origins(self.forecaster.metadata.window - 1, contexts.values.shape[1] - 1 - horizon)
        if not len(origins) or not len(contexts):
            return evaluate(unknown, unknown, np.zeros(len(contexts)), unknown)
        independent = np.full(len(contexts), independent_forecasts(origins, horizon))
        return evaluate(*self._relative_rmse(contexts, origins, horizon), independent, unknown)

    def _relative_rmse(self, contexts: Contexts, origins: Origins, horizon: int) -> tuple[Floats, Floats]:
        references = forecast_references(Past.of(contexts, origins, horizon))
        forecasts = np.stack([self._forecast_from(contexts, int(origin), horizon) for origin in origins], axis=1)
        return relative_rmse(errors_of(contexts, np.stack([forecasts, *references.values()]), origins, 1))

    def _forecast_from(self, contexts: Contexts, origin: int, horizon: int) -> Floats:
        """Return forecasts from one past step, °C ``(n, horizon)``; NaN where its window has a gap."""
        metadata = self.forecaster.metadata
        begin = max(0, origin - metadata.window - metadata.fill_limit)
        windows = fill_gaps(contexts.values[:, begin : origin + 1], metadata.fill_limit)[:, -metadata.window :]
        usable = np.isfinite(windows).all(axis=1)
        ahead = origin + 1 - contexts.values.shape[1] + np.arange(1, horizon + 1)
        times = contexts.step.shift(contexts.last_time[usable, None], ahead)
        forecasts = np.full((len(contexts), horizon), np.nan)
        if usable.any():
            forecasts[usable] = self.forecaster.network.roll_all(windows[usable], times)
        return forecasts
