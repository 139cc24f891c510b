"""Marine heatwaves and cold spells in a daily series, after Hobday et al. (2016, Prog. Oceanogr. 141, 227).

Categories follow Hobday et al. (2018, Oceanography 31, 162). The results are those of the authors' program
marineHeatWaves with its defaults.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import Baseline, Indices, Kind, days_from
from forecasting.series.shape import runs
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Bools, Floats, Times
from forecasting.series.timestep import TimeStep

Flags = TypeVar("Flags", np.bool_, np.uint64)

Category = Literal["Moderate", "Strong", "Severe", "Extreme"]

CATEGORIES: Final[tuple[Category, ...]] = ("Moderate", "Strong", "Severe", "Extreme")

LEAST_DAYS: Final = 5
"""Consecutive days beyond the threshold that are an event."""

LONGEST_GAP_DAYS: Final = 2
"""Days between two events that are joined."""

DAYS_AFTER: Final = LONGEST_GAP_DAYS - 1 + LEAST_DAYS
"""Days after a day that decide whether it is in an event: the rest of a gap, and an event."""

DAYS_BEFORE: Final = 2 * LEAST_DAYS - 1 + LONGEST_GAP_DAYS
"""Days before a day that decide whether it is in an event: an event, a gap, and a run that is too short."""

LEAST_DIFFERENCE: Final = 1e-6
"""°C between threshold and climatology, so that a category is defined."""


@dataclass(frozen=True)
class Event:
    """A marine heatwave or cold spell.

    Intensities are relative to the climatology: positive in heatwaves, negative in cold spells.

    Attributes:
        days: duration.
        intensity_mean: °C.
        intensity_max: °C, at the peak.
        intensity_cumulative: sum over the days, °C days.
        rate_onset: increase of the intensity's magnitude from the start to the peak, °C a day.
        rate_decline: its decrease from the peak to the end, °C a day.
        category: at the peak.
    """

    start: np.datetime64
    end: np.datetime64
    peak: np.datetime64
    days: int
    intensity_mean: float
    intensity_max: float
    intensity_cumulative: float
    rate_onset: float
    rate_decline: float
    category: Category


class Departure(NamedTuple):
    """SST relative to its baseline, positive in the direction of the events; the last axis of all arrays is time.

    Attributes:
        intensity: beyond the climatology, °C.
        excess: beyond the threshold, °C.
        unit: threshold beyond the climatology, °C.
    """

    intensity: Floats
    excess: Floats
    unit: Floats

    @classmethod
    def of(cls, sst: Floats, climatology: Floats, threshold: Floats, kind: Kind) -> "Departure":
        """Compare SST, °C, with its baseline. A missing value is given its climatological value."""
        sign = sign_of(kind)
        complete = np.where(np.isfinite(sst), sst, climatology)
        return cls(sign * (complete - climatology), sign * (complete - threshold), sign * (threshold - climatology))

    @property
    def is_extreme(self) -> Bools:
        """Whether each day is beyond the threshold."""
        extreme: Bools = self.excess > 0
        return extreme

    def categories(self, days: slice) -> Indices:
        """Return the category of each of ``days``, as its index in :data:`CATEGORIES`: at least the first."""
        multiples = 1 + self.excess[..., days] / np.maximum(self.unit[..., days], LEAST_DIFFERENCE)
        indices: Indices = np.clip(np.floor(np.nan_to_num(multiples)), 1, len(CATEGORIES)).astype(np.int64) - 1
        return indices


def steps_after(step: TimeStep) -> int:
    """Return how many steps after a forecast decide whether its last day is in an event; 0 if the step is not a day."""
    return DAYS_AFTER if step.seconds == DAY else 0


def sign_of(kind: Kind) -> float:
    """Return 1 for events above the threshold and −1 for events below it."""
    return 1.0 if kind == "marine_heatwave" else -1.0


def find_events(series: SstSeries, baseline: Baseline, kind: Kind) -> list[Event]:
    """Return the events of a daily series, in chronological order.

    An event is at least five consecutive days beyond the threshold; events up to two days apart are joined. A missing
    day is given its climatological value.
    """
    day = days_from(series.start, len(series))
    departure = Departure.of(series.values, baseline.climatology[day], baseline.threshold[day], kind)
    times = series.times.astype("datetime64[D]")
    sign = sign_of(kind)
    return [_event(departure, times, first, last, sign) for first, last in event_days(departure.is_extreme)]


def event_days(extreme: Bools) -> list[tuple[int, int]]:
    """Return the first and last day of each event, from whether each day is beyond the threshold ``(n,)``."""
    return [(begin, end - 1) for begin, end in runs(days_in_events(extreme)).tolist()]


def days_in_events(extreme: npt.NDArray[Flags]) -> npt.NDArray[Flags]:
    """Return whether each day is in an event, from whether it is beyond the threshold, both ``(..., n)``.

    Of words, each bit is a series.
    """
    inside = np.zeros_like(extreme)
    whole = extreme.shape[-1] - LEAST_DAYS + 1
    if whole < 1:
        return inside
    starts = extreme[..., :whole].copy()
    for i in range(1, LEAST_DAYS):
        starts &= extreme[..., i : i + whole]
    for i in range(LEAST_DAYS):
        inside[..., i : i + whole] |= starts
    joined = inside.copy()
    for gap in range(1, LONGEST_GAP_DAYS + 1):
        ends = inside[..., : -gap - 1] & inside[..., gap + 1 :]
        for i in range(1, gap + 1):
            joined[..., i : i + ends.shape[-1]] |= ends
    return joined


def _event(departure: Departure, times: Times, first: int, last: int, sign: float) -> Event:
    during = departure.intensity[first : last + 1]
    peak = first + int(np.nanargmax(during))
    onset, decline = _rates(departure.intensity, first, peak, last)
    return Event(
        start=times[first],
        end=times[last],
        peak=times[peak],
        days=last - first + 1,
        intensity_mean=sign * float(np.nanmean(during)),
        intensity_max=sign * float(departure.intensity[peak]),
        intensity_cumulative=sign * float(np.nansum(during)),
        rate_onset=onset,
        rate_decline=decline,
        category=CATEGORIES[departure.categories(slice(peak, peak + 1))[0]],
    )


def _rates(intensity: Floats, first: int, peak: int, last: int) -> tuple[float, float]:
    """Return the rates of onset and decline.

    The event begins and ends half-way between its days and those outside. At an end of the series it begins or ends on
    a day.
    """
    if first > 0 and np.isfinite(intensity[first - 1]):
        before, rise = (intensity[first] + intensity[first - 1]) / 2, peak - first + 0.5
    else:
        before, rise = intensity[first], max(peak - first, 1)
    if last < len(intensity) - 1 and np.isfinite(intensity[last + 1]):
        after, fall = (intensity[last] + intensity[last + 1]) / 2, last - peak + 0.5
    else:
        after, fall = intensity[last], max(last - peak, 1)
    return float((intensity[peak] - before) / rise), float((intensity[peak] - after) / fall)


def run_lengths(beyond: Bools, before: int | Indices = 0) -> Indices:
    """Return how many steps up to each are beyond a threshold without a break, ``(…, n)``.

    Args:
        beyond: whether each step is, ``(…, n)``.
        before: how many steps before the first are.
    """
    steps = np.arange(1, beyond.shape[-1] + 1)
    lengths: Indices = steps - np.maximum.accumulate(np.where(beyond, -before, steps), axis=-1)
    return lengths


class States(NamedTuple):
    """The state of an event at each of the last steps, as it was known then: from the values up to that step only.

    Attributes:
        active: whether the step belongs to the event, ``(…, last)``.
        steps: from the first step of the event, or of a run that is still too short for one, to the step; 0 if the
            step belongs to neither, ``(…, last)``.
        category: of a marine event at its peak so far, as its index in :data:`CATEGORIES`; −1 if there is none.
    """

    active: Bools
    steps: Indices
    category: Indices


def threshold_states(beyond: Bools, duration: int, last: int = 1) -> States:
    """Return the states of a run of ``duration`` steps beyond a threshold, from whether each is ``(…, n)``."""
    steps = run_lengths(beyond)[..., -last:]
    return States(steps >= duration, steps, np.full(steps.shape, -1))


def marine_states(departure: Departure, last: int = 1) -> States:
    """Return the states of a marine heatwave or cold spell, from the departure ``(…, n)``.

    An event that ended the day before is over, although the next days may still join it.
    """
    extreme = departure.is_extreme
    alone, joined = run_lengths(extreme)[..., -last:], run_lengths(days_in_events(extreme))[..., -last:]
    active = alone >= LEAST_DAYS
    steps = np.where(active, joined, alone)
    category = np.full(active.shape, -1)
    intensity = np.where(np.isfinite(departure.intensity), departure.intensity, -np.inf)
    index = np.arange(extreme.shape[-1])
    for i in np.flatnonzero(active.reshape(-1, active.shape[-1]).any(axis=0)).tolist():
        day = len(index) - active.shape[-1] + i
        during = (index <= day) & (index > day - steps[..., i, None])
        peak = np.where(during, intensity, -np.inf).argmax(axis=-1)[..., None]
        at_peak = Departure(*(np.take_along_axis(part, peak, axis=-1) for part in departure))
        category[..., i] = np.where(active[..., i], at_peak.categories(slice(0, 1))[..., 0], -1)
    return States(active, steps, category)
