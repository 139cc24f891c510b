"""POST /compare: how good the models are on a caller's own series."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from forecasting.errors import RequestError
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from service.api.compare.own_series import refuse_long_work
from service.api.compare.schemas import CompareRequest
from service.settings import Settings
from tests.service.requests import Json, answered
from tests.serving import serve

NETWORKS = ["nino12-rnn", "nino12-lstm", "nino12-gru"]
REFERENCES = ["persistence", "climatology", "damped", "linear"]


def one_series(nino12: SstSeries, n: int, name: str = "pier", **fields: object) -> Json:
    """The last ``n`` months of nino12."""
    values: list[Any] = [round(value, 2) for value in nino12.values[-n:].tolist()]
    return {"id": name, "start": iso(nino12.times[-n]), "values": values, **fields}


@pytest.fixture(scope="module")
def strict_limits(artifacts: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=artifacts, max_values=100, max_series=2)) as client:
        yield client


def test_the_answer_has_the_form_of_the_comparison_on_the_test_part(client: httpx.Client, nino12: SstSeries) -> None:
    answer = answered(client.post("/compare", json={"dataset": "nino12", "series": [one_series(nino12, 100)]}))
    there = answered(client.get("/compare"))
    assert set(there) <= set(answer)
    assert [model["model"] for model in answer["models"]] == NETWORKS + REFERENCES
    for model, other in zip(answer["models"], there["models"], strict=True):
        assert set(model) == set(other)
        assert model["kind"] == other["kind"]
    for model in answer["models"][:3]:
        for name, (low, high) in model["skill_interval"].items():
            assert low <= model["skill"][name] <= high
    assert answer["test"] == {"start": "2004-09-01T00:00:00Z", "end": "2010-12-01T00:00:00Z", "n": 76}
    assert [answer[name] for name in ("dataset", "best", "units", "step", "horizon")] == [
        *("nino12", there["best"], "celsius", "month", 1)
    ]


def test_errors_are_those_of_the_available_forecasts(client: httpx.Client, nino12: SstSeries) -> None:
    request = {"dataset": "nino12", "series": [one_series(nino12, 80)], "predictions": True}
    answer = answered(client.post("/compare", json=request))
    (comparison,) = answer["series"]
    predictions = comparison["predictions"]
    observed = np.asarray(predictions["observed"])
    assert predictions["observed"] == request["series"][0]["values"][24:]  # type: ignore[index]
    assert (predictions["timestamps"][0], len(predictions["timestamps"])) == (
        comparison["test"]["start"],
        comparison["test"]["n"],
    )
    rmse = {
        name: float(np.sqrt(np.mean((np.asarray(p) - observed) ** 2))) for name, p in predictions["predicted"].items()
    }
    for model in answer["models"]:
        assert model["rmse"] == pytest.approx(rmse[model["model"]], abs=1e-5)
        for reference in REFERENCES:
            assert model["skill"][reference] == pytest.approx(1 - model["rmse"] / rmse[reference], abs=1e-4)
    assert answer["lowest_rmse"] == min(rmse, key=lambda name: rmse[name])
    assert comparison["models"] == answer["models"]


def test_each_forecast_is_what_forecast_answers_to_the_series_up_to_there(
    client: httpx.Client, nino12: SstSeries
) -> None:
    whole = one_series(nino12, 60)
    answer = answered(
        client.post("/compare", json={"dataset": "nino12", "series": [whole], "predictions": True, "horizon": 3})
    )
    predictions = answer["series"][0]["predictions"]
    assert answer["test"]["n"] == 60 - 24 - 2
    for i in (0, 17):
        cut = whole | {"values": whole["values"][: 24 + i]}
        forecasts = answered(
            client.post("/forecast", json={"dataset": "nino12", "model": "all", "horizon": 3, "series": [cut]})
        )["models"]
        for forecast in forecasts:
            (due,) = forecast["forecasts"]
            assert due["timestamps"][-1] == predictions["timestamps"][i]
            assert due["sst"][-1] == pytest.approx(predictions["predicted"][forecast["model"]][i], abs=1e-5)


def test_several_series_have_a_result_each_and_one_together(client: httpx.Client, nino12: SstSeries) -> None:
    both = [one_series(nino12, 60, "a"), one_series(nino12, 100, "b")]
    answer = answered(client.post("/compare", json={"dataset": "nino12", "series": both}))
    a, b = answer["series"]
    assert (a["id"], b["id"]) == ("a", "b")
    assert answer["test"]["n"] == a["test"]["n"] + b["test"]["n"] == 36 + 76
    for together, first, other in zip(answer["models"], a["models"], b["models"], strict=True):
        pooled = np.sqrt((36 * first["rmse"] ** 2 + 76 * other["rmse"] ** 2) / 112)
        assert together["rmse"] == pytest.approx(pooled, abs=1e-5)
    assert b == answered(client.post("/compare", json={"dataset": "nino12", "series": both[1:]}))["series"][0]


def test_a_bad_series_has_its_error_in_its_place(client: httpx.Client, nino12: SstSeries) -> None:
    sound = one_series(nino12, 60, "sound")
    short = one_series(nino12, 24, "short")
    wrong = one_series(nino12, 60, "wrong", step="week")
    future = one_series(nino12, 60, "future") | {"start": "2095-01-01"}
    answer = answered(client.post("/compare", json={"dataset": "nino12", "series": [short, sound, wrong, future]}))
    assert answer["series"][0] == {
        "id": "short",
        "error": "24 values are too few: nino12-rnn needs 24, and 1 more to compare with",
    }
    assert (
        answer["series"][1]
        == answered(client.post("/compare", json={"dataset": "nino12", "series": [sound]}))["series"][0]
    )
    assert "this model forecasts steps of one month" in answer["series"][2]["error"]
    assert answer["series"][3] == {
        "id": "future",
        "error": "values[59]: the last observation, of 2099-12-01, is in the future: check the times",
    }
    assert answer["test"]["n"] == 36


def test_with_strict_a_bad_series_refuses_the_request(client: httpx.Client, nino12: SstSeries) -> None:
    series = [one_series(nino12, 60), one_series(nino12, 20, "short")]
    response = client.post("/compare?strict=true", json={"dataset": "nino12", "series": series})
    assert response.status_code == 422
    assert response.json()["errors"][0]["location"] == "body.series[1]"
    assert response.json()["detail"].startswith("series 'short': 20 values are too few")


def test_without_a_comparable_series_there_are_no_errors(client: httpx.Client, nino12: SstSeries) -> None:
    answer = answered(client.post("/compare", json={"dataset": "nino12", "series": [one_series(nino12, 10)]}))
    assert answer["models"] == []
    assert "test" not in answer
    assert "error" in answer["series"][0]
    for kind in ("csv", "markdown"):
        response = client.post(
            f"/compare?format={kind}", json={"dataset": "nino12", "series": [one_series(nino12, 10)]}
        )
        assert "10 values are too few" in response.text


def test_errors_come_in_the_units_of_the_request(client: httpx.Client, nino12: SstSeries) -> None:
    celsius = one_series(nino12, 60)
    kelvin = celsius | {"values": [round(value + 273.15, 2) for value in celsius["values"]]}
    expected = answered(client.post("/compare", json={"dataset": "nino12", "series": [celsius]}))["models"]
    answer = answered(
        client.post("/compare", json={"dataset": "nino12", "series": [kelvin], "units": "kelvin", "predictions": True})
    )
    assert answer["units"] == "kelvin"
    for model, other in zip(answer["models"], expected, strict=True):
        assert model["rmse"] == pytest.approx(other["rmse"], abs=1e-4)
    assert answer["series"][0]["predictions"]["observed"][0] == pytest.approx(kelvin["values"][24])


def test_a_gap_and_another_sea_are_reported(client: httpx.Client, nino12: SstSeries) -> None:
    series = one_series(nino12, 80)
    series["values"] = [None if 50 <= i < 52 else round(value - 20, 2) for i, value in enumerate(series["values"])]
    (comparison,) = answered(client.post("/compare", json={"dataset": "nino12", "series": [series]}))["series"]
    warnings = {warning["code"]: warning["message"] for warning in comparison["warnings"]}
    assert warnings["gap_filled"].startswith("2 of 80 values are missing, in 1 gap")
    assert "are unlike the training" in warnings["outside_training"]


def test_the_horizon_can_be_in_the_query_but_must_not_contradict_the_body(
    client: httpx.Client, nino12: SstSeries
) -> None:
    request = {"dataset": "nino12", "series": [one_series(nino12, 60)]}
    assert answered(client.post("/compare?horizon=6", json=request))["horizon"] == 6
    response = client.post("/compare?horizon=6", json=request | {"horizon": 3})
    assert (response.status_code, response.json()["detail"]) == (
        422,
        "horizon is 6 in the query but 3 in the body: send only one of them",
    )
    response = client.post("/compare?dataset=buoy", json=request | {"dataset": "nino12"})
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"horizon": 13}, 422, "horizon 13 is out of range: nino12-rnn forecasts 1 to 12 steps"),
        ({"model": "transformer"}, 404, "no model 'transformer'"),
        ({"dataset": "atlantis"}, 404, "no dataset 'atlantis'"),
        ({"levels": [80]}, 422, "levels: unknown field"),
        ({"series": []}, 422, "series"),
    ],
)
def test_unknown_names_and_invalid_fields_are_refused_with_a_message(
    client: httpx.Client, nino12: SstSeries, fields: Json, status: int, sentence: str
) -> None:
    response = client.post("/compare", json={"dataset": "nino12", "series": [one_series(nino12, 60)]} | fields)
    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_limits_on_series_and_values_apply(strict_limits: httpx.Client, nino12: SstSeries) -> None:
    response = strict_limits.post("/compare", json={"dataset": "nino12", "series": [one_series(nino12, 101)]})
    assert response.json()["errors"][0]["location"] == "body.series[0].values"
    response = strict_limits.post("/compare", json={"dataset": "nino12", "series": [one_series(nino12, 30)] * 3})
    assert (response.status_code, response.json()["errors"][0]["location"]) == (422, "body.series")


def test_a_comparison_that_would_take_too_long_is_refused_with_what_is_possible(
    artifacts: Path, nino12: SstSeries
) -> None:
    many = [one_series(nino12, 240, f"s{i}") for i in range(2_000)]
    with serve(Settings(artifacts=artifacts, request_seconds=30)) as client:
        response = client.post("/compare", json={"dataset": "nino12", "series": many, "horizon": 12})
    assert response.status_code == 422
    detail = response.json()["detail"]
    assert detail.startswith("comparing 3 models 12 steps ahead on 2000 series with 480000 values in total would take")
    most = int(detail.split("send at most ")[1].split()[0])
    assert 100 < most < 1_000
    request = CompareRequest.model_validate({"dataset": "nino12", "series": many[:1]})
    refuse_long_work(request, models=1, horizon=1, seconds=1)
    with pytest.raises(RequestError, match=r"comparing 1 model 1 step ahead .* send shorter series, or ask for"):
        refuse_long_work(request, models=1, horizon=1, seconds=0.01)


def test_another_media_type_and_no_json_are_refused(client: httpx.Client) -> None:
    assert client.post("/compare", content=b"{}", headers={"Content-Type": "text/csv"}).status_code == 415
    headers = {"Content-Type": "application/json"}
    assert client.post("/compare", content=b"{", headers=headers).status_code == 400
    response = client.post("/compare", content=b'{"series": [{"values": [NaN]}]}', headers=headers)
    assert (response.status_code, response.json()["errors"][0]["location"]) == (422, "body.series[0].values[0]")


def test_the_table_comes_as_csv(client: httpx.Client, nino12: SstSeries) -> None:
    request = {
        "dataset": "nino12",
        "series": [one_series(nino12, 60, "a"), one_series(nino12, 9, "bad"), one_series(nino12, 70, "b")],
    }
    response = client.post("/compare?format=csv", json=request)
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    series = answered(client.post("/compare", json=request))["series"]
    for name, comparison in (("a", series[0]), ("b", series[2])):
        for row, model in zip([row for row in rows if row["id"] == name], comparison["models"], strict=True):
            assert (row["model"], int(row["n"]), row["end"]) == (
                model["model"],
                comparison["test"]["n"],
                comparison["test"]["end"],
            )
            assert float(row["mae"]) == model["mae"]
            assert float(row["skill_damped"]) == model["skill"]["damped"]
    (bad,) = [row for row in rows if row["id"] == "bad"]
    assert bad["error"] == series[1]["error"]


def test_the_table_comes_as_markdown(client: httpx.Client, nino12: SstSeries) -> None:
    request = {"dataset": "nino12", "series": [one_series(nino12, 60, "a")]}
    response = client.post("/compare?format=markdown", json=request)
    assert response.headers["content-type"].startswith("text/markdown")
    head, _, *rows = response.text.strip().splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["Model", "MAE", "RMSE", "MAPE (%)"]
    assert [row.split("|")[1].strip() for row in rows[:4]] == ["RNN", "LSTM", "GRU", "persistence"]
    several = client.post(
        "/compare?format=markdown",
        json={"dataset": "nino12", "series": [*request["series"], one_series(nino12, 9, "b")]},
    )
    assert several.text.startswith(response.text)
    assert "### a\n\n| Model" in several.text
    assert "### b\n\n9 values are too few" in several.text


def test_a_long_series_is_scored_to_its_last_value(client: httpx.Client) -> None:
    values = (23 + 3 * np.sin(np.arange(10_000) * np.pi / 6) + np.random.default_rng(0).normal(0, 0.3, 10_000)).round(2)
    answer = answered(
        client.post(
            "/compare", json={"dataset": "nino12", "series": [{"start": "1000-01-01", "values": values.tolist()}]}
        )
    )
    assert answer["test"] == {"start": "1002-01-01T00:00:00Z", "end": "1833-04-01T00:00:00Z", "n": 9_976}
    rmse = {model["model"]: model["rmse"] for model in answer["models"]}
    assert rmse["climatology"] < rmse["persistence"]
