"""Events to forecast: temperatures beyond a threshold, marine heatwaves and cold spells, and heat stress on corals."""

from dataclasses import dataclass
from typing import Literal

from forecasting.events.baseline import Kind

Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Percentile:
    """A threshold that follows the day of the year.

    Attributes:
        percent: of the values around each day of the year, from 1 to 99.
    """

    percent: float


@dataclass(frozen=True, slots=True)
class ThresholdEvent:
    """SST beyond a threshold for some consecutive steps.

    Attributes:
        name: of the event.
        side: of the threshold.
        threshold: °C, or a percentile of the day of the year.
        duration: number of consecutive steps beyond the threshold.
        within: number of leads considered; the whole horizon if None.
    """

    name: str
    side: Side
    threshold: float | Percentile
    duration: int = 1
    within: int | None = None


@dataclass(frozen=True, slots=True)
class MarineEvent:
    """A marine heatwave or cold spell.

    Attributes:
        name: of the event.
        kind: heatwave or cold spell.
    """

    name: str
    kind: Kind = "marine_heatwave"


@dataclass(frozen=True, slots=True)
class HeatStress:
    """Degree heating weeks.

    Attributes:
        name: of the event.
        maximum_monthly_mean: °C; from the series, else from the position, if None.
    """

    name: str
    maximum_monthly_mean: float | None = None


EventDefinition = ThresholdEvent | MarineEvent | HeatStress
