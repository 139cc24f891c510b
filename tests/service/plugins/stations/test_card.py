"""The recent past of stations, what is usual for them, and their cards."""

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import SecretStr

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.service.plugins.stations.conftest import NewStation
from tests.service.requests import Json, answered
from tests.serving import serve

SVG = "{http://www.w3.org/2000/svg}"
TODAY = datetime.now(UTC).date()


def season(day: int) -> float:
    """Return a seasonal cycle, ``day`` days from today."""
    return 15 + 4 * math.cos(2 * math.pi * day / 365.2425)


def send(service: httpx.Client, station: str, values: list[float]) -> None:
    """Send daily readings that end today."""
    start = (TODAY - timedelta(days=len(values) - 1)).isoformat()
    body = {"start": start, "values": [round(value, 2) for value in values]}
    answered(service.post(f"/stations/{station}/observations", json=body))


def card(service: httpx.Client, station: str) -> ElementTree.Element:
    answer = service.get(f"/stations/{station}/card.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    # It is written by the service that is tested.
    return ElementTree.fromstring(answer.text)


def words(svg: ElementTree.Element) -> str:
    return " | ".join(element.text or "" for element in svg.iter() if element.tag in {f"{SVG}text", f"{SVG}desc"})


def past(service: httpx.Client, station: str) -> Json:
    detail: Json = answered(service.get(f"/stations/{station}", params={"recent": True}))
    return detail


def test_the_last_sixty_days_come_as_daily_means_of_the_latest_revisions(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(step="PT12H")
    body = {"start": "2025-01-01", "values": [10 + (i % 2) for i in range(160)]}
    service.post(f"/stations/{station}/observations", json=body).raise_for_status()
    correction = {"start": "2025-03-21T12:00", "values": [14]}
    service.post(f"/stations/{station}/observations", json=correction).raise_for_status()
    recent = past(service, station)["recent"]
    assert (len(recent["sst"]), recent["timestamps"][0], recent["timestamps"][-1]) == (
        60, "2025-01-21T00:00:00Z", "2025-03-21T00:00:00Z",
    )  # fmt: skip
    assert recent["sst"][-2:] == [10.5, 12]
    assert answered(service.get(f"/stations/{station}"))["recent"] is None


@pytest.mark.parametrize(("step", "period"), [("day", "8 days"), ("PT12H", "4 days"), ("month", "8 months")])
def test_the_picture_of_eight_readings_says_how_long_they_are(
    service: httpx.Client, new_station: NewStation, step: str, period: str
) -> None:
    station = new_station(step=step)
    body = {"start": "2025-01-01", "values": [10.0, 11.0, 12.0, 13.0] * 2}
    answered(service.post(f"/stations/{station}/observations", json=body))
    assert f" | {period}: 1" in words(card(service, station))


def usual_years(days: int) -> list[int]:
    """Return the years of the last days, of which a forecast sees at most 1,500."""
    return [(TODAY - timedelta(days=min(days, 1_500) - 1)).year, TODAY.year]


def test_usual_is_the_climatology_of_the_forecast_in_lists_and_on_cards(
    service: httpx.Client, new_station: NewStation
) -> None:
    """With a position whose climatology is much colder, and in other units."""
    station = new_station(latitude=50, longitude=-20, units="fahrenheit")
    celsius = [season(day) + max(0, 2 + day * 0.7) for day in range(-1_799, 1)]
    send(service, station, [value * 1.8 + 32 for value in celsius])
    detail = answered(service.get(f"/stations/{station}"))
    assert (detail["usual"]["years"], detail["usual"]["source"]) == (usual_years(1_800), "series")
    assert detail["usual"]["sst"] == pytest.approx(season(0) * 1.8 + 32, abs=0.1)
    assert detail["anomaly"] == pytest.approx(3.6, abs=0.1)
    assert detail["newest"]["sst"] - detail["usual"]["sst"] == pytest.approx(detail["anomaly"], abs=1e-5)
    forecast = answered(service.get(f"/stations/{station}/forecast"))
    assert forecast["usual"] == detail["usual"]
    assert forecast["baselines"]["climatology"][0] == pytest.approx(detail["usual"]["sst"], abs=0.1)
    page = answered(service.get("/stations", params={"search": station}))["stations"]
    assert [(listed["usual"], listed["anomaly"]) for listed in page] == [(detail["usual"], detail["anomaly"])]
    years = "–".join(map(str, detail["usual"]["years"]))
    assert f"3.6\N{NO-BREAK SPACE}°F warmer than usual ({years})" in words(card(service, station))


def test_a_short_series_has_the_usual_of_its_position_or_none(service: httpx.Client, new_station: NewStation) -> None:
    values = [24.5 + (i % 3) / 10 for i in range(40)]
    placed, unplaced = new_station(latitude=0, longitude=-140, units="kelvin"), new_station()
    misplaced, empty = new_station(latitude=70, longitude=0), new_station(latitude=0, longitude=-140)
    send(service, placed, [value + 273.15 for value in values])
    send(service, unplaced, values)
    send(service, misplaced, values)
    detail = past(service, placed)
    assert (detail["usual"]["years"], detail["usual"]["source"]) == ([2010, 2020], "position")
    climatology = answered(service.get(f"/stations/{placed}/forecast"))["baselines"]["climatology"]
    assert climatology[0] == pytest.approx(detail["usual"]["sst"], abs=0.1)
    assert 25 < detail["usual"]["sst"] - 273.15 < 28
    assert detail["anomaly"] == pytest.approx(detail["newest"]["sst"] - detail["usual"]["sst"], abs=1e-5)
    for station in (unplaced, misplaced, empty):
        assert [past(service, station)[name] for name in ("usual", "anomaly")] == [None, None]
    assert "colder than usual (2010–2020)" in words(card(service, placed))
    assert "usual" not in words(card(service, unplaced))


def test_a_card_shows_the_last_value_and_the_next_days_with_their_ranges(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(name="Pier <A> & B")
    send(service, station, [15 + (day * 7 % 11) / 4 for day in range(70)])
    svg, forecast = card(service, station), answered(service.get(f"/stations/{station}"))["forecast"]
    text = words(svg)
    assert svg.findtext(f"{SVG}title") == "Pier <A> & B"
    # The day may have ended since the test was read.
    assert re.search(f"{TODAY.day} {TODAY:%b %Y} · (today|yesterday)", text)
    tomorrow = TODAY + timedelta(days=1)
    (interval,) = forecast["intervals"]
    ahead = f"{tomorrow:%a} {tomorrow.day} | {forecast['sst'][0]:.1f} | "
    assert ahead + f"{interval['lower'][0]:.1f}–{interval['upper'][0]:.1f}" in text
    assert {element.get("class") for element in svg.iter(f"{SVG}path")} == {"rule", "past", "fan", "ahead"}


def test_a_card_names_the_events_that_are_active(service: httpx.Client, new_station: NewStation) -> None:
    events = [{"name": "Warm water", "above": 20.0}, {"name": "Hot water", "above": 30.0}]
    station = new_station(events=events)
    send(service, station, [24.5 + (i % 3) / 10 for i in range(40)])
    since = TODAY - timedelta(days=39)
    active = f"Warm water, since {since.day} {since:%b}" + ("" if since.year == TODAY.year else f" {since.year}")
    text = words(card(service, station))
    assert text.endswith(f" | {active}")
    assert f"{active}. Forecast" in text
    assert "Hot water" not in text
    events[1]["above"] = 21.0
    station = new_station(events=events)
    send(service, station, [24.5 + (i % 3) / 10 for i in range(40)])
    assert words(card(service, station)).endswith(" | Warm water and 1 more")


def test_a_card_says_what_is_missing(service: httpx.Client, new_station: NewStation) -> None:
    empty, old = new_station(name="Planned"), new_station()
    assert words(card(service, empty)) == "No readings yet. | Planned | No readings yet | No forecast yet"
    body = {"start": "2024-01-01", "values": [10 + (i % 3) / 10 for i in range(40)]}
    service.post(f"/stations/{old}/observations", json=body).raise_for_status()
    assert "The last forecast has expired: send new readings" in words(card(service, old))


def test_a_card_is_cached_and_may_be_shown_by_other_sites(service: httpx.Client, new_station: NewStation) -> None:
    path = f"/stations/{new_station()}/card.svg"
    headers = service.get(path).headers
    assert headers["Cache-Control"] == "max-age=300"
    assert headers.get_list("Cross-Origin-Resource-Policy") == ["cross-origin"]
    assert "script" not in headers["Content-Security-Policy"]
    again = service.get(path, headers={"If-None-Match": headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_card_of_an_unknown_station_is_a_problem_document(service: httpx.Client) -> None:
    missing = service.get("/stations/nowhere/card.svg")
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, "application/problem+json")
    assert missing.headers.get_list("Cross-Origin-Resource-Policy") == ["same-origin"]


def test_a_card_needs_a_key_where_reading_does_and_says_that_the_store_is_unreachable(
    seas: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sst.db"
    file.write_text("not a database" * 100)
    text, key = new_key("reader", Role.FORECAST)
    settings = Settings(
        artifacts=seas, keys=SecretStr(key.line), allow_anonymous=False, store=SecretStr(f"sqlite:///{file}")
    )
    with serve(settings) as client:
        assert client.get("/stations/pier/card.svg").status_code == 401
        away = client.get("/stations/pier/card.svg", headers={"Authorization": f"Bearer {text}"})
        assert (away.status_code, away.headers["Content-Type"]) == (503, "application/problem+json")


def test_stations_are_found_by_a_part_of_their_id_or_name(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(name="Søndre Kai 100%")
    for search in (station.upper(), "kai", "100%"):
        listed = answered(service.get("/stations", params={"search": search, "recent": True}))["stations"]
        assert [entry["id"] for entry in listed] == [station]
    assert answered(service.get("/stations", params={"search": "k_i"}))["stations"] == []
    refused = service.get("/stations", params={"recent": True, "limit": 500})
    assert (refused.status_code, refused.json()["detail"]) == (422, "with recent, limit may be at most 100")
