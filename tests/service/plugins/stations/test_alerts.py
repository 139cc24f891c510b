"""The events that a station watches, the alerts that readings raise, and their delivery."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from service.plugins.stations.addresses import shown_address
from service.settings import Settings
from tests.processes import Service, running
from tests.servers.webhook_receiver import Receiver, hang, receiving
from tests.service.plugins.stations.conftest import NewStation, pages
from tests.service.requests import Json, answered
from tests.serving import serve

TODAY = datetime.now(UTC).date()
WARM: Json = {"name": "warm", "above": 20.0, "for": 2}
HEATWAVE: Json = {"name": "heatwave", "kind": "marine_heatwave"}
BASELINE = {"climatology": [15.0] * 366, "threshold": [17.0] * 366}


def mild(days: int, sst: float = 15.0) -> list[float]:
    """Return values around ``sst`` that vary, as a forecast needs."""
    return [round(sst + i % 3 / 10, 1) for i in range(days)]


def send(service: httpx.Client, station: str, days_ago: int, values: list[float]) -> Json:
    """Send daily readings that begin some days ago, and return the forecast.

    Those until today and tomorrow are not replayed, even if a day ends while the test runs.
    """
    body = {"start": (TODAY - timedelta(days=days_ago)).isoformat(), "values": values}
    forecast: Json = answered(service.post(f"/stations/{station}/observations", json=body))["forecast"]
    return forecast


def alerts(service: httpx.Client, station: str) -> list[Json]:
    """Return the alerts of a station, oldest first."""
    listed: list[Json] = answered(service.get(f"/stations/{station}/alerts"))["alerts"]
    return listed[::-1]


def state(service: httpx.Client, station: str) -> Json:
    event: Json
    event, *health = answered(service.get(f"/stations/{station}"))["events"]
    assert [each["kind"] for each in health] == ["silent", "stuck"]
    return event


def test_a_run_beyond_a_threshold_raises_an_alert_when_it_begins_and_when_it_ends(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(events=[WARM], name="The pier")
    send(service, station, 31, [*mild(30), 21.0])
    assert state(service, station)["state"] == "inactive"
    forecast = send(service, station, 0, [21.1])
    since = f"{TODAY - timedelta(days=1)}T00:00:00Z"
    assert forecast["events"][0]["state"] == {"active": True, "since": since, "steps": 2}
    assert (state(service, station)["state"], state(service, station)["since"]) == ("active", since)
    send(service, station, 0, [21.5])
    send(service, station, -1, [19.9])
    assert state(service, station)["state"] == "inactive"
    raised = [alert for alert in alerts(service, station) if alert["alert"] != "expected"]
    assert [(alert["alert"], alert["event"], alert["sst"]) for alert in raised] == [
        ("began", "warm", 21.1),
        ("ended", "warm", 19.9),
    ]
    assert raised[0]["since"] == since
    assert raised[0]["observed_until"] == f"{TODAY}T00:00:00Z"


def test_an_event_is_on_again_when_the_reading_that_ended_it_is_taken_back(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(events=[WARM])
    send(service, station, 32, [*mild(30), 21.0, 21.1])
    send(service, station, 0, [19.9])
    taken_back = service.delete(f"/stations/{station}/observations/{TODAY}")
    assert answered(taken_back)["flag"] == 9
    assert state(service, station)["state"] == "active"
    raised = [alert["alert"] for alert in alerts(service, station) if alert["alert"] != "expected"]
    assert raised == ["began", "ended", "began"]


def test_a_heatwave_begins_changes_its_category_and_ends_when_readings_are_revised(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(events=[HEATWAVE], baseline=BASELINE)
    send(service, station, 34, mild(30) + [17.5, 17.6] * 2)
    send(service, station, 0, [18.6])
    assert state(service, station)["category"] == "Moderate"
    send(service, station, 0, [19.1])
    send(service, station, 3, [16.9])
    raised = [alert for alert in alerts(service, station) if alert["alert"] != "expected"]
    assert [(alert["alert"], alert["category"], alert["previous_category"]) for alert in raised] == [
        ("began", "Moderate", None),
        ("category_changed", "Strong", "Moderate"),
        ("ended", None, "Strong"),
    ]
    assert raised[0]["since"] == (TODAY - timedelta(days=4)).isoformat()


def test_an_event_that_cannot_be_judged_says_why_and_the_forecast_is_issued(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(events=[HEATWAVE])
    forecast = send(service, station, 29, mild(30))
    assert len(forecast["sst"]) == 7
    (event,) = forecast["events"]
    assert "a baseline needs 10 years" in event["error"]
    shown = state(service, station)
    assert (shown["state"], shown["error"]) == ("unknown", event["error"])
    assert alerts(service, station) == []


def test_a_station_whose_readings_were_all_taken_back_says_so_in_place_of_a_forecast(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(events=[HEATWAVE])
    send(service, station, 0, [20.0])
    taken = answered(service.delete(f"/stations/{station}/observations/{TODAY.isoformat()}"))
    assert taken["forecast"]["error"] == "no reading counts: all were taken back"
    shown = state(service, station)
    assert (shown["state"], shown["error"]) == ("unknown", "no reading counts: all were taken back")


def test_the_coarse_climatology_of_a_new_pier_says_what_is_a_heatwave(
    service: httpx.Client, new_station: NewStation
) -> None:
    at_sea = {"latitude": 0.0, "longitude": 160.0}
    station = new_station(events=[HEATWAVE], baseline="position", units="kelvin", **at_sea)
    (event,) = send(service, station, 29, [round(304.15 + i / 50, 2) for i in range(30)])["events"]
    assert event["state"]["active"]
    assert event["usual"] == {"years": [2010, 2020], "source": "position"}
    assert [warning["code"] for warning in event["warnings"]] == ["coarse_baseline"]
    assert all(np.subtract(event["threshold"], event["climatology"]) > 0.5)
    assert 302 < min(event["climatology"]) < max(event["threshold"]) < 304.2
    assert answered(service.get(f"/stations/{station}"))["baseline"] == "position"
    refused = put(service, station, events=[HEATWAVE], baseline="position")
    assert (refused.status_code, "needs a position" in refused.text) == (422, True)
    inland = put(service, station, events=[HEATWAVE], baseline="position", latitude=52.5, longitude=13.4)
    assert (inland.status_code, "on land" in inland.text) == (422, True)


def test_ten_years_of_readings_are_the_baseline(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[HEATWAVE])
    days = np.arange(3_700)
    sst = 15 - 5 * np.cos(days * 2 * np.pi / 365.25) + np.random.default_rng(1).normal(0, 0.3, len(days))
    forecast = send(service, station, len(days) - 1, sst.round(2).tolist())
    (event,) = forecast["events"]
    assert [warning["code"] for warning in event["warnings"]] == ["short_baseline"]
    assert event["baseline"]["start"] == (TODAY - timedelta(days=len(days) - 1)).isoformat()


def test_events_are_judged_and_shown_in_the_units_of_the_station(
    service: httpx.Client, new_station: NewStation
) -> None:
    baseline = {name: [value + 273.15 for value in values] for name, values in BASELINE.items()}
    events = [{**WARM, "above": 293.15}, HEATWAVE]
    station = new_station(events=events, baseline=baseline, units="kelvin")
    send(service, station, 29, [round(15 + 273.15 + i / 5, 2) for i in range(30)])
    newest = answered(service.get(f"/stations/{station}/forecast"))
    (archived,) = answered(service.get(f"/stations/{station}/forecasts"))["forecasts"]
    assert archived["events"] == newest["events"]
    warm, heatwave = newest["events"]
    assert warm["threshold"] == [293.15] * 7
    assert warm["state"]["steps"] == 4
    assert heatwave["climatology"] == pytest.approx([288.15] * 7)
    assert heatwave["state"]["intensity"] == pytest.approx(5.8)
    assert alerts(service, station)[0]["sst"] == pytest.approx(293.55)


def test_an_event_that_changes_is_judged_anew_at_once(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[WARM])
    send(service, station, 29, mild(30, 21.0))
    again = {"step": "day", "events": [{**WARM, "alert_at": 0.9}]}
    assert answered(service.put(f"/stations/{station}", json=again))["events"][0]["state"] == "active"
    other = {"step": "day", "events": [{**WARM, "above": 22.0}]}
    assert answered(service.put(f"/stations/{station}", json=other))["events"][0]["state"] == "inactive"


def test_alerts_are_listed_in_pages(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[WARM])
    send(service, station, 29, mild(30, 20.6))
    send(service, station, -1, [19.8])
    path = f"/stations/{station}/alerts"
    listed = alerts(service, station)
    assert len(listed) >= 2
    assert pages(service, f"{station}/alerts", "alerts") == listed[::-1]
    assert answered(service.get(path, params={"to": "2020-01-01"})) == {"station": station, "alerts": [], "next": None}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_webhooks_get_the_alerts_of_their_events_at_once(
    seas: Path, store_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.plugins.stations.background._PAUSE_SECONDS", 3_600.0)
    secret = {"secret": "a secret of the test"}
    webhooks = [
        {"url": f"{receiver.url}/all?token=hidden", **secret},
        {"url": f"{receiver.url}/cold", "events": ["cold"], **secret},
    ]
    events = [WARM, {"name": "cold", "below": 5.0}]
    settings = Settings(artifacts=seas, store=SecretStr(store_url), allow_private_addresses=True, request_seconds=600)
    with serve(settings) as service:
        body = {"step": "day", "name": "The pier", "events": events, "webhooks": webhooks}
        service.put("/stations/pier", json=body).raise_for_status()
        send(service, "pier", 29, mild(30, 21.0))
        received = receiver.next()
        assert received.path == "/all?token=hidden"
        (alert,) = alerts(service, "pier")
        sent = httpx.Response(200, content=received.body).json()
        assert (sent["station"], sent["name"], sent["id"]) == ("pier", "The pier", received.headers["webhook-id"])
        assert {name: sent[name] for name in alert if name != "deliveries"} == {
            name: value for name, value in alert.items() if name != "deliveries"
        }
        (delivery,) = alert["deliveries"]
        assert delivery["url"] == shown_address(f"{receiver.url}/all?token=hidden")
    assert receiver.received.empty()


WASHING: Json = {"name": "net washing", "above": 24.0, "for": 5, "alert_at": 0.7}
SECRET = "never to be shown again"
HOOK: Json = {"url": "https://hooks.example/hidden/path?token=hidden", "secret": SECRET}
SHOWN = shown_address(HOOK["url"])


def put(service: httpx.Client, station: str, **settings: object) -> httpx.Response:
    return service.put(f"/stations/{station}", json={"step": "day", **settings})


def test_events_come_back_as_they_were_sent_with_a_state(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[WASHING, HEATWAVE])
    shown = answered(service.get(f"/stations/{station}"))
    washing, heatwave, *_ = shown["events"]
    assert washing["settings"] == {"kind": "threshold", **WASHING}
    assert heatwave["settings"] == {**HEATWAVE, "alert_at": 0.5}
    assert (heatwave["name"], heatwave["kind"], heatwave["state"]) == ("heatwave", "marine_heatwave", "unknown")
    settings = [event["settings"] for event in shown["events"] if event["settings"] is not None]
    assert answered(put(service, station, events=settings))["events"] == shown["events"]
    assert [event["name"] for event in put(service, station).json()["events"]] == ["silent", "stuck"]
    refused = put(service, station, events=[{**HEATWAVE, "name": "silent"}])
    assert (refused.status_code, "every station has the event 'silent' already" in refused.text) == (422, True)


def test_a_baseline_is_kept_in_the_units_of_the_station(service: httpx.Client, new_station: NewStation) -> None:
    baseline = {"climatology": [290.15] * 366, "threshold": [292.15] * 366}
    station = new_station(events=[HEATWAVE], baseline=baseline, units="kelvin")
    shown = answered(service.get(f"/stations/{station}"))["baseline"]
    assert {name: shown[name] for name in baseline} == baseline
    assert put(service, station, baseline=baseline).status_code == 422
    assert "set the units to kelvin" in put(service, station, baseline=baseline).json()["detail"]


def test_the_secret_and_the_path_of_a_webhook_are_never_shown(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[HEATWAVE], webhooks=[{**HOOK, "events": ["heatwave"]}])
    shown = [{"url": SHOWN, "events": ["heatwave"], "health": True, "secret": None}]
    answers = [
        put(service, station, events=[HEATWAVE], webhooks=[{**HOOK, "events": ["heatwave"]}]),
        service.get(f"/stations/{station}"),
        service.get("/stations", params={"limit": 1_000}),
        service.get(f"/stations/{station}/alerts"),
    ]
    assert answered(answers[0])["webhooks"] == answered(answers[1])["webhooks"] == shown
    for answer in answers:
        assert SECRET not in answer.text
        assert "hidden" not in answer.text


@pytest.mark.parametrize("url", [HOOK["url"], SHOWN], ids=["as sent", "as shown"])
def test_a_url_that_is_repeated_without_its_secret_keeps_it(
    service: httpx.Client, new_station: NewStation, url: str
) -> None:
    station = new_station(events=[HEATWAVE], webhooks=[HOOK])
    kept = answered(put(service, station, events=[HEATWAVE], webhooks=[{"url": url, "events": ["heatwave"]}]))
    assert kept["webhooks"] == [{"url": SHOWN, "events": ["heatwave"], "health": True, "secret": None}]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"events": [HEATWAVE, HEATWAVE]}, "two events are named 'heatwave'"),
        ({"events": [{**WASHING, "name": "a\nb"}]}, "events[0].name"),
        ({"events": [{**WASHING, "alert_at": 0}]}, "events[0].alert_at"),
        ({"events": [{**WASHING, "within": 8}]}, "events[0].within is 8, but the horizon is 7"),
        ({"events": [{**WASHING, "above": 300.0}]}, "events[0].above"),
        ({"events": [HEATWAVE], "step": "month"}, "need daily values"),
        ({"events": [WASHING], "horizon": 301}, "horizon 301 is out of range"),
        ({"events": [{**HEATWAVE, "name": str(i)} for i in range(21)]}, "events"),
        ({"webhooks": [{**HOOK, "secret": "too short"}]}, "webhooks[0].secret"),
        ({"webhooks": [HOOK, HOOK]}, "two webhooks have the same URL"),
        ({"webhooks": [HOOK, {"url": SHOWN}]}, "two webhooks have the same URL"),
        ({"webhooks": [{**HOOK, "url": "https://hooks.example/...#abc123"}]}, "webhooks[0].url is partly hidden"),
        ({"webhooks": [{**HOOK, "events": ["heat"]}]}, "webhooks[0].events: the station has no event 'heat'"),
        ({"webhooks": [{**HOOK, "url": "http://10.0.0.1/"}]}, "private network"),
        ({"webhooks": [{**HOOK, "url": "https://user:pa55@hooks.example"}]}, "leave out the part before the @"),
        ({"webhooks": [{**HOOK, "url": "ftp://hooks.example"}]}, "webhooks[0].url: the URL must begin with https://"),
    ],
)
def test_events_and_urls_that_a_station_cannot_use_are_refused_with_the_place(
    service: httpx.Client, settings: Json, says: str
) -> None:
    refused = put(service, "refused", **settings)
    assert refused.status_code == 422
    assert says in refused.text
    assert not any(secret in refused.text for secret in (SECRET, "too short", "pa55"))
    assert service.get("/stations/refused").status_code == 404


KEPT_SECRET = "a secret that no log shows"
STATIONS = [f"pier{i}" for i in range(10)]


def settings(store_url: str) -> dict[str, str]:
    return {
        "store": store_url,
        "default_dataset": "nino12",
        "device": "cpu",
        "request_seconds": "600",
        "allow_private_addresses": "true",
        "log_level": "debug",
    }


def watch(service: Service, receiver: Receiver, stations: list[str]) -> None:
    """Create stations that watch an event."""
    body = {
        "step": "day",
        "events": [{"name": "warm", "above": 20.0}],
        "webhooks": [{"url": f"{receiver.url}/?token=hidden", "secret": KEPT_SECRET}],
    }
    for station in stations:
        httpx.put(f"{service.url}/stations/{station}", json=body, timeout=600).raise_for_status()


def send_all(service: Service, stations: list[str]) -> None:
    """Send readings with which the event begins."""
    start = datetime.now(UTC).date() - timedelta(days=29)
    values = [round(21 + i % 3 / 10, 1) for i in range(30)]
    readings = [{"station": station, "start": start.isoformat(), "values": values} for station in stations]
    httpx.post(f"{service.url}/observations", json={"readings": readings}, timeout=600).raise_for_status()


@pytest.mark.long
@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
def test_an_alert_of_a_service_that_is_killed_is_delivered_by_the_next_with_the_same_key(
    seas: Path, store_url: str
) -> None:
    with receiving() as receiver:
        receiver.answers.put(hang)
        with running(seas, **settings(store_url)) as service:
            watch(service, receiver, ["pier"])
            send_all(service, ["pier"])
            unanswered = receiver.next()
            service.process.kill()
        # As if a minute had passed, after which another process may go on.
        engine = create_engine(store_url)
        with engine.begin() as connection:
            assert connection.execute(text("DELETE FROM leases WHERE name = 'webhooks'")).rowcount == 1
        engine.dispose()
        with running(seas, **settings(store_url)) as service:
            again = receiver.next()
        assert again.body == unanswered.body
        assert again.headers["webhook-id"] == unanswered.headers["webhook-id"]
        assert receiver.received.empty()
        log = "".join(service.log)
        assert KEPT_SECRET not in log
        assert "hidden" not in log


@pytest.mark.long
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_two_services_that_share_a_store_deliver_each_alert_once(seas: Path, store_url: str) -> None:
    with receiving() as receiver:
        with running(seas, **settings(store_url)) as first, running(seas, **settings(store_url)) as second:
            watch(first, receiver, STATIONS)
            send_all(first, STATIONS[::2])
            send_all(second, STATIONS[1::2])
            keys = [receiver.next().headers["webhook-id"] for _ in STATIONS]
        assert len({*keys}) == len(STATIONS)
        assert receiver.received.empty()
