import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.settings import Settings
from tests.service.requests import Json, answered, loaded
from tests.serving import serve

YEARS = 12
GIVEN = {"climatology": [18.0] * 366, "threshold": [20.0] * 366}
HOT_WEEK = [19.0, *[21.0] * 3, 25.0, *[21.0] * 3, 19.0]


def daily(values: Sequence[float | None], **fields: object) -> Json:
    return {"id": "pier", "start": "2010-01-01", "step": "day", "values": values, **fields}


def years(n: int = YEARS) -> list[float]:
    """Days of a sea with a season, weather, and ten hot days in the last July."""
    days = np.arange(round(365.25 * n))
    sst = 17 + 5 * np.sin((days - 110) / 58.1) + np.random.default_rng(0).normal(0, 0.4, len(days))
    sst[-180:-170] += 4
    values: list[float] = sst.round(2).tolist()
    return values


def post(client: httpx.Client, series: list[Json], kind: str = "marine_heatwave", **fields: Any) -> Json:
    return answered(client.post(f"/events?kind={kind}", json={"series": series, **fields}))


def test_events_of_a_long_series_are_relative_to_what_is_usual_there(client: httpx.Client) -> None:
    answer = post(client, [daily(years())])
    assert (answer["kind"], answer["units"]) == ("marine_heatwave", "celsius")
    (series,) = answer["series"]
    assert series["id"] == "pier"
    assert series["baseline"] == {"start": "2010-01-01", "end": "2021-12-31"}
    assert [warning["code"] for warning in series["warnings"]] == ["short_baseline"]
    assert series["warnings"][0]["message"].startswith("The baseline covers 12 years; thirty are recommended.")
    longest = max(series["events"], key=lambda event: event["days"])
    assert (longest["start"][:7], longest["days"], longest["category"]) == ("2021-07", 10, "Extreme")
    assert 3 < longest["intensity_mean"] < longest["intensity_max"] < 6


def test_a_baseline_may_be_a_period_of_the_series(client: httpx.Client) -> None:
    baseline = {"start": "2010-01-01", "end": "2019-12-31"}
    (series,) = post(client, [daily(years())], baseline=baseline)["series"]
    assert series["baseline"] == baseline


def test_with_a_given_baseline_a_few_days_are_enough(client: httpx.Client) -> None:
    request = [
        daily(HOT_WEEK),
        daily(HOT_WEEK, id="cold", baseline={"climatology": [26.0] * 366, "threshold": [24.0] * 366}),
    ]
    first, second = post(client, request, baseline=GIVEN)["series"]
    assert (first["baseline"], first["warnings"]) == (None, [])
    (event,) = first["events"]
    assert event == {
        "start": "2010-01-02", "end": "2010-01-08", "peak": "2010-01-05", "days": 7,
        "intensity_mean": 3.5714, "intensity_max": 7.0, "intensity_cumulative": 25.0,
        "rate_onset": 1.4286, "rate_decline": 1.4286, "category": "Severe",
    }  # fmt: skip
    assert second["error"] == "baseline.threshold[0] must be above baseline.climatology[0] for marine heatwaves"


def test_the_values_of_the_baseline_are_returned_on_request_and_can_be_sent_back(client: httpx.Client) -> None:
    body = {"units": "fahrenheit", "series": [daily([value * 1.8 + 32 for value in years()])]}
    (series,) = answered(client.post("/events?by_day=true", json=body))["series"]
    by_day = series["by_day"]
    assert {name: len(values) for name, values in by_day.items()} == {"climatology": 366, "threshold": 366}
    assert all(np.subtract(by_day["threshold"], by_day["climatology"]) > 0.5)
    (again,) = answered(client.post("/events", json={**body, "baseline": by_day}))["series"]
    assert [event["start"] for event in again["events"]] == [event["start"] for event in series["events"]]
    assert "by_day" not in again


def test_a_few_days_are_compared_with_the_coarse_climatology_of_their_position(client: httpx.Client) -> None:
    at_sea = {"latitude": 40.0, "longitude": -30.0}
    series = [daily([19.0] * 7, **at_sea), daily([19.0] * 7, id="inland", latitude=52.5, longitude=13.4)]
    body = {"series": [*series, daily([19.0] * 7, id="nowhere")], "baseline": "position"}
    pier, inland, nowhere = answered(client.post("/events?by_day=true", json=body))["series"]
    assert [event["days"] for event in pier["events"]] == [7]
    assert (pier["baseline"], pier["usual"]) == (None, {"years": [2010, 2020], "source": "position"})
    assert [warning["code"] for warning in pier["warnings"]] == ["coarse_baseline"]
    assert all(np.subtract(pier["by_day"]["threshold"], pier["by_day"]["climatology"]) > 0.5)
    assert "on land, far from the sea" in inland["error"]
    assert nowhere["error"] == 'the baseline "position" needs a position: send latitude and longitude'
    (own,) = post(client, [daily([19.0] * 7, baseline="position", **at_sea)], baseline=GIVEN)["series"]
    assert own["events"] == pier["events"]
    (cold,) = post(client, [daily([13.0] * 7, **at_sea)], "marine_cold_spell", baseline="position")["series"]
    assert [event["days"] for event in cold["events"]] == [7]
    (wrong,) = post(client, [daily([26.0] * 7, **at_sea)], baseline="position")["series"]
    assert "where such values are not usual (on average +9." in wrong["error"]
    csv_text = client.post("/events?format=csv", json=body).text
    assert [row["warnings"] for row in csv.DictReader(io.StringIO(csv_text))] == ["coarse_baseline", "", ""]


def test_cold_spells_have_negative_intensities(client: httpx.Client) -> None:
    baseline = {"climatology": [18.0] * 366, "threshold": [16.0] * 366}
    (series,) = post(client, [daily([15.0] * 6)], "marine_cold_spell", baseline=baseline)["series"]
    assert [(event["days"], event["intensity_max"]) for event in series["events"]] == [(6, -3.0)]


def test_intensities_are_in_the_units_of_the_request(client: httpx.Client) -> None:
    fahrenheit = {name: [value * 1.8 + 32 for value in values] for name, values in GIVEN.items()}
    values = [value * 1.8 + 32 for value in HOT_WEEK]
    (series,) = post(client, [daily(values)], units="fahrenheit", baseline=fahrenheit)["series"]
    assert series["events"][0]["intensity_max"] == pytest.approx(7 * 1.8)


@pytest.mark.parametrize(
    ("series", "baseline", "sentence"),
    [
        (daily(years(9)), None, "The series has 9.0 years, but a baseline needs 10 years: send a longer series, or"),
        (daily(HOT_WEEK) | {"step": "hour"}, GIVEN, "The step is one hour, but marine heatwaves and cold spells are"),
        (daily(HOT_WEEK), {"start": "2010-01-02", "end": "2010-01-01"}, "The baseline ends before it starts"),
        (daily(HOT_WEEK), {"start": "soon", "end": "2010-01-01"}, "The baseline period: "),
        (daily(HOT_WEEK), {**GIVEN, "climatology": [-1e308] * 366}, "baseline.climatology[0]"),
        (daily([18.0, 66.2]), GIVEN, "values[1]"),
    ],
)
def test_a_series_without_an_answer_says_why_and_the_others_are_answered(
    client: httpx.Client, series: Json, baseline: Json | None, sentence: str
) -> None:
    request = [series | {"baseline": baseline}, daily(HOT_WEEK, id="other", baseline=GIVEN)]
    failed, other = post(client, request)["series"]
    assert sentence.lower() in failed["error"].lower()
    assert len(other["events"]) == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"series": []}, "body.series"),
        ({"series": [{"start": "2010-01-01", "values": [18.0]}]}, "body.series[0].step"),
        ({"series": [daily([18.0])], "baseline": {"climatology": [18.0] * 365}}, "body.baseline.climatology"),
        ({"series": [daily([18.0])], "baselin": {}}, "body.baselin"),
        ({"series": [daily([18.0])], "baseline": "pier"}, "body.baseline"),
        ({"series": [daily([18.0])], "baseline": {"climatology": [18.0] * 366}}, "body.baseline"),
        ({"series": [daily([18.0], baseline={"start": "2010-01-01"})]}, "body.series[0].baseline"),
        ({"series": [daily([18.0])], "baseline": {**GIVEN, "start": "2010", "end": "2011"}}, "body.baseline"),
    ],
)
def test_an_invalid_request_is_a_422_that_names_the_place(client: httpx.Client, body: Json, place: str) -> None:
    response = client.post("/events", json=body)
    assert response.status_code == 422
    assert place in [error["location"] for error in loaded(response)["errors"]]


def test_csv_has_a_row_for_each_event_and_each_failure(client: httpx.Client) -> None:
    body = {"baseline": GIVEN, "series": [daily(HOT_WEEK * 2), daily(HOT_WEEK, id="hourly") | {"step": "hour"}]}
    response = client.post("/events?format=csv", json=body)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["id"], row["start"], row["category"]) for row in rows] == [
        ("pier", "2010-01-02", "Severe"),
        ("hourly", "", ""),
    ]
    assert rows[1]["error"].startswith("the step is one hour")


def test_an_answer_that_would_be_too_large_is_refused(artifacts: Path) -> None:
    body = {"baseline": GIVEN, "series": [daily([*HOT_WEEK, 18.0] * 50)]}
    with serve(Settings(artifacts=artifacts, max_answer_bytes=2_000)) as client:
        response = client.post("/events", json=body)
    assert response.status_code == 422
    assert "larger than 2000 bytes: send fewer or shorter series" in response.json()["detail"]
