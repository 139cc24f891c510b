"""What a forecast of one series consists of."""

from dataclasses import dataclass

import pandas as pd

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.timestep import Floats, Times


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
