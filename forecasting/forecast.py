"""What a forecast of one series consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from forecasting.errors import SeriesError
from forecasting.intervals import ErrorDistribution
from forecasting.timestep import Floats, Times

if TYPE_CHECKING:
    from forecasting.forecaster import Forecaster

Rows = slice | list[int]
"""Some of the rows of a batch, or all of them."""

WarningCode = Literal["adjusted", "gap_filled", "outside_training", "no_climatology", "no_linear", "scored_later"]


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """Something about a forecast that its reader should know; ``code`` is for programs."""

    code: WarningCode
    message: str


@dataclass(frozen=True, slots=True)
class Interval:
    """Prediction interval at ``level`` percent, °C ``(horizon,)``."""

    level: int
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """A forecast of one series.

    Attributes:
        times: valid times, ``(horizon,)``.
        sst: °C, ``(horizon,)``.
        intervals: one a level asked for.
        exceedance: probability that SST exceeds each threshold asked for, ``(horizon,)``, in their order.
        baselines: what the references say, °C ``(horizon,)``, by name.
        warnings: what its reader should know.
        calibrated: whether the window is like what the network was trained on, so that its error distribution applies.
    """

    times: Times
    sst: Floats
    intervals: tuple[Interval, ...]
    exceedance: tuple[Floats, ...]
    baselines: dict[str, Floats]
    warnings: tuple[ForecastWarning, ...]
    calibrated: bool

    def to_pandas(self) -> pd.DataFrame:
        """One row a valid time (UTC): ``sst``, then ``lower_80`` and ``upper_80`` for each level, in °C."""
        columns = {"sst": self.sst}
        for interval in self.intervals:
            columns[f"lower_{interval.level}"] = interval.lower
            columns[f"upper_{interval.level}"] = interval.upper
        return pd.DataFrame(columns, index=pd.DatetimeIndex(self.times, name="time").tz_localize("UTC"))


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
