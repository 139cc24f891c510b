"""Forecasts of series by a network of one place, evaluated by their own past."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecast import Forecast
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.place.forecaster import Forecaster, outside_training
from forecasting.models.place.residuals import residuals_of
from forecasting.qartod import SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Bools, Floats, Times
from scoring.models.model import NO_SEA, CellForecasts, Cells, Coefficients, cell_windows
from scoring.models.quality import Flags, evaluate, neighbours


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
        distributions = residuals_of(sst, metadata.errors, metadata.dependence, times, scale)
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
        sample = cells.part(forecast[:: cells.every])
        flags = self._flags(sample.batch(self.forecaster.step), sample.coefficients, len(times))
        return flags[neighbours(len(forecast), cells.every)]

    def evaluate(self, forecasts: Forecasts, longest: int) -> Flags:
        """Return the flag that the own past of each series supports, by its last ``longest`` values, ``(n,)``."""
        n, step = len(forecasts), self.forecaster.step
        if not n:
            return np.empty(0, dtype=np.int8)
        values = SeriesBatch.of([forecasts.series[i] for i in range(n)], step).tails(longest)
        batch = SeriesBatch.of_rows(values, step.shift(forecasts.issued, 1 - longest), step)
        return self._flags(batch, forecasts.coefficients, forecasts.horizon)

    def _flags(self, batch: SeriesBatch, coefficients: Coefficients, horizon: int) -> Flags:
        skills = self.forecaster.past_skill(batch, coefficients, horizon)
        return evaluate(*skills, np.full(len(batch), np.nan))
