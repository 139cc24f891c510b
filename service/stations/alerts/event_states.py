"""The state of an event at a station, and which of its changes raise an alert."""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, Self

from forecasting.events.detection import Category
from forecasting.events.kinds.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS
from forecasting.events.outcomes import AlertLevel

Json = dict[str, Any]
"""The forecast of an event, as :func:`service.engine.events.event_json.outcome_json` writes it."""

EventCategory = Category | AlertLevel

AlertKind = Literal["began", "category_changed", "ended", "expected"]

_HEAT_STRESS: Final = "degree_heating_weeks"
_REARMED_BELOW: Final = 0.5
"""Share of ``alert_at`` that the probability has to fall below before an event is expected again."""


@dataclass(frozen=True, slots=True)
class EventState:
    """The state of an event at the end of a station's readings.

    Attributes:
        active: whether it is on: for degree heating weeks, from the level ``Warning`` on. None if it is not known.
        since: first day or time of the event; None if it is not active, or for degree heating weeks.
        category: of a marine heatwave or cold spell, None if it is not active; the level of degree heating weeks.
        probability: that the event occurs at one of the steps ahead; if it is active, that it continues. For degree
            heating weeks, that some step ahead reaches a higher level.
        error: why it is not known.
    """

    active: bool | None
    since: str | None = None
    category: EventCategory | None = None
    probability: float | None = None
    error: str | None = None

    @classmethod
    def of(cls, event: Json) -> Self:
        """Return the state that the forecast of an event begins with."""
        if "error" in event:
            return cls(None, error=event["error"])
        if event["kind"] == _HEAT_STRESS:
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


class Announced(NamedTuple):
    """The last announcement of an event.

    Attributes:
        active: whether it is on.
        category: of it, if it is on.
        expected: whether it was announced as likely since it was last on or unlikely.
    """

    active: bool = False
    category: EventCategory | None = None
    expected: bool = False


class Change(NamedTuple):
    """The announcement to make of an event now.

    Attributes:
        kind: what happened; None for nothing.
        announced: what is known to all afterwards.
    """

    kind: AlertKind | None
    announced: Announced


def change_of(before: Announced, state: EventState, alert_at: float) -> Change:
    """Return what to announce of an event that was last announced as ``before``.

    An event is said to be expected once its probability reaches ``alert_at``, and again only after it was on, or its
    probability was less than half of that. An active event is not expected; only a higher level of heat stress is.
    """
    if state.active is None or state.probability is None:
        return Change(None, before)
    if state.active != before.active:
        return Change("began" if state.active else "ended", _announced(state))
    if state.active and state.category != before.category:
        return Change("category_changed", _announced(state))
    may_rise = not state.active or state.category in LEVELS
    if may_rise and not before.expected and state.probability >= alert_at:
        return Change("expected", before._replace(expected=True))
    unlikely = state.probability < alert_at * _REARMED_BELOW
    return Change(None, before._replace(expected=before.expected and not unlikely))


def to_json(state: EventState, announced: Announced) -> Json:
    """Return a state and what was announced of it as they are stored."""
    return {"state": asdict(state), "announced": announced._asdict()}


def from_json(stored: Json) -> tuple[EventState, Announced]:
    """Return what :func:`to_json` wrote."""
    return EventState(**stored["state"]), Announced(**stored["announced"])


def _announced(state: EventState) -> Announced:
    return Announced(bool(state.active), state.category if state.active else None)


def _probability_above(level: int, by_level: dict[str, list[float]]) -> float:
    """Return the highest probability, at any step ahead, of a level above this one."""
    higher = [by_level[name] for name in LEVELS[level + 1 :] if name in by_level]
    return round(min(1.0, max(map(sum, zip(*higher, strict=True)), default=0.0)), 4)
