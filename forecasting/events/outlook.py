"""The past of a series and joint sample paths of its future, by which events are evaluated."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Agreement, agreement_of
from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Period, Position, require_days
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.wording import in_degrees

GivenBaseline = Baseline | Period | Position | None
"""The baseline that events are to have, or what to compute it from; None for the whole past."""


@dataclass(frozen=True, eq=False)
class EventPast:
    """The past of one series, and what is usual there: all that the state of an event at its end depends on.

    Attributes:
        past: ends with the last observation.
        baseline: that the caller gave, the period of the past to compute it from, or the position whose climatology it
            is; None for the whole past.
        coefficients: climatology of the position, ``(7,)``; None without one.
    """

    past: SstSeries
    baseline: GivenBaseline = None
    coefficients: npt.NDArray[np.float32] | None = None

    def baseline_of(self, percentile: float) -> Baseline:
        """Return the baseline whose threshold is a percentile of the day of the year; each is computed once.

        A baseline that the caller gave has one percentile only, the 90th or the 10th.
        """
        if percentile not in self._fitted:
            self._fitted[percentile] = baseline_for(self.past, self.baseline, percentile)
        return self._fitted[percentile]

    @cached_property
    def _fitted(self) -> dict[float, Baseline]:
        """Baselines of the past, by percentile."""
        return {}


@dataclass(frozen=True, eq=False, kw_only=True)
class Outlook(EventPast):
    """The past and the sampled future of one series.

    Attributes:
        times: valid times, UTC ``(leads,)``. Steps between ``past`` and the first of them were not observed.
        paths: °C, ``(paths, unobserved steps + leads + later steps)``; at each step, all have the same probability.
        exceedance: returns the probability that SST exceeds a threshold at each lead, ``(leads,)``, from one threshold
            or one for each lead, °C.
        calibrated: whether the distribution and the dependence between leads can be relied on.
        unobserved: number of steps between ``past`` and the first lead.
    """

    times: Times
    paths: Floats
    exceedance: Callable[[float | Floats], Floats]
    calibrated: bool
    unobserved: int = 0

    @property
    def ahead(self) -> Floats:
        """The paths from the first step after the past to the last lead, °C ``(paths, unobserved steps + leads)``."""
        return self.paths[:, : self.unobserved + len(self.times)]


def baseline_for(past: SstSeries, given: GivenBaseline, percentile: float) -> Baseline:
    """Return the baseline of a series whose threshold is a percentile of the day of the year."""
    require_days(past.step, "marine heatwaves, cold spells and percentiles of the day of the year")
    if isinstance(given, Baseline):
        return _checked(given, percentile)
    if isinstance(given, Position):
        return _agreeing(past, Baseline.of_position(given, percentile), given)
    return Baseline.fit(past, percentile, given)


def _agreeing(past: SstSeries, baseline: Baseline, position: Position) -> Baseline:
    """Return the baseline of a position, if the values agree with it."""
    anomalies = past.values - baseline.at(past.times)[0]
    if agreement_of(past.values[None], anomalies[None], np.array([past.observed_years]))[0] == Agreement.AGREES:
        return baseline
    raise SeriesError(
        f"the baseline cannot be that of the position {in_degrees(*position)}, where such "
        f"values are not usual (on average {np.nanmean(anomalies):+.1f} °C): check the position and the units, or send "
        "a climatology and a threshold for each of 366 days"
    )


def _checked(baseline: Baseline, percentile: float) -> Baseline:
    if baseline.percentile == percentile:
        return baseline
    side = "above" if baseline.percentile > 50 else "below"
    raise SeriesError(
        f"the threshold of the baseline is {side} its climatology, so it counts as percentile "
        f"{baseline.percentile:g}, but this event needs percentile {percentile:g}: send a threshold for that "
        "percentile, or a baseline with a period"
    )


class JointForecast(Protocol):
    """A forecast that knows how its leads depend on each other."""

    def sample_paths(self, n: int) -> Floats:
        """Return ``n`` sample paths, °C ``(n, horizon)``."""

    def outlook(
        self,
        past: SstSeries,
        paths: int = 1000,
        baseline: GivenBaseline = None,
        coefficients: npt.NDArray[np.float32] | None = None,
    ) -> Outlook:
        """Return the past and the sample paths by which events are evaluated."""
