"""What an event is judged by: the past of a series, and joint sample paths of its future."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Period
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats, Times
from forecasting.series.timestep import TimeStep, in_words


@dataclass(frozen=True, eq=False)
class Outlook:
    """The past and the sampled future of one series.

    Attributes:
        past: ends one step before the first lead. Steps between the last observation and the first lead have the
            forecast's median.
        times: valid times, UTC ``(leads,)``.
        paths: °C, ``(paths, leads)``; at each lead, all have the same probability.
        exceedance: returns the probability that SST exceeds a threshold at each lead, ``(leads,)``, from one threshold
            or one for each lead, °C.
        calibrated: whether the distribution and the dependence between leads can be relied on.
        baseline: that the caller gave, or the period of the past to compute it from; None for the whole past.
        coefficients: climatology of the position, ``(7,)``; None without one.
    """

    past: SstSeries
    times: Times
    paths: Floats
    exceedance: Callable[[float | Floats], Floats]
    calibrated: bool
    baseline: Baseline | Period | None = None
    coefficients: npt.NDArray[np.float32] | None = None

    def baseline_of(self, percentile: float) -> Baseline:
        """Return the baseline whose threshold is a percentile of the day of the year.

        A baseline that the caller gave has one percentile only, the 90th or the 10th.

        Raises:
            SeriesError: if the step is not a day, the past is too short, or the given baseline has another percentile.
        """
        self.require_days("percentiles of the day of the year, marine heatwaves and cold spells")
        if not isinstance(self.baseline, Baseline):
            return Baseline.fit(self.past, percentile, self.baseline)
        given = self.baseline.percentile
        if given != percentile:
            side = "above" if given > 50 else "below"
            raise SeriesError(
                f"the threshold of the baseline is {side} its climatology, so it counts as percentile {given:g}, and "
                f"this event needs percentile {percentile:g}: send a threshold for that, or a baseline with a period"
            )
        return self.baseline

    def require_days(self, what: str) -> None:
        """Refuse other steps than days.

        Raises:
            SeriesError: if the step is not a day.
        """
        if self.past.step != TimeStep(DAY):
            raise SeriesError(f"the step is {in_words(str(self.past.step))}, and {what} need daily values")
