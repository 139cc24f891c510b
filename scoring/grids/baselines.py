"""Baselines of the cells of a grid, from a file that the user names; see ``baseline_file`` for how they are staged."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import PERCENTILES, Baseline
from forecasting.events.days import DAYS

BASELINES: Final = "baselines.f4"
NAMES: Final = ("climatology", "threshold")
"""The variables of the file for each day, in this order."""

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CellBaselines:
    """Climatology and threshold of some cells.

    Attributes:
        values: °C, ``(2, 366, n)``.
    """

    values: Values

    @classmethod
    def read(cls, staged: Path, cells: slice, count: int) -> "CellBaselines":
        """Read those of some of ``count`` cells, beside the ``staged`` input."""
        shape = (len(NAMES), DAYS, count)
        return cls(np.array(np.memmap(staged.with_name(BASELINES), dtype="<f4", mode="r", shape=shape)[:, :, cells]))

    def of(self, cell: int) -> Baseline:
        """Return the baseline of a cell; all values are NaN if the file has none there."""
        climatology, threshold = self.values[:, :, cell].astype(np.float64)
        return Baseline(climatology, threshold, None, self._percentile)

    @cached_property
    def _percentile(self) -> float:
        """The 90th if thresholds are above the climatology, else the 10th; of all cells, as one of them may be land."""
        climatology, threshold = self.values
        is_above = np.nansum(threshold - climatology) >= 0
        return PERCENTILES["marine_heatwave" if is_above else "marine_cold_spell"]
