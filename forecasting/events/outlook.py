"""What an event is judged by: the past of a series, and joint sample paths of its future."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import Baseline
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times


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
        baseline: that the caller gave; None if it has to come from the past.
        coefficients: climatology of the position, ``(7,)``; None without one.
    """

    past: SstSeries
    times: Times
    paths: Floats
    exceedance: Callable[[float | Floats], Floats]
    calibrated: bool
    baseline: Baseline | None = None
    coefficients: npt.NDArray[np.float32] | None = None
