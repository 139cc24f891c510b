"""What is said about a place: of a station, of a series that is not stored, and in lists."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from forecasting.climatology.usual import Usual
from forecasting.qartod import GOOD, SUSPECT
from forecasting.series.timestep import TimeStep
from service.api.place_summary import Newest, Place, PlaceEvent, summarize
from tests.service.plugins.stations.conftest import NewStation
from tests.service.requests import answered

DAY = 86_400
NOW = 1_790_000_000 // DAY * DAY
USUAL = Usual((1991, 2020), "position", 20.0)


def test_a_station_and_its_series_say_the_same(service: httpx.Client, new_station: NewStation) -> None:
    values = [round(24.5 + (i * 7 % 11) / 20, 2) for i in range(60)]
    events = [{"name": "Too warm", "above": 20.0}, {"name": "Hot", "above": 30.0}]
    place = {"latitude": 0, "longitude": 170}
    station = new_station(events=events, **place)
    start = (datetime.now(UTC).date() - timedelta(days=59)).isoformat()
    answered(service.post(f"/stations/{station}/observations", json={"start": start, "values": values}))
    detail = answered(service.get(f"/stations/{station}"))
    series = {"start": start, "step": "day", "values": values} | place
    body = {
        "horizon": detail["horizon"],
        "events": events,
        "series": [series | {"id": "pier"}, {**series, "values": [1.0]}],
    }
    said, refused = answered(service.post("/summary", json=body))["summaries"]
    told = detail["summary"]
    assert (said["id"], set(refused)) == ("pier", {"id", "error"})
    for name in ("next", "usual", "anomaly", "verdict"):
        assert said[name] == told[name]
    assert (said["newest"]["sst"], told["anomaly"]) == (values[-1], detail["anomaly"])
    assert told["next"]["sst"] == detail["forecast"]["sst"][0]
    own = [event for event in told["events"] if event["kind"] == "threshold"]
    assert said["events"] == own
    since = date.fromisoformat(start)
    assert own[0] | {"probability": None} == {
        "name": "Too warm", "kind": "threshold", "state": "active", "since": f"{start}T00:00:00Z", "day": 60,
        "category": None, "probability": None, "sentence": f"Too warm, since {since.day} {since:%b}"
        + ("" if since.year == datetime.now(UTC).year else f" {since.year}"),
    }  # fmt: skip
    assert (said["verdict"], own[1]["state"]) == ("limit", "inactive")
    assert said["attention"] == [{"reason": "active", "event": "Too warm", "sentence": own[0]["sentence"]}]
    assert own[0]["sentence"] in said["sentence"]
    (listed,) = answered(service.get("/stations", params={"search": station}))["stations"]
    assert listed["summary"] == told | {"newest": listed["summary"]["newest"]}


def heat(state: str, **fields: Any) -> PlaceEvent:
    return PlaceEvent("heat", "marine_heatwave", state, **fields)  # type: ignore[arg-type]


WARM = PlaceEvent("warm", "threshold", "active", "2026-09-20T00:00:00Z")
SILENT = PlaceEvent("silent", "silent", "active", "2026-09-18T00:00:00Z")
STUCK = PlaceEvent("stuck", "stuck", "active", "2026-09-18T00:00:00Z")


@pytest.mark.parametrize(
    ("anomaly", "flag", "events", "verdict", "reasons"),
    [
        (0.4, GOOD, [], "usual", []),
        (1.2, GOOD, [], "warm", []),
        (-1.0, GOOD, [], "cold", []),
        (1.2, SUSPECT, [], "unknown", ["doubt"]),
        (None, GOOD, [], "unknown", []),
        (2.0, GOOD, [SILENT], "unknown", ["silent"]),
        (2.0, GOOD, [WARM], "limit", ["active"]),
        (2.0, GOOD, [WARM, heat("active", category="Severe")], "heatwave", ["active", "active"]),
        (0.0, GOOD, [heat("inactive", probability=0.7), STUCK], "usual", ["expected", "stuck"]),
        (0.0, GOOD, [heat("inactive", probability=0.7, likely=0.8)], "usual", []),
        (-3.0, GOOD, [PlaceEvent("cold", "marine_cold_spell", "active")], "cold_spell", ["active"]),
    ],
)
def test_the_verdict_is_the_most_telling_and_attention_the_most_pressing(
    anomaly: float | None, flag: int, events: list[PlaceEvent], verdict: str, reasons: list[str]
) -> None:
    usual = None if anomaly is None else USUAL
    newest = Newest(NOW, 20.0 + (anomaly or 0.0), flag)
    said = summarize(Place(TimeStep(DAY), "celsius", newest, usual=usual, events=events), NOW + DAY)
    assert (said.verdict, [each.reason for each in said.attention]) == (verdict, reasons)


def test_the_strongest_event_comes_first_and_says_since_when() -> None:
    events = [WARM, heat("active", since="2025-12-30", category="Severe")]
    said = summarize(Place(TimeStep(DAY), "celsius", Newest(NOW, 20.0, GOOD), events=events), NOW)
    assert [each.sentence for each in said.attention] == [
        "Marine heatwave, severe, since 30 Dec 2025", "warm, since 20 Sep",
    ]  # fmt: skip
    assert [event.day for event in said.events] == [2, 266]


def test_a_place_in_fahrenheit_is_warm_from_a_degree_celsius_on() -> None:
    place = Place(TimeStep(DAY), "fahrenheit", Newest(NOW, 71.7, GOOD), usual=USUAL._replace(sst=70.0))
    assert summarize(place, NOW).verdict == "usual"
    assert summarize(place._replace(newest=Newest(NOW, 71.9, GOOD)), NOW).verdict == "warm"


def test_a_place_without_readings_has_nothing_to_say() -> None:
    said = summarize(Place(TimeStep(DAY), "celsius"), NOW)
    assert (said.newest, said.next, said.verdict, said.sentence) == (None, None, "unknown", "No readings yet.")
