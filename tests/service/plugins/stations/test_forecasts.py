"""Forecasts that readings issue, and their archive."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.service.plugins.stations.conftest import NewStation, pages
from tests.service.requests import Json, answered

DAYS = [round(18 + i / 100 + (i % 3) / 10, 2) for i in range(40)]


def send(service: httpx.Client, station: str, start: str, values: list[float]) -> Json | None:
    """Send regular readings, and return the forecast in the answer."""
    answer = answered(service.post(f"/stations/{station}/observations", json={"start": start, "values": values}))
    forecast: Json | None = answer["forecast"]
    return forecast


def archive(service: httpx.Client, station: str, **query: str) -> list[Json]:
    forecasts: list[Json] = answered(service.get(f"/stations/{station}/forecasts", params=query))["forecasts"]
    return forecasts


@pytest.mark.parametrize("after", ["soon", "1.2.3", "9" * 19 + ".1"])
@pytest.mark.parametrize("listed", ["forecasts", "alerts"])
def test_a_page_begins_only_where_another_ended(
    service: httpx.Client, new_station: NewStation, listed: str, after: str
) -> None:
    refused = service.get(f"/stations/{new_station()}/{listed}", params={"after": after})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "query.after: send the `next` of the previous page, or leave it out"


def test_a_batch_issues_one_forecast_from_its_end_as_post_forecast_would(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(horizon=2)
    issued = send(service, station, "2025-06-01", DAYS)
    assert issued is not None
    series = [{"start": "2025-06-01", "step": "day", "values": DAYS}]
    (entry,) = answered(service.post("/forecast", json={"series": series, "horizon": 2}))["forecasts"]
    assert issued["observed_until"] == "2025-07-10T00:00:00Z"
    assert {name: issued[name] for name in ("model", "timestamps", "sst", "baselines")} == {
        name: entry[name] for name in ("model", "timestamps", "sst", "baselines")
    }
    (interval,) = (interval for interval in issued["intervals"] if interval["level"] == 80)
    assert interval == entry["intervals"][0]
    newest = answered(service.get(f"/stations/{station}/forecast"))
    assert (newest["issued"], newest["sst"]) == (issued["issued"], issued["sst"])
    assert newest["warnings"][0]["code"] == "late"


def test_nothing_that_was_issued_changes_when_readings_are_corrected(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    first = send(service, station, "2025-06-01", DAYS)
    assert send(service, station, "2025-06-01", DAYS) is None
    second = send(service, station, "2025-07-10", [19.0, 19.1])
    late = send(service, station, "2025-05-31", [18.2])
    assert second is not None
    assert late is not None
    assert late["observed_until"] == second["observed_until"] == "2025-07-11T00:00:00Z"
    assert archive(service, station) == [first, second, late] == pages(service, f"{station}/forecasts", "forecasts")
    assert archive(service, station, **{"from": "2025-07-11"}) == [second, late]
    assert archive(service, station, to="2025-07-10") == [first]


def test_history_is_marked_as_replayed_and_readings_of_today_are_not(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    history = send(service, station, "2025-06-01", DAYS)
    assert history is not None
    assert history["replayed"]
    recent = new_station()
    start = datetime.now(UTC).date() - timedelta(days=len(DAYS) - 1)
    today = send(service, recent, start.isoformat(), DAYS)
    assert today is not None
    assert not today["replayed"]
    newest = answered(service.get(f"/stations/{recent}/forecast"))
    assert "late" not in [warning["code"] for warning in newest["warnings"]]


def test_temperatures_are_in_the_units_of_the_station(service: httpx.Client, new_station: NewStation) -> None:
    celsius, kelvin = new_station(), new_station(units="kelvin")
    expected = send(service, celsius, "2025-06-01", DAYS)
    issued = send(service, kelvin, "2025-06-01", [round(value + 273.15, 2) for value in DAYS])
    assert expected is not None
    assert issued is not None
    assert issued["sst"] == pytest.approx([value + 273.15 for value in expected["sst"]], abs=1e-4)


def test_too_few_readings_are_stored_and_the_answer_says_how_many_more_a_forecast_needs(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    assert send(service, station, "2025-06-01", DAYS[:10]) == {
        "error": "a forecast needs at least 14 daily values, but the series has 10: send 4 more"
    }
    missing = service.get(f"/stations/{station}/forecast")
    assert missing.status_code == 404
    assert "no forecast has been issued for station" in missing.json()["detail"]
    issued = send(service, station, "2025-06-11", DAYS[10:20])
    assert issued is not None
    assert issued["observed_until"] == "2025-06-20T00:00:00Z"


def test_a_reading_at_a_wrong_time_stops_no_later_forecast(service: httpx.Client, new_station: NewStation) -> None:
    station, other = new_station(), new_station()
    send(service, station, "2025-06-01", DAYS[:20])
    assert send(service, station, "2025-06-21T07:00:00Z", [12.0]) is None
    issued = send(service, station, "2025-06-21", DAYS[20:24])
    expected = send(service, other, "2025-06-01", DAYS[:24])
    assert issued is not None
    assert expected is not None
    assert (issued["observed_until"], issued["sst"]) == ("2025-06-24T00:00:00Z", expected["sst"])


def test_of_two_readings_in_one_step_a_forecast_rests_on_the_later(
    service: httpx.Client, new_station: NewStation
) -> None:
    station, other = new_station(), new_station()
    send(service, station, "2025-06-01", [*DAYS[:19], 5.0])
    issued = send(service, station, "2025-06-20T00:05:00Z", [DAYS[19]])
    expected = send(service, other, "2025-06-01", DAYS[:20])
    assert issued is not None
    assert expected is not None
    assert (issued["observed_until"], issued["sst"]) == ("2025-06-20T00:05:00Z", expected["sst"])


def test_a_period_that_ends_before_it_begins_is_refused(service: httpx.Client, new_station: NewStation) -> None:
    answer = service.get(f"/stations/{new_station()}/forecasts?from=2025-06-02&to=2025-06-01")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "from 2025-06-02 is after to 2025-06-01: swap them"


def test_the_model_of_a_place_forecasts_the_stations_that_name_it(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(step="month", model="nino12-gru", horizon=1)
    issued = send(service, station, "2020-01", [24 + (i % 12) / 5 for i in range(36)])
    assert issued is not None
    assert (issued["model"], issued["timestamps"]) == ("nino12-gru", ["2023-01-01T00:00:00Z"])


@pytest.mark.parametrize(("model", "status"), [("all", 422), ("none", 404)])
def test_a_model_that_cannot_forecast_a_station_is_refused(service: httpx.Client, model: str, status: int) -> None:
    assert service.put("/stations/odd", json={"step": "day", "model": model}).status_code == status


def test_each_of_many_stations_gets_its_forecast(service: httpx.Client, new_station: NewStation) -> None:
    stations = [new_station(), new_station(horizon=1), new_station()]
    readings = [{"station": station, "start": "2025-06-01", "values": DAYS} for station in stations[:2]]
    readings.append({"station": stations[2], "start": "2025-06-01", "values": DAYS[:3]})
    answers = answered(service.post("/observations", json={"readings": readings}))["stations"]
    assert [len(answer["forecast"].get("sst", ())) for answer in answers] == [7, 1, 0]
    assert [len(archive(service, station)) for station in stations] == [1, 1, 0]


def test_a_station_shows_its_newest_forecast_with_the_interval_of_80_percent(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(units="kelvin", horizon=3)
    assert answered(service.get(f"/stations/{station}"))["forecast"] is None
    send(service, station, "2025-06-01", [round(value + 273.15, 2) for value in DAYS])
    newest = send(service, station, "2025-07-11", [292.0])
    assert newest is not None
    shown = answered(service.get(f"/stations/{station}"))
    (interval,) = (interval for interval in newest["intervals"] if interval["level"] == 80)
    main = ("issued", "observed_until", "replayed", "model", "version", "timestamps", "sst", "usual")
    assert shown["forecast"] == {name: newest[name] for name in main} | {"intervals": [interval]}
    listed = answered(service.get("/stations", params={"limit": 1_000}))["stations"]
    (same,) = (entry for entry in listed if entry["id"] == station)
    assert same["forecast"] == shown["forecast"]


def test_intervals_learn_from_the_forecasts_that_readings_verify(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station(horizon=2, units="kelvin")
    kelvin = [round(value + 273.15, 2) for value in DAYS]
    first = send(service, station, "2025-06-01", kelvin[:20])
    # Outside every interval, and not so far that it is suspect.
    second = send(service, station, "2025-06-21", [kelvin[20] + 0.9])
    assert first is not None
    assert second is not None
    assert first["plain"] is None
    for plain, issued in zip(second["plain"], second["intervals"], strict=True):
        assert plain["lower"][0] > issued["lower"][0]
        assert plain["upper"][0] < issued["upper"][0]
        # No forecast has been verified two days ahead yet.
        assert (plain["lower"][1], plain["upper"][1]) == (issued["lower"][1], issued["upper"][1])
    newest = answered(service.get(f"/stations/{station}/forecast"))
    assert (newest["plain"], newest["intervals"]) == (second["plain"], second["intervals"])
