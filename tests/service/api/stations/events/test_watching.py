"""Events and webhooks in the settings of a station."""

import httpx
import pytest

from service.stations.alerts.webhook_settings import shown_url
from tests.service.api.stations.conftest import NewStation
from tests.service.requests import Json, answered

WASHING: Json = {"name": "net washing", "above": 24.0, "for": 5, "alert_at": 0.7}
HEATWAVE: Json = {"name": "heatwave", "kind": "marine_heatwave"}
SECRET = "never to be shown again"
HOOK: Json = {"url": "https://hooks.example/hidden/path?token=hidden", "secret": SECRET}
SHOWN = shown_url(HOOK["url"])


def put(service: httpx.Client, station: str, **settings: object) -> httpx.Response:
    return service.put(f"/stations/{station}", json={"step": "day", **settings})


def test_events_come_back_as_they_were_sent_with_a_state(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[WASHING, HEATWAVE])
    shown = answered(service.get(f"/stations/{station}"))
    washing, heatwave = shown["events"]
    assert washing["settings"] == {"kind": "threshold", **WASHING}
    assert heatwave["settings"] == {**HEATWAVE, "alert_at": 0.5}
    assert (heatwave["name"], heatwave["kind"], heatwave["state"]) == ("heatwave", "marine_heatwave", "unknown")
    settings = [event["settings"] for event in shown["events"]]
    assert answered(put(service, station, events=settings))["events"] == shown["events"]
    assert put(service, station).json()["events"] == []


def test_a_baseline_is_kept_in_the_units_of_the_station(service: httpx.Client, new_station: NewStation) -> None:
    baseline = {"climatology": [290.15] * 366, "threshold": [292.15] * 366}
    station = new_station(events=[HEATWAVE], baseline=baseline, units="kelvin")
    shown = answered(service.get(f"/stations/{station}"))["baseline"]
    assert {name: shown[name] for name in baseline} == baseline
    assert put(service, station, baseline=baseline).status_code == 422
    assert "set the units to kelvin" in put(service, station, baseline=baseline).json()["detail"]


def test_the_secret_and_the_path_of_a_webhook_are_never_shown(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(events=[HEATWAVE], webhooks=[{**HOOK, "events": ["heatwave"]}])
    shown = [{"url": SHOWN, "events": ["heatwave"]}]
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
    assert kept["webhooks"] == [{"url": SHOWN, "events": ["heatwave"]}]
    refused = put(service, station, webhooks=[{"url": "https://hooks.example/other"}])
    assert refused.status_code == 422
    assert "webhooks[0].secret is missing" in refused.json()["detail"]


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


def test_a_station_without_alerts_has_an_empty_list(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    assert answered(service.get(f"/stations/{station}/alerts")) == {"station": station, "alerts": [], "next": None}
    assert service.get("/stations/none/alerts").status_code == 404
    assert service.get(f"/stations/{station}/alerts?from=x").status_code == 422
