"""POST /compare with universal networks, on series from any sea."""

import csv
import io

import httpx
import numpy as np
import pytest

from service.api.compare.schemas import HeldOutComparison, OwnComparison
from tests.service.requests import Json, answered

VALUES = [round(20 + 3 * np.sin(i / 20) + 0.3 * np.sin(1.7 * i), 2) for i in range(200)]


def days(**fields: object) -> Json:
    return {"id": "pier", "start": "2023-01-01", "step": "day", "values": VALUES} | fields


def compare(client: httpx.Client, *series: Json, **fields: object) -> Json:
    answer = answered(client.post("/compare", json={"series": series, **fields}))
    OwnComparison.model_validate(answer)
    return answer


@pytest.mark.parametrize("fields", [{}, {"dataset": "ocean-daily"}])
def test_three_networks_and_references_are_compared_from_every_past_step(
    seas_client: httpx.Client, fields: Json
) -> None:
    answer = compare(seas_client, days(), horizon=2, predictions=True, **fields)
    assert (answer["dataset"], answer["step"], answer["best"]) == ("ocean-daily", "day", "ocean-daily-gru")
    names = [model["model"] for model in answer["models"]]
    assert names[:4] == ["ocean-daily-rnn", "ocean-daily-lstm", "ocean-daily-gru", "persistence"]
    (series,) = answer["series"]
    predictions = series["predictions"]
    assert len(predictions["timestamps"]) == series["test"]["n"] == answer["test"]["n"]
    first = VALUES.index(predictions["observed"][0], 15)
    assert predictions["observed"] == VALUES[-len(predictions["observed"]) :]
    assert predictions["predicted"]["persistence"] == VALUES[-len(predictions["observed"]) - 2 : -2]
    assert predictions["predicted"]["ocean-daily-gru"][0] == pytest.approx(VALUES[first - 2] + 0.01, abs=1e-3)
    error = np.subtract(predictions["predicted"]["persistence"], predictions["observed"])
    persistence = answer["models"][3]
    assert persistence["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-5)
    assert predictions["timestamps"][-1] == "2023-07-19T00:00:00Z"
    gru = answer["models"][2]
    assert set(gru["coverage"]) == {"80", "95"}
    assert gru["skill"]["persistence"] == pytest.approx(1 - gru["rmse"] / persistence["rmse"], abs=1e-4)


def test_a_long_gappy_series_is_rolled_in_parts(seas_client: httpx.Client) -> None:
    values: list[float | None] = [round(20 + 3 * np.sin(i / 58) + 0.3 * np.sin(1.7 * i), 2) for i in range(1_300)]
    values[50:60] = [None] * 10
    values[1_290:] = [None] * 10
    (series,) = compare(seas_client, days(values=values), model="gru", predictions=True)["series"]
    predictions = series["predictions"]
    assert predictions["timestamps"][-1] == "2026-07-13T00:00:00Z"
    assert predictions["observed"][-3:] == values[1_287:1_290]
    shifted = np.asarray(predictions["predicted"]["persistence"]) + 0.01
    assert predictions["predicted"]["ocean-daily-gru"] == pytest.approx(shifted, abs=1e-3)


def test_series_at_several_steps_are_not_pooled(seas_client: httpx.Client) -> None:
    answer = compare(
        seas_client, days(id="a"), days(id="b", start="2000-01-01", step="month"), days(id="c", values=VALUES[:5])
    )
    assert answer["models"] == []
    assert "dataset" not in answer
    daily, monthly, failed = answer["series"]
    assert (daily["dataset"], daily["step"]) == ("ocean-daily", "day")
    assert daily["models"][2]["model"] == "ocean-daily-gru"
    assert monthly["models"][2]["model"] == "ocean-monthly-gru"
    assert "send 9 more" in failed["error"]
    pooled = compare(seas_client, days(id="a"), days(id="b"))
    assert pooled["test"]["n"] == 2 * daily["test"]["n"]
    assert pooled["models"][0]["p_value"] is None
    assert pooled["models"][0]["skill_interval"] == {}


@pytest.mark.parametrize(
    ("series", "fields", "message"),
    [
        ({"step": None}, {}, "`step` is required with `start`"),
        ({}, {"dataset": "ocean-daily", "horizon": 15}, "ocean-daily-rnn forecasts 1 to 14 steps"),
        ({"values": [20.0] * 50}, {}, "all 50 values are 20 °C"),
        ({"values": VALUES[:14]}, {}, "send at least 15 values"),
        ({"values": [None] * 50}, {}, "every value of the series is missing"),
    ],
)
def test_a_comparison_that_is_not_possible_is_refused_with_a_sentence(
    seas_client: httpx.Client, series: Json, fields: Json, message: str
) -> None:
    response = seas_client.post("/compare?strict=true", json={"series": [days(**series)], **fields})
    assert response.status_code == 422
    assert message in response.json()["detail"]


def test_a_step_that_no_release_takes_is_refused(client: httpx.Client) -> None:
    response = client.post("/compare?strict=true", json={"series": [days(step="week")]})
    assert response.status_code == 422
    assert "name a dataset" in response.json()["detail"]


def test_a_step_between_those_of_the_releases_is_compared_at_its_own_step(seas_client: httpx.Client) -> None:
    hours = [round(20 + np.sin(np.pi * i / 2) + 0.001 * i, 3) for i in range(120)]
    answer = compare(seas_client, days(step="PT6H", values=hours), model="all", horizon=4)
    assert (answer["dataset"], answer["step"]) == ("ocean-daily", "PT6H")
    models = {model["model"]: model for model in answer["models"]}
    assert set(models) >= {"ocean-daily-rnn", "ocean-daily-lstm", "ocean-daily-gru", "persistence", "damped"}
    assert 50 < answer["test"]["n"] <= 200
    assert models["persistence"]["rmse"] == pytest.approx(0.004, abs=1e-6)
    assert models["ocean-daily-gru"]["rmse"] < 0.1
    (series,) = answer["series"]
    assert [warning["code"] for warning in series["warnings"]] == ["resampled"]
    whole_days = compare(seas_client, days(step="PT6H", values=hours), days(id="b"), model="all", horizon=4)
    assert whole_days["models"] == []
    assert [entry["step"] for entry in whole_days["series"]] == ["PT6H", "day"]
    short = seas_client.post("/compare?strict=true", json={"series": [days(step="PT6H", values=hours[:56])]})
    assert "send at least 57 values" in short.json()["detail"]


def test_a_universal_release_is_compared_on_held_out_seas(seas_client: httpx.Client) -> None:
    query = {"dataset": "ocean-daily"}
    answer = answered(seas_client.get("/compare", params=query))
    HeldOutComparison.model_validate(answer)
    assert (answer["dataset"], answer["step"], answer["seas"], answer["best"]) == (
        *("ocean-daily", "day", 12),
        "ocean-daily-gru",
    )
    assert {model["model"] for model in answer["models"]} == {f"ocean-daily-{cell}" for cell in ("rnn", "lstm", "gru")}
    gru = next(model for model in answer["models"] if model["model"] == "ocean-daily-gru")
    first, second = gru["held_out"]
    assert first == {
        "context": 60,
        "lead": 1,
        "positioned": True,
        "n": 40,
        "relative_rmse": 0.9,
        "coverage_80": 0.8,
        "coverage_95": 0.95,
    }
    assert second["lead"] == 7
    alone = [(row["lead"], row["relative_rmse"]) for row in gru["held_out_without_companion"]]
    assert alone == [(1, 0.95)]
    at_seven = answered(seas_client.get("/compare", params=query | {"horizon": "7"}))
    assert [row["lead"] for model in at_seven["models"] for row in model["held_out"]] == [7, 7, 7]
    table = seas_client.get("/compare", params=query | {"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 6
    assert {"model": "ocean-daily-gru", "context": "60", "lead": "7", "relative_rmse": "0.9"}.items() <= rows[1].items()
    markdown = seas_client.get("/compare", params=query | {"format": "markdown"}).text
    assert "| ocean-daily-gru  |      60 |    known |  0.900 |  0.900 |" in markdown.splitlines()


def test_a_lead_that_was_not_scored_is_refused_with_those_that_were(seas_client: httpx.Client) -> None:
    response = seas_client.get("/compare", params={"dataset": "ocean-daily", "horizon": "2"})
    assert (response.status_code, response.json()["errors"][0]["location"]) == (422, "query.horizon")
    assert "horizon 2 was not scored on held-out seas; available: 1, 7; " in response.json()["detail"]
