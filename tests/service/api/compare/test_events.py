"""Events in comparisons: their probabilities from each past step, and the outcomes."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from forecasting.events.definitions import ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from service.api.compare.schemas import Comparison, OwnComparison
from tests.service.api.compare.test_series import NETWORKS, one_series
from tests.service.requests import Json, answered

WARM: Json = {"name": "warm", "above": 25.0, "for": 2, "within": 4}
YEARS = 12
RANDOM = np.random.default_rng(5)


def days(years: float, **fields: object) -> Json:
    """Days of a sea with a season, and weather with memory."""
    n = int(years * 365.25)
    noise = RANDOM.normal(size=n)
    for i in range(1, n):
        noise[i] += 0.9 * noise[i - 1]
    values = 18 + 4 * np.sin(2 * np.pi * np.arange(n) / 365.25) + 0.5 * noise
    return {"id": "pier", "start": "2000-01-01", "step": "day", "values": values.round(2).tolist()} | fields


def compare(client: httpx.Client, series: list[Json], **fields: object) -> Json:
    answer = answered(client.post("/compare", json={"series": series, **fields}))
    OwnComparison.model_validate(answer)
    return answer


def events_of(answer: Json) -> dict[str, list[Json]]:
    """Return the verified events of each network."""
    return {model["model"]: model["events"] for model in answer["models"] if model["kind"] == "recurrent"}


def test_the_scores_are_those_of_what_forecast_answers_from_each_step(
    client: httpx.Client, nino12: SstSeries, gru: Forecaster, catalog: Catalog
) -> None:
    n = 160
    answer = compare(client, [one_series(nino12, n)], dataset="nino12", model="gru", events=[WARM])
    (event,) = events_of(answer)["nino12-gru"]
    series = SstSeries(nino12.values[-n:].round(2), nino12.times[-n], nino12.step)
    definition = ThresholdEvent("warm", "above", 25.0, duration=2, within=4)
    first = n - 4 - event["n"]
    past = [series.part(0, origin + 1) for origin in range(first, n - 4)]
    baselines = catalog.dataset("nino12").baselines
    forecasts = gru.forecast_batch(SeriesBatch.of(past, gru.step), ForecastOptions(4, ()), baselines)
    squares, outcomes = [], []
    for i, known in enumerate(past):
        forecast = forecasts[i]
        beyond = series.values[len(known) - 1 : len(known) + 4] > 25.0
        happened = bool((beyond[1:] & beyond[:-1]).any())
        squares.append((evaluate(definition, forecast.outlook(known)).probability - happened) ** 2)
        outcomes.append(happened)
    assert event["frequency"] == pytest.approx(np.mean(outcomes), abs=1e-6)
    assert event["brier"] == pytest.approx(np.mean(squares), abs=1e-5)
    assert sum(row["n"] for row in event["reliability"]) == event["n"]
    assert set(event["skill"]) == {"climatology", "persistence", "independent"}


def test_each_network_and_series_has_every_event_in_order(client: httpx.Client, nino12: SstSeries) -> None:
    events = [WARM, {"name": "never", "above": 35.0}, {"name": "hot", "above": {"percentile": 90}}]
    series = [one_series(nino12, 200, "a"), one_series(nino12, 120, "b")]
    answer = compare(client, series, dataset="nino12", events=events, horizon=2)
    assert list(events_of(answer)) == NETWORKS
    for rows in events_of(answer).values():
        warm, never, hot = rows
        assert [row["name"] for row in rows] == ["warm", "never", "hot"]
        assert (never["frequency"], never["skill"]["persistence"]["value"]) == (0, None)
        assert "need daily values" in hot["error"]
        assert warm["n"] == sum(events_of(entry)[NETWORKS[0]][0]["n"] for entry in answer["series"])
    assert not any("events" in model for model in answer["models"] if model["kind"] == "baseline")


def test_temperatures_are_in_the_units_of_the_request(client: httpx.Client, nino12: SstSeries) -> None:
    celsius = compare(client, [one_series(nino12, 120)], dataset="nino12", model="gru", events=[WARM])
    series = one_series(nino12, 120)
    series["values"] = [value * 1.8 + 32 for value in series["values"]]
    warm = WARM | {"above": 77.0}
    fahrenheit = compare(client, [series], dataset="nino12", model="gru", units="fahrenheit", events=[warm])
    there, here = (events_of(answer)["nino12-gru"][0] for answer in (celsius, fahrenheit))
    assert here["n"] == there["n"]
    assert here["brier"] == pytest.approx(there["brier"], abs=1e-4)


def test_universal_networks_are_verified_on_percentiles_of_the_past(seas_client: httpx.Client) -> None:
    hot = {"name": "hot", "above": {"percentile": 90}, "for": 3, "within": 10}
    answer = compare(seas_client, [days(YEARS, id="long"), days(2.5, id="short")], events=[hot, WARM | {"above": 21}])
    long, short = (events_of(series) for series in answer["series"])
    assert set(long) == {"ocean-daily-rnn", "ocean-daily-lstm", "ocean-daily-gru"}
    event = long["ocean-daily-gru"][0]
    assert 600 < event["n"] < 2 * 366
    assert set(event["skill"]) == {"climatology", "persistence", "independent"}
    assert "10 years" in short["ocean-daily-gru"][0]["error"]
    assert "climatology" not in short["ocean-daily-gru"][1]["skill"]
    together = events_of(answer)["ocean-daily-gru"]
    assert together[0]["n"] == event["n"]
    assert together[1]["n"] == long["ocean-daily-gru"][1]["n"] + short["ocean-daily-gru"][1]["n"]


def test_the_baseline_of_a_series_replaces_that_of_the_request(seas_client: httpx.Client) -> None:
    flat = {"climatology": [18.0] * 366, "threshold": [19.0] * 366}
    events = [{"name": "hot", "above": {"percentile": 90}}]
    series = [days(1, id="own", baseline={**flat, "threshold": [17.0] * 366}), days(1, id="shared")]
    answer = compare(seas_client, series, model="gru", events=events, baseline=flat)
    replaced, shared = (events_of(entry)["ocean-daily-gru"][0] for entry in answer["series"])
    assert "percentile 10" in replaced["error"]
    assert 0 < shared["frequency"] < 1


def test_a_series_between_the_steps_of_the_releases_is_verified_too(seas_client: httpx.Client) -> None:
    series = days(1, step="P2D")
    answer = compare(seas_client, [series], model="gru", events=[WARM | {"above": 18.0, "within": 3}])
    (event,) = events_of(answer)["ocean-daily-gru"]
    assert 150 < event["n"] <= 200


@pytest.mark.parametrize(
    ("events", "location", "message"),
    [
        ([WARM | {"name": str(i)} for i in range(6)], "events", "at most 5"),
        ([WARM, WARM], "events", "two events are named 'warm'"),
        ([{"name": "heatwave", "kind": "marine_heatwave"}], "kind", "threshold"),
        ([WARM | {"within": 13}], "events[0].within", "nino12 reaches only 12"),
        ([WARM | {"for": 13, "within": None}], "events[0].within", "nino12 reaches only 12"),
        ([WARM | {"within": 5_000}], "events[0].within", "300"),
        ([WARM | {"above": 99.0}], "events[0].above", "99"),
        ([{"name": "what"}], "events", "above or below"),
    ],
)
def test_events_that_cannot_be_verified_on_any_series_are_refused(
    client: httpx.Client, nino12: SstSeries, events: list[Json], location: str, message: str
) -> None:
    request = {"dataset": "nino12", "series": [one_series(nino12, 60)], "events": events}
    response = client.post("/compare", json=request)
    assert response.status_code == 422
    (place,) = response.json()["errors"]
    assert location in place["location"]
    assert message in place["message"]


def test_tables_leave_events_out(client: httpx.Client, nino12: SstSeries) -> None:
    request = {"dataset": "nino12", "series": [one_series(nino12, 80)], "model": "gru"}
    for form in ("csv", "markdown"):
        plain, asked = (
            client.post("/compare", params={"format": form}, json=request | fields).text
            for fields in ({}, {"events": [WARM]})
        )
        assert asked == plain


def test_the_test_part_has_the_events_of_the_report(client: httpx.Client, artifacts: Path) -> None:
    answer = answered(client.get("/compare"))
    Comparison.model_validate(answer)
    names = [event["name"] for event in answer["models"][0]["events"]]
    assert names[0] == "above the 90th percentile, 1 step ahead"
    assert names[-1] == "3 steps in a row above the 90th percentile, within 10 steps"
    assert (
        answered(client.get("/compare", params={"horizon": 7}))["models"][0]["events"] == answer["models"][0]["events"]
    )
