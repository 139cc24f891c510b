"""The states of events, and the alerts that a change of one raises."""

from collections.abc import Sequence
from typing import Any

import pytest

from forecasting.events.outcomes import AlertLevel
from service.engine.event_state import EventStatus
from service.plugins.stations.alerts import Judgement, put_watching_station, raise_alerts
from service.plugins.stations.event_changes import Change, History, Step, Told, changes_of
from service.plugins.stations.store.alerts import deliveries_of, get_alerts, get_states
from service.plugins.stations.store.database import Database
from service.plugins.stations.store.stations import StationSettings, get_station, put_station

DAY = 86_400
ACTIVE = EventStatus(True, "2026-07-01", "Moderate", 0.9)
STRONG = EventStatus(True, "2026-07-01", "Strong", 0.9)
UNKNOWN = EventStatus(None, error="the series has 3 years")


def quiet(probability: float) -> EventStatus:
    """Return the state of an event that is not on."""
    return EventStatus(False, probability=probability)


def heat(level: AlertLevel, probability: float = 0) -> EventStatus:
    """Return the state of degree heating weeks."""
    return EventStatus(level not in ("No Stress", "Watch"), category=level, probability=probability)


def steps_of(states: Sequence[EventStatus]) -> list[Step]:
    """Return days with these states, without those that are not known."""
    return [Step(i * DAY, 15.0, state) for i, state in enumerate(states) if state.active is not None]


def alerts(states: Sequence[EventStatus], alert_at: float = 0.5) -> list[str | None]:
    """Return what is told as a new event goes through these states day by day."""
    told, kinds = Told(), list[str | None]()
    for i in range(len(states)):
        changes: Sequence[Change] = ()
        if states[i].active is not None:
            changes, told = changes_of(Told.read(told._asdict()), steps_of(states[: i + 1]), -DAY, alert_at)
        kinds.append(changes[0].kind if changes else None)
        assert len(changes) < 2
    return kinds


def told_at_once(told: Told, marks: str, begin: int = 0) -> tuple[list[str], Told]:
    """Return what is told of days that arrive at once: ``+`` is an active one, ``.`` another, and a space none."""
    states = {"+": ACTIVE, "*": STRONG, ".": quiet(0), " ": UNKNOWN}
    changes, told = changes_of(told, steps_of([states[mark] for mark in marks]), begin * DAY, 0.5)
    return [f"{change.kind} {change.step.time // DAY}" for change in changes], told


@pytest.mark.parametrize(
    ("before", "then", "begin", "told"),
    [
        ("", "..+++..", 0, ["began 2", "ended 5"]),
        ("", ".+.+*", 0, ["began 1", "ended 2", "began 3", "category_changed 4"]),
        ("", "..+++..+", 6, ["began 7"]),
        ("", "..+++..", 4, ["ended 5"]),
        ("", "..+++.." + "." * 9, 10, []),
        ("", "..++++++", 5, ["began 7"]),
        ("..+", "..+++..", 0, ["ended 5"]),
        ("..+", "..+++..+", 0, ["ended 5", "began 7"]),
        ("..+", "..+*..", 0, ["category_changed 3", "ended 4"]),
        ("..+..", "..++....", 0, []),
        (".. ..", "..+..", 0, ["began 2", "ended 3"]),
        (".. +.", "..++.", 0, []),
        ("..+..", "..+++", 0, ["began 3"]),
        ("..+.", "..+", 0, ["began 2"]),
        ("..+", "...", 0, ["ended 2"]),
        ("..+", ".." + " " * 9 + ".", 10, ["ended 11"]),
        ("..+", ".." + " " * 3 + "..", 10, []),
    ],
    ids=[
        "a backlog that hides an event",
        "two events in a backlog",
        "the first event is old",
        "an old beginning and a recent end",
        "history",
        "one that goes on and began long ago",
        "the end of one that was told",
        "the end of one that was told, and another one",
        "a category in a backlog",
        "a longer event that is over was told",
        "a gap that is filled",
        "a gap that is filled before one that was told",
        "an end that was corrected",
        "an end that was taken back",
        "a beginning that was corrected",
        "an end after a long silence",
        "nothing is recent",
    ],
)
def test_readings_that_arrive_at_once_tell_each_change_that_is_recent(
    before: str, then: str, begin: int, told: list[str]
) -> None:
    known = Told()
    for end in range(1, len(before) + 1):
        if before[end - 1] != " ":
            _, known = told_at_once(known, before[:end], begin=-1)
    kinds, known = told_at_once(known, then, begin)
    assert kinds == told
    assert told_at_once(Told.read(known._asdict()), then, begin) == ([], known)


def test_corrections_of_its_first_step_end_an_event_and_begin_it_again() -> None:
    known, told = Told(), list[str]()
    for days in ("..+", "...", "..+", "...", "..+", "..++."):
        kinds, known = told_at_once(known, days)
        told += kinds
    assert told == ["began 2", "ended 2", "began 2", "ended 2", "began 2", "ended 4"]
    assert told_at_once(known, "..++.") == ([], known)


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
def test_each_change_of_an_event_is_told_once(states: list[EventStatus], kinds: list[str | None]) -> None:
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
            EventStatus(True, "2026-07-01T00:00:00Z", None, 0.7),
        ),
        (
            {
                "kind": "threshold",
                "state": {"active": False, "since": "2026-07-01T00:00:00Z", "steps": 1},
                "probability": 0.2,
            },
            EventStatus(False, None, None, 0.2),
        ),
        (
            {
                "kind": "marine_heatwave",
                "state": {"active": False, "since": None, "category": None},
                "probability": [0.1, 0.3],
                "onset_within": [0.1, 0.35],
            },
            EventStatus(False, None, None, 0.35),
        ),
        (
            {
                "kind": "marine_cold_spell",
                "state": {"active": True, "since": "2026-01-01", "category": "Severe"},
                "probability": [0.8, 0.3],
                "onset_within": [0.0, 0.05],
            },
            EventStatus(True, "2026-01-01", "Severe", 0.8),
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
            EventStatus(True, None, "Warning", 0.5),
        ),
        ({"error": "the series has 3 years"}, UNKNOWN),
    ],
    ids=["run", "short run", "no heatwave", "cold spell", "heat stress", "error"],
)
def test_the_state_of_each_kind_of_event_comes_from_its_forecast(event: dict[str, Any], state: EventStatus) -> None:
    assert EventStatus.of({"name": "event", **event}) == state


WARM: dict[str, Any] = {"kind": "threshold", "name": "warm", "above": 20.0, "for": 1, "alert_at": 0.5}
COLD: dict[str, Any] = {"kind": "threshold", "name": "cold", "below": 5.0, "for": 1, "alert_at": 0.5}
HOOKS: list[dict[str, Any]] = [
    {"url": "https://all.example", "secret": "s" * 16, "events": None},
    {"url": "https://cold.example", "secret": "s" * 16, "events": ["cold"]},
]


def put(database: Database, events: list[dict[str, Any]]) -> int:
    """Create a station, or give it other events, and return its number."""
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day", events=events, webhooks=HOOKS), 1)
        return get_station(connection, "pier").number


def judgement(station: int, batch: int, *active: bool, days_old: int = 0, **fields: Any) -> Judgement:
    """Return what a batch of readings says: each event is active at its end or not."""
    arrived = (100 + batch) * DAY
    histories = []
    for is_active in active:
        state = EventStatus(is_active, "2026-07-01T00:00:00Z" if is_active else None, probability=0.1)
        histories.append(History([Step(arrived - DAY - days_old * DAY, 15.0, state)], state))
    return Judgement(station, batch, arrived, "celsius", (WARM, COLD)[: len(active)], histories)._replace(**fields)


def issue(database: Database, judged: Judgement) -> list[str]:
    """Raise the alerts of a batch, and return all alerts so far, oldest first."""
    with database.writing() as connection:
        raise_alerts(connection, [judged])
    with database.reading() as connection:
        return [f"{alert.event} {alert.kind}" for alert in get_alerts(connection, judged.station, limit=10)][::-1]


def test_webhooks_are_told_of_the_events_that_they_ask_for(database: Database) -> None:
    station = put(database, [WARM, COLD])
    assert issue(database, judgement(station, 1, True, True)) == ["warm began", "cold began"]
    with database.reading() as connection:
        alerts = get_alerts(connection, station, limit=10)
        deliveries = deliveries_of(connection, [alert.number for alert in alerts])
    urls = {alert.event: [delivery.url for delivery in deliveries[alert.number]] for alert in alerts}
    assert urls == {"warm": ["https://all.example"], "cold": ["https://all.example", "https://cold.example"]}


def test_a_page_goes_on_after_the_last_alert_of_the_one_before(database: Database) -> None:
    station = put(database, [WARM, COLD])
    issue(database, judgement(station, 1, True, False))
    issue(database, judgement(station, 2, False, True))
    with database.reading() as connection:
        newest, *others = get_alerts(connection, station, 0, 200 * DAY, limit=10)
        assert len(others) == 2
        assert get_alerts(connection, station, 0, 200 * DAY, after=(newest.raised, newest.number), limit=10) == others
        assert get_alerts(connection, station, 0, 101 * DAY, limit=10) == others[-1:]
        after = others[0].raised, others[0].number
        assert get_alerts(connection, station, 0, 200 * DAY, after=after, limit=1) == others[1:]


@pytest.mark.parametrize("batch", [1, 2], ids=["an earlier batch", "the same batch"])
def test_a_forecast_that_comes_after_that_of_later_readings_tells_nothing(database: Database, batch: int) -> None:
    station = put(database, [WARM])
    assert issue(database, judgement(station, 2, True)) == ["warm began"]
    assert issue(database, judgement(station, batch, False)) == ["warm began"]
    with database.reading() as connection:
        assert get_states(connection, [station])[station]["warm"]["state"]["active"]


def test_an_event_that_was_changed_while_it_was_judged_tells_nothing(database: Database) -> None:
    station = put(database, [{**WARM, "above": 22.0}])
    assert issue(database, judgement(station, 1, True)) == []
    put(database, [{**WARM, "alert_at": 0.05}])
    assert issue(database, judgement(station, 2, False)) == ["warm expected"]


def test_old_readings_change_the_state_and_tell_nothing(database: Database) -> None:
    station = put(database, [WARM])
    assert issue(database, judgement(station, 1, True, days_old=9)) == []
    with database.reading() as connection:
        assert get_states(connection, [station])[station]["warm"]["state"]["active"]
    assert issue(database, judgement(station, 2, True)) == ["warm began"]


def test_an_alert_that_waits_is_stored_once_and_sent_once(database: Database) -> None:
    station = put(database, [WARM])

    def alerts(batch: int, *, active: bool, doubted: bool) -> list[tuple[str, str, int]]:
        judged = judgement(station, batch, active)
        if doubted:
            judged = judged._replace(doubt="a doubt", doubted=judgement(station, batch, True).histories)
        with database.writing() as connection:
            raise_alerts(connection, [judged])
            found = get_alerts(connection, station, limit=10)
            sent = deliveries_of(connection, [alert.number for alert in found])
        return [(alert.kind, alert.content["status"], len(sent.get(alert.number, ()))) for alert in found]

    for batch in (1, 1, 2):
        assert alerts(batch, active=False, doubted=True) == [("began", "held", 0)]
    for batch in (3, 3, 4):
        assert alerts(batch, active=True, doubted=False) == [("began", "raised", 1)]
    assert alerts(5, active=True, doubted=True) == [("began", "raised", 1)]


def test_an_alert_that_waits_is_dropped_if_its_event_is_removed(database: Database) -> None:
    station = put(database, [WARM])
    with database.writing() as connection:
        doubted = judgement(station, 1, True).histories
        raise_alerts(connection, [judgement(station, 1, False, doubt="a doubt", doubted=doubted)])
        put_watching_station(connection, "pier", StationSettings("day"), [], 2)
        (alert,) = get_alerts(connection, station, limit=10)
    assert (alert.content["status"], alert.content["reason"]) == ("dropped", "the event of the station was changed")
