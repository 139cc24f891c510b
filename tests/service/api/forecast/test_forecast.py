import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch

from forecasting.models.checkpoint import CPU, load
from forecasting.releases.catalog import Catalog
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from service.settings import Settings
from tests.service.requests import Json, answered, body
from tests.serving import serve
from training.run import Published


def test_a_dataset_is_forecast_from_its_own_last_observation(client: httpx.Client, catalog: Catalog) -> None:
    answer = answered(client.get("/forecast", params={"model": "gru", "horizon": 3}))
    assert (answer["model"], answer["units"], answer["step"]) == ("nino12-gru", "celsius", "month")
    assert answer["version"] == catalog.dataset("nino12").version
    (forecast,) = answer["forecasts"]
    assert forecast["timestamps"] == ["2011-01-01T00:00:00Z", "2011-02-01T00:00:00Z", "2011-03-01T00:00:00Z"]
    assert list(forecast["baselines"]) == ["persistence", "climatology", "damped", "linear"]
    assert forecast["baselines"]["persistence"] == [22.07] * 3
    assert [interval["level"] for interval in forecast["intervals"]] == [80, 95]
    (warning,) = forecast["warnings"]
    assert warning["code"] == "late"
    assert warning["message"].startswith("the last observation, from 2010-12-01, is ")
    assert warning["message"].endswith(
        " years old, so all forecast times have passed; send newer values to POST /forecast"
    )


@pytest.mark.plugin("uploads")
def test_a_climatology_says_what_it_rests_on(client: httpx.Client, nino12: SstSeries) -> None:
    (forecast,) = answered(client.get("/forecast"))["forecasts"]
    recent = answered(client.get("/series"))
    assert recent["usual"] == {"years": [1950, 2010], "source": "series"}
    assert forecast["usual"] == {**recent["usual"], "sst": pytest.approx(recent["climatology"][-1], abs=1e-6)}
    series = [{"start": iso(nino12.times[-n]), "values": nino12.values[-n:].tolist()} for n in (332, 24)]
    long, short = answered(client.post("/forecast", json={"dataset": "nino12", "horizon": 12, "series": series}))[
        "forecasts"
    ]
    assert (long["usual"]["years"], long["usual"]["source"]) == ([1983, 2010], "series")
    # Twelve months later, the same is usual.
    assert long["usual"]["sst"] == pytest.approx(long["baselines"]["climatology"][11], abs=1e-6)
    assert short["usual"]["years"] == [2009, 2010]
    series[1]["values"][:6] = [None] * 6
    (too_short,) = answered(client.post("/forecast", json={"dataset": "nino12", "series": series[1:]}))["forecasts"]
    assert "usual" not in too_short


def test_levels_of_a_dataset_forecast_can_be_chosen(client: httpx.Client) -> None:
    answer = answered(client.get("/forecast?level=50&level=90"))
    assert [interval["level"] for interval in answer["forecasts"][0]["intervals"]] == [50, 90]


def test_another_dataset_can_be_requested_by_name(client: httpx.Client) -> None:
    answer = answered(client.get("/forecast?dataset=buoy&model=lstm&horizon=4"))
    assert (answer["model"], answer["step"]) == ("buoy-lstm", "PT30M")


def test_a_callers_series_is_answered_with_what_the_checkpoint_says(
    client: httpx.Client, nino12: SstSeries, published: Published
) -> None:
    answer = answered(client.post("/forecast", json=body(nino12)))
    module, _ = load((published.path / "gru.pt").read_bytes(), CPU)
    window = torch.tensor(nino12.values[None, -24:], dtype=torch.float32)
    valid_time = torch.tensor([1_293_840_000.0], dtype=torch.float64)  # 2011-01-01
    with torch.inference_mode():
        expected = float(module(window, valid_time))
    (forecast,) = answer["forecasts"]
    assert forecast["id"] == "pier"
    assert forecast["timestamps"] == ["2011-01-01T00:00:00Z"]
    assert forecast["sst"] == pytest.approx([expected], abs=1e-5)


def test_all_three_models_answer_at_once(client: httpx.Client, nino12: SstSeries) -> None:
    answer = answered(client.post("/forecast", json=body(nino12, model="all", horizon=2)))
    assert [model["model"] for model in answer["models"]] == ["nino12-rnn", "nino12-lstm", "nino12-gru"]
    assert all(len(model["forecasts"][0]["sst"]) == 2 for model in answer["models"])


def test_thousands_of_series_come_back_in_their_order(client: httpx.Client, nino12: SstSeries) -> None:
    start = iso(nino12.times[-24])
    series = [{"start": start, "values": (nino12.values[-24:] + i / 1_000).tolist()} for i in range(1_000)]
    together = answered(
        client.post("/forecast", json={"dataset": "nino12", "model": "gru", "levels": [], "series": series})
    )["forecasts"]
    assert [forecast["id"] for forecast in together] == [str(i) for i in range(1_000)]
    assert np.all(np.diff([forecast["sst"][0] for forecast in together]) > 0)
    alone = answered(client.post("/forecast", json={"dataset": "nino12", "model": "gru", "series": series[777:778]}))[
        "forecasts"
    ][0]
    assert together[777]["sst"] == pytest.approx(alone["sst"], abs=1e-5)


def test_timestamps_can_replace_a_start(client: httpx.Client, nino12: SstSeries) -> None:
    regular = body(nino12)
    stamped = body(nino12)
    del stamped["series"][0]["start"]
    stamped["series"][0]["timestamps"] = [str(time)[:7] + "-15T12:00:00+02:00" for time in nino12.times[-30:]]
    assert (
        answered(client.post("/forecast", json=stamped))["forecasts"]
        == answered(client.post("/forecast", json=regular))["forecasts"]
    )


def test_timestamps_out_of_order_are_sorted_with_a_warning(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    series = request["series"][0]
    series["timestamps"] = [iso(time) for time in nino12.times[-30:]][::-1]
    series["values"].reverse()
    del series["start"]
    (forecast,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert [warning["code"] for warning in forecast["warnings"]] == ["adjusted"]
    assert forecast["timestamps"] == ["2011-01-01T00:00:00Z"]


@pytest.mark.parametrize(
    ("units", "there", "back"),
    [
        ("kelvin", lambda c: c + 273.15, lambda kelvin: kelvin - 273.15),
        ("fahrenheit", lambda c: c * 1.8 + 32, lambda f: (f - 32) / 1.8),
    ],
)
def test_answers_come_in_the_units_of_the_request(
    client: httpx.Client,
    nino12: SstSeries,
    units: str,
    there: Callable[[float], float],
    back: Callable[[float], float],
) -> None:
    celsius = body(nino12, thresholds=[23.0])
    other = body(nino12, units=units, thresholds=[there(23.0)])
    other["series"][0]["values"] = [there(value) for value in celsius["series"][0]["values"]]
    (expected,) = answered(client.post("/forecast", json=celsius))["forecasts"]
    answer = answered(client.post("/forecast", json=other))
    (forecast,) = answer["forecasts"]
    assert answer["units"] == units
    assert back(forecast["sst"][0]) == pytest.approx(expected["sst"][0], abs=1e-4)
    for interval, two in zip(forecast["intervals"], expected["intervals"], strict=True):
        assert back(interval["lower"][0]) == pytest.approx(two["lower"][0], abs=1e-4)
    assert back(forecast["baselines"]["persistence"][0]) == pytest.approx(expected["baselines"]["persistence"][0])
    assert forecast["exceedance"][0]["probability"] == pytest.approx(expected["exceedance"][0]["probability"], abs=1e-4)


def test_no_levels_ask_for_no_intervals(client: httpx.Client, nino12: SstSeries) -> None:
    (forecast,) = answered(client.post("/forecast", json=body(nino12, levels=[])))["forecasts"]
    assert forecast["intervals"] == []


def test_a_filled_gap_is_reported(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["values"][20] = None
    (forecast,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert {"code": "gap_filled", "message": "1 missing value interpolated: 2010-03-01"} in forecast["warnings"]


def test_water_unlike_the_training_place_is_marked(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    request["series"][0]["values"] = [value - 18 for value in request["series"][0]["values"]]
    (forecast,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert "outside_training" in [warning["code"] for warning in forecast["warnings"]]
    assert [interval["calibrated"] for interval in forecast["intervals"]] == [False, False]


def test_one_bad_series_gets_an_error_in_its_place(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    good = request["series"][0]
    request["series"] = [good, {**good, "id": "short", "values": good["values"][:5]}, good]
    first, bad, last = answered(client.post("/forecast", json=request))["forecasts"]
    assert bad == {"id": "short", "error": "5 values are too few: nino12-gru needs at least 24"}
    assert first == last
    assert "sst" in first


def test_strict_refuses_the_whole_request_for_a_bad_series(client: httpx.Client, nino12: SstSeries) -> None:
    request = body(nino12)
    good = request["series"][0]
    request["series"] = [good, {**good, "id": "short", "values": good["values"][:5]}]
    response = client.post("/forecast?strict=true", json=request)
    assert response.status_code == 422
    assert response.json()["detail"] == "series 'short': 5 values are too few: nino12-gru needs at least 24"
    assert response.json()["errors"][0]["location"] == "body.series[1]"
    assert client.post("/forecast?strict=true", json=body(nino12)).status_code == 200


def test_a_large_request_has_the_errors_of_each_series_for_each_network(
    client: httpx.Client, nino12: SstSeries
) -> None:
    """It is written in parts, and refused as a whole."""
    request = body(nino12, model="all")
    good = request["series"][0]
    bad = {**good, "values": good["values"][:5]}
    request["series"] = [{**good, "id": f"pier-{i}"} for i in range(700)]
    places = [0, 1, 350, 699]
    for i in places:
        request["series"][i] = {**bad, "id": f"short-{i}"}
    for model, name in zip(
        answered(client.post("/forecast", json=request))["models"], ("rnn", "lstm", "gru"), strict=True
    ):
        for i, forecast in enumerate(model["forecasts"]):
            if i in places:
                error = f"5 values are too few: nino12-{name} needs at least 24"
                assert forecast == {"id": f"short-{i}", "error": error}
            else:
                assert forecast["id"] == f"pier-{i}"
                assert forecast["sst"] == pytest.approx(model["forecasts"][2]["sst"], abs=1e-5)
    response = client.post("/forecast?strict=true", json=request)
    assert response.status_code == 422
    assert [error["location"] for error in response.json()["errors"]] == [f"body.series[{i}]" for i in places]


def test_a_too_large_answer_is_refused_with_the_number_of_series_that_fits(artifacts: Path, nino12: SstSeries) -> None:
    request = body(nino12, horizon=12, model="all", thresholds=[25.0])
    request["series"] *= 200
    with serve(Settings(artifacts=artifacts, max_answer_bytes=400_000)) as client:
        refused = client.post("/forecast", json=request)
        assert refused.status_code == 422
        limit = re.search(
            r"200 series would be larger than 400000 bytes: send at most (\d+) in", refused.json()["detail"]
        )
        assert limit is not None
        request["series"] = request["series"][: int(limit[1])]
        answer = client.post("/forecast", json=request)
        assert answer.status_code == 200
        assert 250_000 < len(answer.content) <= 400_000


def test_the_query_applies_if_the_body_sets_no_value(client: httpx.Client, nino12: SstSeries) -> None:
    sent = body(nino12)
    del sent["model"]
    asked = "model=rnn&horizon=2&level=50&threshold=296.65&units=kelvin"
    sent["series"][0]["values"] = [value + 273.15 for value in sent["series"][0]["values"]]
    by_query = answered(client.post(f"/forecast?{asked}", json=sent))
    same = {"model": "rnn", "horizon": 2, "levels": [50], "thresholds": [296.65], "units": "kelvin"}
    assert by_query == answered(client.post("/forecast", json=sent | same))
    assert by_query == answered(client.post(f"/forecast?{asked}", json=sent | same))
    refused = client.post("/forecast?level=80", json=sent | same)
    assert refused.status_code == 422
    message = "level in the query contradicts levels in the body: send only one of them"
    assert refused.json()["errors"] == [{"location": "query.level", "message": message}]
    assert client.post("/forecast?horizon=none", json=sent).json()["errors"][0]["location"] == "query.horizon"


def test_a_dataset_forecast_has_levels_thresholds_and_units(client: httpx.Client) -> None:
    celsius = answered(client.get("/forecast?model=gru&level=&threshold=23.5"))["forecasts"][0]
    kelvin = answered(client.get("/forecast?model=gru&level=&threshold=296.65&units=kelvin"))["forecasts"][0]
    assert celsius["intervals"] == kelvin["intervals"] == []
    assert kelvin["sst"][0] == pytest.approx(celsius["sst"][0] + 273.15)
    assert kelvin["exceedance"][0]["probability"] == pytest.approx(celsius["exceedance"][0]["probability"], abs=1e-6)
    assert client.get("/forecast", params={"level": [80] * 17}).status_code == 422


@pytest.mark.parametrize(("start", "same"), [("2009-01", "2009-01-01"), ("2009-01-01t00:00:00z", "2009-01-01")])
def test_months_and_lower_case_letters_are_valid_times(
    client: httpx.Client, nino12: SstSeries, start: str, same: str
) -> None:
    first, other = (body(nino12) for _ in range(2))
    first["series"][0]["start"], other["series"][0]["start"] = start, same
    assert answered(client.post("/forecast", json=first)) == answered(client.post("/forecast", json=other))


@pytest.mark.parametrize("start", ["2009-01-01X01:00:00Z", "2009-01-01101:00", "2009-01-01" + "0" * 100, "2009-13"])
def test_an_invalid_time_is_an_error(client: httpx.Client, nino12: SstSeries, start: str) -> None:
    request = body(nino12)
    request["series"][0]["start"] = start
    (forecast,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert forecast["error"].startswith(f"time '{start[:40]}' is not an ISO 8601 time")


def test_a_series_of_another_step_is_not_filled_up(client: httpx.Client) -> None:
    times = [f"2017-03-{1 + hour // 24:02}T{hour % 24:02}:00:00Z" for hour in range(60)]
    request = {"dataset": "buoy", "model": "gru", "series": [{"timestamps": times, "values": [8.0] * 60}]}
    (forecast,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert forecast["error"] == (
        "its times are 2 steps apart, but this model needs one every 30 minutes; send null where one is missing"
    )


def test_a_parameter_without_a_value_is_empty(client: httpx.Client, nino12: SstSeries) -> None:
    refused = client.post("/forecast?strict=", json=body(nino12))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == "query.strict"
    assert client.post("/forecast?dataset=", json=body(nino12, dataset="nino12")).status_code == 200


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"values": [24.0] * 29 + [None]}, "values[29]: the last value is missing"),
        ({"values": [24.0] * 20 + [None] * 4 + [24.0] * 6}, "values[20]: missing values from 2010-03-01 to 2010-06-01"),
        ({"values": [24.0] * 29 + [99.9]}, "values[29] is 99.9 °C, outside the range of sea temperatures"),
        ({"values": [24.0] * 29 + [-999]}, "if it marks a missing value, send null in its place"),
        ({"values": [297.0] * 30}, "the values look like kelvin: set the units to kelvin"),
        ({"values": [1e300] * 30}, "outside the range of sea temperatures"),
        ({"start": "soon"}, "'soon' is not an ISO 8601 time"),
        ({"start": None}, "give either start, or timestamps"),
        ({"timestamps": ["2010-01-01"]}, "give either start, or timestamps"),
        ({"start": None, "timestamps": ["2010-01-01"]}, "1 timestamp for 30 values: send one for each value"),
        ({"start": None, "timestamps": ["2010-01-01"] * 29 + ["x"]}, "timestamps[29]: time 'x'"),
        ({"start": None, "timestamps": ["2010-01-01"] * 30}, "times are repeated"),
        ({"step": "day"}, "the step is one day, but this model forecasts steps of one month"),
        ({"step": "fortnight"}, "unknown step 'fortnight'"),
        (
            {"start": None, "timestamps": [f"2010-01-{day:02}" for day in range(1, 31)]},
            "its times are one day apart, but this model needs one a month: send means, or name or train a dataset",
        ),
        (
            {"start": None, "timestamps": [f"{2000 + i // 12}-{i % 12 + 1:02}-01" for i in range(29)] + ["2002-05-02"]},
            "values[29] (2002-05-02) falls in the same month as the value before it",
        ),
    ],
)
def test_the_error_of_a_series_says_what_is_wrong(
    client: httpx.Client, nino12: SstSeries, change: Json, error: str
) -> None:
    request = body(nino12)
    request["series"][0] |= change
    (failure,) = answered(client.post("/forecast", json=request))["forecasts"]
    assert failure["id"] == "pier"
    assert error in failure["error"]


@pytest.mark.parametrize(
    "start", ["0001-01-01", "9999-01-01", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00"]
)
def test_the_ends_of_the_calendar_are_answered(client: httpx.Client, nino12: SstSeries, start: str) -> None:
    request = body(nino12, horizon=12)
    request["series"][0]["start"] = start
    assert len(answered(client.post("/forecast", json=request))["forecasts"]) == 1


def test_two_distant_times_are_refused_and_not_filled(client: httpx.Client) -> None:
    """A grid between them would ask for the memory of thousands."""
    series = {"timestamps": ["0001-01-01", "9999-11-01"], "values": [20.0, 21.0]}
    forecast = answered(client.post("/forecast", json={"dataset": "nino12", "model": "gru", "series": [series]}))[
        "forecasts"
    ][0]
    assert "check for a wrong time at either end" in forecast["error"]


def test_the_operator_can_limit_the_horizon_of_every_call(artifacts: Path, nino12: SstSeries) -> None:
    lines = {"Content-Type": "application/x-ndjson"}
    series = json.dumps(body(nino12)["series"][0]).encode()
    with serve(Settings(artifacts=artifacts, max_horizon=2)) as client:
        for horizon, status in ((2, 200), (3, 422)):
            asked = {"horizon": horizon}
            answers = [
                client.get("/forecast", params=asked),
                client.post("/forecast", json=body(nino12, **asked)),
                client.post("/forecast", params=asked, content=series, headers=lines),
                client.get("/compare", params=asked),
                client.post("/compare", params=asked, json=body(nino12, 60)),
            ]
            assert [answer.status_code for answer in answers] == [status] * len(answers)
        assert {answer.json()["detail"] for answer in answers} == {
            "horizon 3 is too large: this service forecasts at most 2 steps ahead"
        }
        assert {model["horizon"] for model in client.get("/models").json()["models"]} == {2}
