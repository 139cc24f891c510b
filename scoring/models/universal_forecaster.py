"""Forecasts of the cells of a grid by one universal network."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import RangeError
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.past_skill import PastSkills
from forecasting.models.universal.model import UniversalModel
from forecasting.qartod import SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Times
from scoring.errors import kind_of
from scoring.models.model import CellForecasts, Cells, joined
from scoring.models.quality import Flags, evaluate, held_out_ratio, neighbours

_PIECE_VALUES: Final = 1_000_000
"""Values of one piece of cells, which bounds the memory of long contexts."""


@dataclass(frozen=True)
class UniversalCellForecaster:
    """One loaded universal network."""

    model: UniversalModel

    def forecast_cells(
        self, cells: Cells, times: Times, levels: tuple[int, ...], *, joint: bool = False
    ) -> CellForecasts:
        """See :class:`~scoring.models.model.CellForecaster`."""
        size = max(_PIECE_VALUES // max(cells.values.shape[1], 1), cells.every)
        begins = range(0, max(len(cells), 1), size)
        parts = [self._forecast(cells.part(slice(begin, begin + size)), times, levels, joint) for begin in begins]
        return joined(parts, begins)

    def _forecast(self, cells: Cells, times: Times, levels: tuple[int, ...], joint: bool) -> CellForecasts:
        batch = cells.batch(self.model.step)
        forecasts = self.model.forecast_batch(batch, ForecastOptions(len(times), levels, concise=True))
        evaluated = self._evaluated(batch, forecasts, cells.every)
        counts = Counter[str](warning.code for warnings in forecasts.warnings for warning in warnings)
        counts.update({"reference_is_better": int((evaluated == SUSPECT).sum())})
        errors = forecasts.errors
        return CellForecasts(
            cell=forecasts.row,
            sst=forecasts.sst,
            bounds={level: forecasts.bounds(level) for level in levels},
            quality=np.where(forecasts.quality == SUSPECT, SUSPECT, evaluated).astype(np.int8),
            missing=dict(Counter(kind_of(str(error)) for error in errors.values())),
            warnings=dict(+counts),
            bad=np.asarray([i for i, error in errors.items() if isinstance(error, RangeError)], dtype=np.intp),
            joint=[forecasts[i] for i in range(len(forecasts))] if joint else (),
        )

    def _evaluated(self, batch: SeriesBatch, forecasts: Forecasts, every: int) -> Flags:
        """Return the flag that past forecasts of every so many cells, and held-out seas, support."""
        rows, (network,) = forecasts.row, self.model.networks
        skills = PastSkills.unknown(len(rows))
        if len(rows):
            sample = self.model.past_skill(
                batch.take(rows[::every]), forecasts.coefficients[::every], forecasts.horizon
            )
            nearest = neighbours(len(rows), every)
            skills = PastSkills(*(column[nearest] for column in sample))
        counts = np.isfinite(batch.tails(batch.longest)[rows]).sum(axis=1)
        return evaluate(*skills, held_out_ratio(network.metadata, counts, forecasts.horizon))
