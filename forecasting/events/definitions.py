"""Events to forecast: temperatures beyond a threshold, marine heatwaves and cold spells, and heat stress on corals."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from forecasting.errors import RequestError
from forecasting.events.baseline import PERCENTILES, Kind

Side = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Percentile:
    """A threshold that follows the day of the year: ``percent``, 1 to 99, of the values around each day."""

    percent: float

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= 99:
            raise RequestError(f"a percentile must be from 1 to 99, not {self.percent:g}", field="events")


@dataclass(frozen=True, slots=True)
class ThresholdEvent:
    """SST beyond a threshold for some consecutive steps.

    Attributes:
        threshold: °C, or a percentile of the day of the year.
        duration: number of consecutive steps beyond the threshold.
        within: number of leads considered; the whole horizon if None.
    """

    name: str
    side: Side
    threshold: float | Percentile
    duration: int = 1
    within: int | None = None

    def __post_init__(self) -> None:
        for count, meaning in ((self.duration, "consecutive steps"), (self.within, "leads considered")):
            if count is not None and count < 1:
                raise RequestError(
                    f"event {self.name!r}: the number of {meaning} must be at least 1, not {count}", field="events"
                )
        if not isinstance(self.threshold, Percentile) and not isfinite(self.threshold):
            raise RequestError(f"event {self.name!r}: the threshold must be a finite number", field="events")


@dataclass(frozen=True, slots=True)
class MarineEvent:
    """A marine heatwave or cold spell."""

    name: str
    kind: Kind = "marine_heatwave"


@dataclass(frozen=True, slots=True)
class HeatStress:
    """Degree heating weeks, above a maximum monthly mean in °C; from the series, else from the position, if None."""

    name: str
    maximum_monthly_mean: float | None = None

    def __post_init__(self) -> None:
        if self.maximum_monthly_mean is not None and not isfinite(self.maximum_monthly_mean):
            raise RequestError(f"event {self.name!r}: the maximum monthly mean must be a finite number", field="events")


EventDefinition = ThresholdEvent | MarineEvent | HeatStress


def percentile_of(definition: EventDefinition) -> float | None:
    """Return the percentile of the day of the year that an event depends on; None if it does not."""
    if isinstance(definition, ThresholdEvent):
        return definition.threshold.percent if isinstance(definition.threshold, Percentile) else None
    return PERCENTILES[definition.kind] if isinstance(definition, MarineEvent) else None
