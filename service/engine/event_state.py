"""The state of an event at the end of a series, in the words of people and of stations."""

from typing import Any, Final, Literal, NamedTuple, Self

from forecasting.events.detection import Category
from forecasting.events.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS
from forecasting.events.outcomes import AlertLevel

EventCategory = Category | AlertLevel

HEAT_STRESS: Final = "degree_heating_weeks"

Json = dict[str, Any]


class EventStatus(NamedTuple):
    """The state of an event at the end of a series, or at a step before."""

    active: bool | None
    since: str | None = None
    category: EventCategory | None = None
    probability: float | None = None
    error: str | None = None

    @property
    def word(self) -> Literal["active", "inactive", "unknown"]:
        """The state as responses have it."""
        return "unknown" if self.active is None else "active" if self.active else "inactive"

    @classmethod
    def of(cls, event: Json) -> Self:
        """Return the state that the forecast of an event begins with."""
        if "error" in event:
            return cls(None, error=event["error"])
        if event["kind"] == HEAT_STRESS:
            level = LEVELS.index(event["alert"])
            return cls(
                active=level >= FIRST_ACTIVE_LEVEL,
                category=event["alert"],
                probability=_probability_above(level, event["alert_probability"]),
            )
        state = event["state"]
        active: bool = state["active"]
        since = state["since"] if active else None
        if event["kind"] == "threshold":
            return cls(active, since, probability=event["probability"])
        ahead = event["probability"][:1] if active else event["onset_within"][-1:]
        return cls(active, since, state["category"], ahead[0])


def _probability_above(level: int, by_level: dict[str, list[float]]) -> float:
    """Return the highest probability, at any step ahead, of a level above this one."""
    higher = [by_level[name] for name in LEVELS[level + 1 :] if name in by_level]
    return round(min(1.0, max(map(sum, zip(*higher, strict=True)), default=0.0)), 4)
