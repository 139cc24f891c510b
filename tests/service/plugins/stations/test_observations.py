"""Readings in, observations out."""

import gzip
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from forecasting.series.times import iso_of
from service.plugins.stations.parameters import Period
from tests.service.plugins.stations.conftest import NewStation
from tests.service.requests import CSV, Json, answered

JUNE = {"start": "2025-06-01", "values": [12.4, 12.6, None, 12.9]}


def send(service: httpx.Client, station: str, readings: Json) -> Json:
    answer = answered(service.post(f"/stations/{station}/observations", json=readings))
    return {name: answer[name] for name in ("new", "revised", "unchanged", "refused")}


def stored(service: httpx.Client, station: str, **query: str | bool) -> Json:
    return answered(service.get(f"/stations/{station}/observations", params=query))


def choices_of(refused: httpx.Response) -> list[tuple[str, str]]:
    assert refused.status_code == 422
    return [(each["option"], each["value"]) for each in refused.json().get("choices", [])]


def varied(count: int) -> list[float]:
    return [12 + i % 3 / 10 for i in range(count)]


def counts(new: int = 0, revised: int = 0, unchanged: int = 0) -> Json:
    return {"new": new, "revised": revised, "unchanged": unchanged, "refused": []}


def test_the_same_batch_twice_changes_nothing(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    assert send(service, station, JUNE) == counts(new=3)
    before = stored(service, station, revisions=True)
    assert send(service, station, JUNE) == counts(unchanged=3)
    assert stored(service, station, revisions=True) == before
    assert before["timestamps"] == ["2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z", "2025-06-04T00:00:00Z"]
    assert before["values"] == [12.4, 12.6, 12.9]


def test_late_and_unordered_readings_take_their_places(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    send(service, station, {"timestamps": ["2025-06-04", "2025-06-02T00:00:00+00:00"], "values": [4, 2]})
    assert send(service, station, {"timestamps": ["2025-06-03"], "values": [3]}) == counts(new=1)
    assert stored(service, station)["values"] == [2, 3, 4]


def test_a_corrected_reading_is_a_revision_and_both_are_kept(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    send(service, station, JUNE)
    assert send(service, station, {"start": "2025-06-02", "values": [13.6]}) == counts(revised=1)
    assert stored(service, station)["values"] == [12.4, 13.6, 12.9]
    both = stored(service, station, revisions=True, **{"from": "2025-06-02", "to": "2025-06-02"})
    assert (both["values"], both["revision"]) == ([12.6, 13.6], [0, 1])


def test_refused_readings_are_named_by_place_and_the_others_are_stored(
    service: httpx.Client, new_station: NewStation
) -> None:
    station, now = new_station(), datetime.now(UTC)
    tomorrow = (now + timedelta(hours=24)).date().isoformat()
    times = ["2025-06-01", "June", "2025-06-02", (now + timedelta(days=7)).isoformat(), "2025-06-03", "2025-06-03",
             tomorrow]  # fmt: skip
    answer = send(service, station, {"timestamps": times, "values": [12.4, 12.5, 99.9, 12.6, 12.7, 12.8, 12.9]})
    assert (answer["new"], len(answer["refused"])) == (3, 4)
    messages = {place["location"]: place["message"] for place in answer["refused"]}
    assert "time 'June' is not an ISO 8601 time" in messages["body.timestamps[1]"]
    assert "99.9 °C, outside the range of sea temperatures" in messages["body.values[2]"]
    assert "is more than a step (one day) in the future: check the clock" in messages["body.values[3]"]
    assert "values[5] is at the same time, 2025-06-03T00:00:00Z, and is stored instead" in messages["body.values[4]"]
    assert stored(service, station)["values"] == [12.4, 12.8, 12.9]
    kelvin = send(service, station, {"timestamps": ["2025-06-04"], "values": [285.6]})["refused"]
    assert kelvin[0]["message"].endswith("the values look like kelvin: set the units of the station to kelvin")
    assert send(service, station, {"start": "2025-06-01", "values": [12.4]}) == counts(unchanged=1)


def test_a_reading_between_two_steps_is_refused_with_the_steps_around_it(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    first = {"timestamps": ["2025-06-01", "2025-06-02", "2025-06-02T12:07:00Z"], "values": [12.4, 12.5, 12.6]}
    for readings, new, place in (
        (first, 2, 2),
        ({"timestamps": ["2025-06-03", "2025-06-02T12:07:00Z"], "values": [12.7, 12.8]}, 1, 1),
    ):
        answer = send(service, station, readings)
        assert (answer["new"], [reading["location"] for reading in answer["refused"]]) == (
            new,
            [f"body.values[{place}]"],
        )
        assert answer["refused"][0]["message"] == (
            "the time 2025-06-02T12:07:00Z is between two steps (one day) of the station, 2025-06-02T00:00:00Z and "
            "2025-06-03T00:00:00Z: send one reading for the step, such as the mean, at one of these times"
        )
    assert stored(service, station)["values"] == [12.4, 12.5, 12.7]
    noon = new_station()
    send(service, noon, {"timestamps": ["2025-06-01T12:00Z"], "values": [12.4]})
    assert send(service, noon, {"timestamps": ["2025-06-02T12:05Z"], "values": [12.4]}) == counts(new=1)
    assert send(service, noon, {"start": "2025-06-03T12:00Z", "values": [12.4] * 12}) == counts(new=12)
    assert len(send(service, noon, {"timestamps": ["2025-06-15"], "values": [12.4]})["refused"]) == 1


@pytest.mark.parametrize("minutes", [7, 20, 30])
def test_a_wrong_first_reading_does_not_refuse_those_that_follow(
    service: httpx.Client, new_station: NewStation, minutes: int
) -> None:
    station = new_station(step="hour")
    send(service, station, {"timestamps": [f"2025-06-01T00:{minutes:02}Z"], "values": [12.0]})
    for hour in range(1, 30):
        time = f"2025-06-0{1 + hour // 24}T{hour % 24:02}:00Z"
        answer = send(service, station, {"timestamps": [time], "values": [12 + hour / 50]})
        assert (answer["new"], answer["refused"]) == (1, [])
    late = send(service, station, {"timestamps": ["2025-06-02T07:30Z"], "values": [12.0]})
    assert late["new"] == 0, "the steps are settled"


@pytest.mark.parametrize(
    "batches",
    [
        [("2025-06-01", 3), *((f"2025-06-{day:02}", 1) for day in range(4, 12))],
        [(f"2025-06-{day:02}", 1) for day in range(4, 15)],
        [("2025-06-01", 11)],
    ],
    ids=["the same days first", "one at a time", "in one request"],
)
def test_a_few_readings_at_wrong_times_give_way_to_more_at_others(
    service: httpx.Client, new_station: NewStation, batches: list[tuple[str, int]]
) -> None:
    station = new_station()
    send(service, station, {"start": "2025-06-01T12:00Z", "values": varied(3)})
    for start, count in batches:
        assert send(service, station, {"start": start, "values": varied(count)}) == counts(new=count)
    assert send(service, station, {"start": "2025-06-15T12:00Z", "values": [12.4]})["new"] == 0
    assert send(service, station, {"start": "2025-06-15", "values": varied(5)}) == counts(new=5)
    answered(service.get(f"/stations/{station}/forecast"))


def test_a_history_decides_the_steps_of_the_readings_that_follow(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    send(service, station, {"start": "2025-11-20T07:00Z", "values": varied(2)})
    assert send(service, station, {"start": "2024-10-16", "values": varied(400)}) == counts(new=400)
    seven = send(service, station, {"start": "2025-11-22T07:00Z", "values": [12.4]})
    assert seven["new"] == 0
    assert "2025-11-22T00:00:00Z and 2025-11-23T00:00:00Z" in seven["refused"][0]["message"]
    assert send(service, station, {"start": "2025-11-22", "values": [12.4]}) == counts(new=1)
    answered(service.get(f"/stations/{station}/forecast"))


def test_an_outage_does_not_unsettle_the_steps(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(step="hour")
    send(service, station, {"start": "2025-01-01", "values": [12.4] * 100})
    assert send(service, station, {"start": "2025-06-01", "values": [12.4]}) == counts(new=1)
    assert send(service, station, {"start": "2025-06-01T01:30Z", "values": [12.4] * 3})["new"] == 0


@pytest.mark.parametrize("units", ["kelvin", "fahrenheit"])
def test_values_are_stored_once_whatever_the_units(service: httpx.Client, new_station: NewStation, units: str) -> None:
    station, values = new_station(units=units), {"kelvin": [285.55, 285.71], "fahrenheit": [54.32, 54.68]}[units]
    assert send(service, station, {"start": "2025-06-01", "values": values}) == counts(new=2)
    assert send(service, station, {"start": "2025-06-01", "values": values}) == counts(unchanged=2)
    assert stored(service, station)["values"] == values


def test_months_follow_the_calendar(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station(step="month")
    send(service, station, {"start": "2025-01", "values": [1, 2, 3], "step": "P1M"})
    assert [time[:10] for time in stored(service, station)["timestamps"]] == ["2025-01-01", "2025-02-01", "2025-03-01"]


@pytest.mark.parametrize(
    ("readings", "sentence"),
    [
        ({"values": [1]}, "give either start, or timestamps with one time for each value"),
        ({"values": [1], "start": "2025-06-01", "timestamps": ["2025-06-01"]}, "give either start, or timestamps"),
        ({"values": [1, 2], "timestamps": ["2025-06-01"]}, "1 timestamp for 2 values: send one for each value"),
        ({"values": [1], "start": "soon"}, "time 'soon' is not an ISO 8601 time"),
        ({"values": [1], "start": "9999-12-31"}, "the values extend past the year 9999"),
        (
            {"values": [1], "start": "2025-06-01", "step": "hour"},
            "the step is one hour, but the step of the station is one day",
        ),
        (
            {"values": [1] * 24, "timestamps": [f"2025-06-01T{hour:02}:00Z" for hour in range(24)]},
            "most of the readings are between two steps (one day), such as the one at 2025-06-01T",
        ),
        ({"values": ["1"], "start": "2025-06-01"}, "body.values[0]: "),
        ({"values": [], "start": "2025-06-01"}, "body.values: "),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_whole(
    service: httpx.Client, new_station: NewStation, readings: Json, sentence: str
) -> None:
    station = new_station()
    refused = service.post(f"/stations/{station}/observations", json=readings)
    assert refused.status_code == 422
    assert sentence in refused.json()["detail"]
    assert stored(service, station)["values"] == []


def test_a_file_is_read_as_post_series_reads_it(service: httpx.Client, new_station: NewStation) -> None:
    station, path = new_station(), "/stations/{}/observations"
    text = "time,sst\n2025-06-01,12.4\n2025-06-02,12.6\n2025-06-03,\n2025-06-04,12.9\n"
    answer = answered(service.post(path.format(station), content=text, headers=CSV))
    assert answer["new"] == 3
    packed = gzip.compress(text.encode())
    again = service.post(path.format(station), content=packed, headers={"Content-Type": "application/gzip"})
    assert answered(again)["unchanged"] == 3


@pytest.mark.parametrize(
    ("header", "value", "units", "units_from"),
    [
        ("sst", 59.0, "fahrenheit", "as for the station, as the file does not say"),
        ("sst (degC)", 15.0, "celsius", "by the header"),
        ("sst [K]", 288.15, "kelvin", "by the header"),
    ],
)
def test_a_file_is_in_the_units_of_the_station_unless_it_states_its_own(
    service: httpx.Client, new_station: NewStation, header: str, value: float, units: str, units_from: str
) -> None:
    station = new_station(units="fahrenheit")
    text = f"time,{header}\n2025-06-01,{value}\n2025-06-02,{value}\n"
    answer = answered(service.post(f"/stations/{station}/observations", content=text, headers=CSV))
    assert (answer["new"], answer["units"], answer["units_from"]) == (2, units, units_from)
    assert stored(service, station)["values"] == pytest.approx([59.0, 59.0])


def test_a_file_may_hold_one_reading_or_skip_days(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    for text in ("time,sst\n2025-06-05,12.9\n", "time,sst\n2025-06-06,13.1\n2025-06-09,13.2\n"):
        answered(service.post(f"/stations/{station}/observations", content=text, headers=CSV))
    assert stored(service, station)["values"] == [12.9, 13.1, 13.2]


def test_a_file_that_does_not_fit_the_station_is_refused_with_the_remedy(
    service: httpx.Client, new_station: NewStation
) -> None:
    station = new_station()
    hours = "time,sst\n" + "".join(f"2025-06-0{1 + i // 24}T{i % 24:02}:00Z,12.{i % 10}\n" for i in range(72))
    two = "station,time,sst\n" + "".join(f"{name},2025-06-0{day},12.{day}\n" for name in "ab" for day in range(1, 6))
    path = f"/stations/{station}/observations"
    refused = service.post(path, content=hours, headers=CSV)
    assert choices_of(refused) == [("resample", "day")]
    assert "the step of the file is one hour, but the step of the station is one day" in refused.json()["detail"]
    assert answered(service.post(path, content=hours, headers=CSV, params={"resample": "day"}))["new"] == 3
    refused = service.post(path, content=two, headers=CSV)
    assert choices_of(refused) == [("station", "a"), ("station", "b")]
    assert "station=" in refused.json()["detail"]
    chosen = service.post(path, content=two, headers=CSV, params={"station": "b"})
    assert answered(chosen)["new"] + answered(chosen)["revised"] == 5


def test_options_of_files_are_refused_with_json(service: httpx.Client, new_station: NewStation) -> None:
    refused = service.post(f"/stations/{new_station()}/observations", json=JUNE, params={"units": "kelvin"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "units applies to files, but the body is JSON: leave it out"


def test_many_stations_are_stored_together_and_each_gets_its_answer(
    service: httpx.Client, new_station: NewStation
) -> None:
    first, second = new_station(), new_station(step="hour")
    body = {
        "readings": [
            {"station": first, **JUNE},
            {"station": "nowhere", **JUNE},
            {"station": second, "timestamps": ["2025-06-01T01:00Z", "later"], "values": [10, 11]},
            {"station": "neither", "values": [1]},
        ]
    }
    answer = answered(service.post("/observations", json=body))["stations"]
    assert {**answer[0], "forecast": None} == {"station": first, **counts(new=3), "warnings": [], "forecast": None}
    assert answer[1]["error"].lower().startswith("no station 'nowhere': create it with put /stations/nowhere")
    assert (answer[2]["new"], answer[2]["refused"][0]["location"]) == (1, "body.readings[2].timestamps[1]")
    assert "error" in answer[3]
    again = answered(service.post("/observations", json=body))["stations"]
    assert (again[0]["unchanged"], again[2]["unchanged"]) == (3, 1)


def test_a_station_that_appears_twice_in_one_request_is_refused(service: httpx.Client, new_station: NewStation) -> None:
    station = new_station()
    refused = service.post("/observations", json={"readings": [{"station": station, **JUNE}] * 2})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "body.readings[1].station"


def test_a_period_that_is_not_a_time_is_refused(service: httpx.Client, new_station: NewStation) -> None:
    refused = service.get(f"/stations/{new_station()}/observations", params={"from": "spring"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "query.from"


@pytest.mark.parametrize(
    ("to", "last"),
    [
        ("2026-08-31", "2026-08-31T23:59:59Z"),
        ("2026-08-31T00:00", "2026-08-31T00:00:00Z"),
        ("2026-08-31T12:00:00+02:00", "2026-08-31T10:00:00Z"),
    ],
)
def test_a_period_ends_with_the_whole_of_its_last_day_or_at_a_time(to: str, last: str) -> None:
    period = Period.read("2026-08-01", to)
    assert period.begin is not None
    assert period.end is not None
    assert (iso_of(period.begin), iso_of(period.end)) == ("2026-08-01T00:00:00Z", last)


def test_a_question_that_the_dates_of_a_file_leave_open_has_choices(
    service: httpx.Client, new_station: NewStation
) -> None:
    path, content = f"/stations/{new_station()}/observations", "date,sst\n03/04/2010,20\n05/04/2010,21\n"
    assert choices_of(service.post(path, content=content, headers=CSV)) == [("dates", "dmy"), ("dates", "mdy")]
    assert answered(service.post(path, content=content, headers=CSV, params={"dates": "dmy"}))["new"] == 2
