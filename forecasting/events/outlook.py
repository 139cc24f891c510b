"""The past of a series and joint sample paths of its future, by which events are evaluated."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.usual import Agreement, agreement_of
from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Period, Position, require_days
from forecasting.events.paths import Coupling, middles
from forecasting.events.probability import Words, packed, paths_at_least
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep
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

    @property
    def futures(self) -> "Futures":
        """The past and the paths as those of a batch of one."""
        steps = self.unobserved + len(self.times)
        values = self.paths.T[None]
        ends = values[:, :steps].min(axis=2), values[:, :steps].max(axis=2)
        past, n = self.past, len(self.paths)
        return Futures(
            past.values[None], past.start, past.step, len(self.times), self.unobserved, n, ends, lambda _: values
        )


Rows = npt.NDArray[np.intp]
Arrays = dict[str, npt.NDArray[Any]]
"""Values by the name of what they are, ``(n,)`` or ``(n, horizon)``."""

_AT_ONCE: Final = 256
"""Series whose paths are held at once."""


@dataclass(frozen=True, eq=False)
class Futures:
    """The past and the sampled future of many series, such as the cells of a grid, observed to the same time.

    Attributes:
        past: °C, ``(n, days)``; NaN where missing.
        start: the first time of ``past``.
        step: of all series.
        horizon: number of leads.
        unobserved: number of steps between ``past`` and the first lead.
        paths: number of sample paths.
        ends: the lowest and the highest value of all paths until the last lead, °C ``(n, unobserved + horizon)`` each.
        values: returns those of the paths of some series, °C ``(series, steps, paths)``.
        coupling: which values share a path, if they are ascending on each day; None if they are in the order of the
            paths.
    """

    past: Floats
    start: np.datetime64
    step: TimeStep
    horizon: int
    unobserved: int
    paths: int
    ends: tuple[Floats, Floats]
    values: Callable[[Rows], Floats]
    coupling: Coupling | None = None

    @classmethod
    def coupled(
        cls,
        past: Floats,
        start: np.datetime64,
        step: TimeStep,
        horizon: int,
        unobserved: int,
        paths: int,
        quantiles: "Callable[[Rows | slice, tuple[float, ...]], Floats]",
        coupling: Coupling,
    ) -> "Futures":
        """Return the futures of forecasts whose quantiles of some series ``quantiles`` returns at probabilities."""
        middle = middles(paths)
        both = quantiles(slice(None), (middle[0], middle[-1]))[:, : unobserved + horizon]
        ends = both[..., 0], both[..., 1]
        return cls(past, start, step, horizon, unobserved, paths, ends, lambda rows: quantiles(rows, middle), coupling)

    def some(self, rows: Rows) -> "Futures":
        """Return some of the series."""
        if len(rows) == len(self.past):
            return self
        low, high = self.ends
        ends = low[rows], high[rows]
        return replace(self, past=self.past[rows], ends=ends, values=lambda some: self.values(rows[some]))

    @property
    def steps(self) -> int:
        """Number of steps from the past to the last lead."""
        return self.unobserved + self.horizon

    def parts(self, which: npt.ArrayLike) -> list[Rows]:
        """Return the rows of the series to sample, ``which`` ``(n,)``, as many as are held at once."""
        rows = np.flatnonzero(which)
        return [rows[begin : begin + _AT_ONCE] for begin in range(0, len(rows), _AT_ONCE)]

    def sets(self, flags: Bools, *, highest: bool) -> Words:
        """Return the paths whose values have a flag ``(…, steps, paths)``: the highest or the lowest of each day."""
        if self.coupling is None:
            return packed(flags)
        at_least, days, count = (
            paths_at_least(self.coupling, self.paths),
            np.arange(flags.shape[-2]),
            flags.sum(axis=-1),
        )
        words: Words = at_least[self.paths - count, days] if highest else at_least[0, 0] & ~at_least[count, days]
        return words

    def by_path(self, values: Floats) -> Floats:
        """Return values of the first steps, ``(series, steps, paths)``, in the order of the paths."""
        if self.coupling is None:
            return values
        ranks = self.coupling.ranks(self.paths)[:, : values.shape[1]]
        return np.take_along_axis(values, ranks.T[None], axis=2)


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
