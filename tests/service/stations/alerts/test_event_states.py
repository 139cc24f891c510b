from collections.abc import Sequence
from typing import Any

import pytest

from forecasting.events.outcomes import AlertLevel
from service.stations.alerts.event_states import Announced, EventState, change_of, from_json, to_json

ACTIVE = EventState(True, "2026-07-01", "Moderate", 0.9)
STRONG = EventState(True, "2026-07-01", "Strong", 0.9)
UNKNOWN = EventState(None, error="the series has 3 years")


def quiet(probability: float) -> EventState:
    """Return the state of an event that is not on."""
    return EventState(False, probability=probability)


def heat(level: AlertLevel, probability: float = 0) -> EventState:
    """Return the state of degree heating weeks."""
    return EventState(level not in ("No Stress", "Watch"), category=level, probability=probability)


def alerts(states: Sequence[EventState], alert_at: float = 0.5) -> list[str | None]:
    """Return what is told as a new event goes through these states."""
    announced, kinds = Announced(), []
    for state in states:
        # As it is stored between two forecasts.
        kind, announced = change_of(from_json(to_json(state, announced))[1], state, alert_at)
        kinds.append(kind)
    return [*kinds]


@pytest.mark.parametrize(
    ("states", "kinds"),
    [
        ([quiet(0), ACTIVE, ACTIVE, quiet(0)], [None, "began", None, "ended"]),
        ([ACTIVE, STRONG, ACTIVE], ["began", "category_changed", "category_changed"]),
        ([ACTIVE, UNKNOWN, ACTIVE, UNKNOWN, quiet(0)], ["began", None, None, None, "ended"]),
        ([quiet(0.4), quiet(0.5), quiet(0.6), quiet(0.25), quiet(0.5)], [None, "expected", None, None, None]),
        ([quiet(0.5), quiet(0.24), quiet(0.5)], ["expected", None, "expected"]),
        ([quiet(0.5), ACTIVE, quiet(0.5), quiet(0.5)], ["expected", "began", "ended", "expected"]),
        ([heat("No Stress"), heat("Watch"), heat("No Stress")], [None, None, None]),
        (
            [heat("Watch", 0.5), heat("Warning", 0.1), heat("Warning", 0.5), heat("Alert Level 1"), heat("Watch")],
            ["expected", "began", "expected", "category_changed", "ended"],
        ),
    ],
    ids=[
        "begins and ends once",
        "changes its category",
        "is not known at times",
        "stays likely",
        "was unlikely before it is likely again",
        "was on before it is likely again",
        "is below heat stress",
        "rises from level to level",
    ],
)
def test_each_change_of_an_event_is_told_once(states: list[EventState], kinds: list[str | None]) -> None:
    assert alerts(states) == kinds


def test_an_event_is_expected_from_the_probability_that_the_station_asks_for() -> None:
    assert alerts([quiet(0.5), quiet(0.9)], alert_at=0.9) == [None, "expected"]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (
            {
                "kind": "threshold",
                "state": {"active": True, "since": "2026-07-01T00:00:00Z", "steps": 5},
                "probability": 0.7,
            },
            EventState(True, "2026-07-01T00:00:00Z", None, 0.7),
        ),
        (
            {
                "kind": "threshold",
                "state": {"active": False, "since": "2026-07-01T00:00:00Z", "steps": 1},
                "probability": 0.2,
            },
            EventState(False, None, None, 0.2),
        ),
        (
            {
                "kind": "marine_heatwave",
                "state": {"active": False, "since": None, "category": None},
                "probability": [0.1, 0.3],
                "onset_within": [0.1, 0.35],
            },
            EventState(False, None, None, 0.35),
        ),
        (
            {
                "kind": "marine_cold_spell",
                "state": {"active": True, "since": "2026-01-01", "category": "Severe"},
                "probability": [0.8, 0.3],
                "onset_within": [0.0, 0.05],
            },
            EventState(True, "2026-01-01", "Severe", 0.8),
        ),
        (
            {
                "kind": "degree_heating_weeks",
                "alert": "Warning",
                "alert_probability": {
                    "Watch": [0.5, 0.1],
                    "Warning": [0.4, 0.4],
                    "Alert Level 1": [0.1, 0.3],
                    "Alert Level 2": [0.0, 0.2],
                },
            },
            EventState(True, None, "Warning", 0.5),
        ),
        ({"error": "the series has 3 years"}, UNKNOWN),
    ],
    ids=["run", "short run", "no heatwave", "cold spell", "heat stress", "error"],
)
def test_the_state_of_each_kind_of_event_comes_from_its_forecast(event: dict[str, Any], state: EventState) -> None:
    assert EventState.of({"name": "event", **event}) == state
