"""What a forecast of one series consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from forecasting.intervals import ErrorDistribution
from forecasting.timestep import Floats, Times

WarningCode = Literal["adjusted", "gap_filled", "outside_training", "no_climatology"]


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
        baselines: what the references say, °C ``(horizon,)``, by name.
        warnings: what its reader should know.
        errors: calibrated errors of the network, from which intervals and probabilities are taken.
        levels: of the intervals asked for, percent.
        thresholds: °C whose exceedance probabilities were asked for.
        calibrated: whether the window is like what the network was trained on, so that ``errors`` applies.
    """

    times: Times
    sst: Floats
    baselines: dict[str, Floats]
    warnings: tuple[ForecastWarning, ...]
    errors: ErrorDistribution
    levels: Sequence[int]
    thresholds: Sequence[float]
    calibrated: bool

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """One a level asked for."""
        widths = [(level, self.errors.half_widths(level, len(self.sst))) for level in self.levels]
        return tuple(Interval(level, self.sst - width, self.sst + width) for level, width in widths)

    @property
    def exceedance(self) -> tuple[Floats, ...]:
        """Probability that SST exceeds each threshold asked for, ``(horizon,)``, in their order."""
        return tuple(self.errors.exceedance(self.sst, threshold) for threshold in self.thresholds)

    def to_pandas(self) -> pd.DataFrame:
        """One row a valid time (UTC): ``sst``, then ``lower_80`` and ``upper_80`` for each level, in °C."""
        columns = {"sst": self.sst}
        for interval in self.intervals:
            columns[f"lower_{interval.level}"] = interval.lower
            columns[f"upper_{interval.level}"] = interval.upper
        return pd.DataFrame(columns, index=pd.DatetimeIndex(self.times, name="time").tz_localize("UTC"))
