"""Alerts about readings that arrive late, many at once, or before an event is there to be watched."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest

from tests.service.plugins.stations.conftest import NewStation
from tests.service.plugins.stations.test_alerts import alerts
from tests.service.requests import Json, answered

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WARM: Json = {"name": "warm", "above": 22.0, "for": 3}

Sent = Callable[..., Json]


def newest_step(step: timedelta, ago: timedelta = timedelta()) -> datetime:
    """Return the last step before some time ago."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp((datetime.now(UTC) - ago).timestamp() // seconds * seconds, UTC)


def send(service: httpx.Client, station: str, newest: datetime, values: list[float], step: timedelta) -> Json:
    """Send readings whose last is of a time."""
    times = [(newest - i * step).isoformat() for i in range(len(values))][::-1]
    body = {"timestamps": times, "values": values}
    stored: Json = answered(service.post(f"/stations/{station}/observations", json=body))
    return stored


def mild(n: int) -> list[float]:
    return [round(20 + i % 4 / 10, 1) for i in range(n)]


def told(service: httpx.Client, station: str) -> list[str]:
    """Return the alerts of the event that a station watches, oldest first, but for those that expect it."""
    listed = [each for each in alerts(service, station) if each["event"] == "warm" and each["alert"] != "expected"]
    return [each["alert"] for each in listed]


@pytest.mark.parametrize(
    ("name", "step", "late", "before"),
    [("hour", HOUR, 4 * HOUR, 60), ("day", DAY, 4 * DAY, 30)],
    ids=["hours that are four hours late", "days that are four days late"],
)
def test_readings_that_are_always_late_raise_their_alert_and_it_says_so(
    service: httpx.Client, new_station: NewStation, name: str, step: timedelta, late: timedelta, before: int
) -> None:
    station = new_station(step=name, events=[WARM])
    earliest = datetime.now(UTC).replace(microsecond=0)
    newest = newest_step(step, ago=late) - step
    warming = [20.8, 21.6, 22.4, 23.2, 24.1, 25.0]
    send(service, station, newest - len(warming) * step, mild(before), step)
    for i, value in enumerate(warming):
        stored = send(service, station, newest - (len(warming) - 1 - i) * step, [value], step)
    assert stored["warnings"] == []
    began, *others = [each for each in alerts(service, station) if each["alert"] == "began"]
    assert (others, began["late"], began["sst"]) == ([], True, 24.1)
    assert began["observed_until"] == f"{newest - step:%Y-%m-%dT%H:%M:%SZ}"
    assert began["since"] == f"{newest - 3 * step:%Y-%m-%dT%H:%M:%SZ}"
    # That step ended as the next one began.
    assert (earliest - newest).total_seconds() <= began["delay_seconds"] <= (datetime.now(UTC) - newest).total_seconds()


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_an_event_inside_a_backlog_begins_and_ends(
    service: httpx.Client, new_station: NewStation, *, at_once: bool
) -> None:
    station = new_station(step="hour", events=[WARM])
    newest = newest_step(HOUR)
    send(service, station, newest - 12 * HOUR, mild(60), HOUR)
    backlog = [20.1, 20.3, *[23.0, 23.2, 23.4, 23.5, 23.3, 23.1, 22.9], 21.5, 20.8]
    if at_once:
        send(service, station, newest, backlog, HOUR)
    else:
        for i, value in enumerate(backlog):
            send(service, station, newest - (10 - i) * HOUR, [value], HOUR)
    assert told(service, station) == ["began", "ended"]
    began, ended = (each for each in alerts(service, station) if each["alert"] in ("began", "ended"))
    assert (began["sst"], began["late"]) == (23.4, True)
    assert (ended["sst"], ended["late"]) == (21.5, False)
    assert ended["observed_until"] == f"{newest - HOUR:%Y-%m-%dT%H:%M:%SZ}"


def test_a_gap_that_is_filled_in_raises_the_alert_that_it_hid(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(step="hour", events=[WARM])
    newest = newest_step(HOUR)
    send(service, station, newest - 12 * HOUR, mild(60), HOUR)
    send(service, station, newest - 7 * HOUR, [20.5, 21.4, 22.3, 22.4], HOUR)
    send(service, station, newest, [22.3, 21.5, 20.6, 20.5, 20.4, 20.5], HOUR)
    assert told(service, station) == []
    send(service, station, newest - 6 * HOUR, [22.5], HOUR)
    assert told(service, station) == ["began", "ended"]
    assert [each["late"] for each in alerts(service, station) if each["alert"] != "expected"] == [True, True]
    send(service, station, newest - 6 * HOUR, [22.6], HOUR)
    assert told(service, station) == ["began", "ended"]


def test_years_of_history_raise_nothing_and_a_feed_that_never_rings_is_told_so(
    service: httpx.Client, new_station: NewStation
) -> None:
    station, plain = new_station(events=[WARM]), new_station()
    newest = newest_step(DAY, ago=9 * DAY)
    history = [*mild(600), *[23.0, 23.1, 23.2] * 5, *mild(120)]
    before = datetime.now(UTC)
    stored = send(service, station, newest, history, DAY)
    late = datetime.now(UTC) - before
    assert told(service, station) == []
    (warning,) = stored["warnings"]
    delay = warning.removeprefix("these readings raise no alerts: they arrived ").partition(" ")[0]
    assert timedelta() <= pd.Timedelta(delay) - (before - newest - DAY) <= 2 * HOUR + late
    assert f"alerts are raised within P7D; if they always arrive so late, set alert_within to {delay} or" in warning
    assert {"code": "alerts_too_late", "message": warning} in stored["forecast"]["warnings"]
    assert send(service, plain, newest, history, DAY)["warnings"] == []
    # A longer period is the remedy that the warning names.
    longer = new_station(events=[WARM], alert_within="P30D")
    send(service, longer, newest - DAY, mild(60), DAY)
    assert send(service, longer, newest, [20.1], DAY)["warnings"] == []


def save(service: httpx.Client, station: str, **settings: Any) -> Json:
    saved: Json = answered(service.put(f"/stations/{station}", json={"step": "hour"} | settings))
    return saved


def test_an_event_that_is_on_when_it_is_saved_raises_its_alert_then(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(step="hour")
    newest = newest_step(HOUR)
    send(service, station, newest, [*mild(60), *[21.0, 22.2, 22.5, 22.8] + [23.0, 23.1] * 40], HOUR)
    assert save(service, station, events=[WARM])["events"][0]["state"] == "active"
    (began,) = alerts(service, station)
    assert (began["alert"], began["sst"], began["late"]) == ("began", 23.1, False)
    assert began["since"] == f"{newest - 82 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    save(service, station, events=[WARM], name="The pier")
    assert len(alerts(service, station)) == 1
    # One that was saved for readings of long ago is shown, and told to nobody.
    old = new_station(step="hour")
    send(service, old, newest - 30 * DAY, [*mild(60), 21.0, 21.6, 22.2, 22.5, 22.7], HOUR)
    assert save(service, old, events=[WARM])["events"][0]["state"] == "active"
    assert alerts(service, old) == []


def test_an_event_means_another_temperature_when_the_units_are_changed(
    service: httpx.Client, new_station: NewStation
) -> None:
    warm = WARM | {"above": 30.0}
    station = new_station(step="hour", events=[warm])
    send(service, station, newest_step(HOUR), mild(60), HOUR)
    assert told(service, station) == []
    saved = save(service, station, events=[warm], units="fahrenheit")
    assert (saved["events"][0]["state"], told(service, station)) == ("active", ["began"])
    saved = save(service, station, events=[warm])
    assert (saved["events"][0]["state"], told(service, station)) == ("inactive", ["began"])


def test_a_new_position_takes_effect_when_it_is_saved(service: httpx.Client, new_station: NewStation) -> None:
    inland, at_sea = {"latitude": 47.0, "longitude": 8.0}, {"latitude": 0.0, "longitude": 160.0}
    station = new_station(**inland)
    send(service, station, newest_step(DAY), [round(29.5 + i % 4 / 10, 1) for i in range(30)], DAY)
    before = answered(service.get(f"/stations/{station}/forecast"))
    assert "no_climatology" in [each["code"] for each in before["warnings"]]
    saved = save(service, station, step="day", **at_sea)
    assert saved["usual"] is not None
    after = answered(service.get(f"/stations/{station}/forecast"))
    assert "no_climatology" not in [each["code"] for each in after["warnings"]]
    assert after["observed_until"] == before["observed_until"]
    assert len(answered(service.get(f"/stations/{station}/forecasts"))["forecasts"]) == 2


def test_an_event_is_watched_before_there_are_enough_readings_for_a_forecast(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(step="hour", events=[WARM])
    stored = send(service, station, newest_step(HOUR), [21.0, 22.5, 22.6, 22.7], HOUR)
    assert "error" in stored["forecast"]
    assert told(service, station) == ["began"]
    (event, *_) = answered(service.get(f"/stations/{station}"))["events"]
    assert (event["state"], event["probability"]) == ("active", None)


@pytest.mark.parametrize("given", ["2 days", "P1M", "PT0S", "P400D", "-P2D", ""])
def test_a_duration_that_is_none_is_refused(service: httpx.Client, given: str) -> None:
    for name in ("alert_within", "silent_after"):
        refused = service.put("/stations/durations", json={"step": "day", name: given})
        assert refused.status_code == 422
        assert "ISO 8601 duration of up to 366 days, such as P2D or PT12H" in refused.json()["detail"]
