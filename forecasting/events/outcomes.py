"""Forecasts of events, as probabilities."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np

from forecasting.climatology.usual import Usual
from forecasting.events.baseline import Kind, Period
from forecasting.events.detection import Category
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import Floats

MEDIAN_AND_BOUNDS: Final = (0.5, 0.1, 0.9)
"""Probabilities of the median and of the bounds of the central 80 % range."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and central 80 % range over paths, °C."""

    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class TimeSpread:
    """Median and central 80 % range of a valid time, UTC."""

    median: np.datetime64
    lower: np.datetime64
    upper: np.datetime64


@dataclass(frozen=True, slots=True)
class RunState:
    """The run of steps beyond a threshold that ends with the last observation."""

    active: bool
    since: np.datetime64 | None
    steps: int


@dataclass(frozen=True, slots=True)
class ThresholdOutcome:
    """Forecast of a :class:`~forecasting.events.definitions.ThresholdEvent`.

    A run of steps may have begun before the first lead; then its past steps count.

    Attributes:
        probability: of at least one run that is long enough by the last lead considered.
        by_lead: probability of being beyond the threshold at each lead, ``(leads,)``.
        threshold: °C at each lead, ``(leads,)``.
        onset: first time, which may be in the past, of the first run that is long enough, among paths that have one;
            None if none has.
        longest_mean: mean over paths of the longest run, in steps.
        peak: the most extreme SST within the leads considered, °C: the highest if above, the lowest if below.
        calibrated: whether the probabilities can be relied on.
        columns: the values in tables and grids, by the names in :mod:`forecasting.events.columns`.
    """

    name: str
    state: RunState
    probability: float
    by_lead: Floats
    threshold: Floats
    onset: TimeSpread | None
    longest_mean: float
    peak: Spread
    calibrated: bool
    warnings: tuple[ForecastWarning, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EventState:
    """The state of a marine heatwave or cold spell on the day of the last observation.

    Attributes:
        active: whether the last day belongs to an event. An event that ended yesterday is over, although the next days
            may still join it.
        since: first day of the event or, if the days beyond the threshold are still too few for one, of these days;
            None if the last day does not belong to either.
        days: from ``since`` to the last day; 0 without ``since``.
        category: at the peak so far; None if not active.
        intensity: SST minus climatology on the last day, °C.
    """

    active: bool
    since: np.datetime64 | None
    days: int
    category: Category | None
    intensity: float


@dataclass(frozen=True, slots=True)
class MarineOutcome:
    """Forecast of a :class:`~forecasting.events.definitions.MarineEvent`; arrays are ``(leads,)``.

    Attributes:
        probability: of being in an event.
        category_probability: of being in an event, on a day of this category; together they are ``probability``.
        onset_within: probability that a lead up to this one is in an event other than the active one.
        ends_within: probability that the active event is over at each lead; None if ``state`` has none.
        climatology: usual SST, °C.
        threshold: SST beyond which a day is extreme, °C.
        baseline: the period that these were computed from; None if they were given.
        usual: what these rest on.
        calibrated: whether the probabilities can be relied on.
        columns: the values in tables and grids, by the names in :mod:`forecasting.events.columns`.
    """

    name: str
    kind: Kind
    state: EventState
    probability: Floats
    category_probability: dict[Category, Floats]
    onset_within: Floats
    ends_within: Floats | None
    climatology: Floats
    threshold: Floats
    baseline: Period | None
    usual: Usual
    calibrated: bool
    warnings: tuple[ForecastWarning, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


AlertLevel = Literal[
    "No Stress", "Watch", "Warning", "Alert Level 1", "Alert Level 2", "Alert Level 3", "Alert Level 4", "Alert Level 5"
]


@dataclass(frozen=True, slots=True)
class HeatStressOutcome:
    """Forecast of :class:`~forecasting.events.definitions.HeatStress`: degree heating weeks, °C weeks.

    Attributes:
        maximum_monthly_mean: °C.
        usual: what the maximum monthly mean rests on.
        now: degree heating weeks on the day of the last observation.
        level: alert level on that day.
        median: degree heating weeks at each lead, ``(leads,)``, with the bounds ``lower`` and ``upper`` of their
            central 80 % range.
        level_probability: of each alert level that any path reaches, at each lead, ``(leads,)``.
        calibrated: whether the probabilities can be relied on.
        columns: the values in tables and grids, by the names in :mod:`forecasting.events.columns`.
        period: the past that the maximum monthly mean was computed from; None if it has another source.
    """

    name: str
    maximum_monthly_mean: float
    source: Literal["request", "series", "position"]
    usual: Usual
    now: float
    level: AlertLevel
    median: Floats
    lower: Floats
    upper: Floats
    level_probability: dict[AlertLevel, Floats]
    calibrated: bool
    warnings: tuple[ForecastWarning, ...] = ()
    period: Period | None = None
    columns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


EventOutcome = ThresholdOutcome | MarineOutcome | HeatStressOutcome
