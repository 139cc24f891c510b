"""Any request to /compare gets an answer that keeps the contract, or a problem document."""

import math

import httpx
from hypothesis import given
from hypothesis import strategies as st

from service.api.compare.schemas import ComparedNetwork, EventVerification, OwnComparison, SeriesComparison
from service.http.problems import Problem
from tests.service.api.generated_requests import (
    WINDOW,
    Json,
    baseline,
    doubtful_series,
    event,
    to_json,
    valid_series,
)
from tests.service.requests import JSON, REFUSALS, loaded

Requests = st.fixed_dictionaries(
    {"dataset": st.just("nino12"), "series": st.lists(valid_series() | doubtful_series(), min_size=1, max_size=3)},
    optional={
        "model": st.sampled_from(["best", "all", "rnn", "nino12-gru"]),
        "horizon": st.none() | st.integers(1, 12),
        "units": st.sampled_from(["celsius", "kelvin", "fahrenheit"]),
        "predictions": st.booleans(),
    },
)


def post(client: httpx.Client, body: Json, **parameters: str) -> OwnComparison | None:
    """Post a request and check the answer against the contract; None if the request is refused."""
    response = client.post("/compare", content=to_json(body).encode(), headers=JSON, params=parameters)
    if response.status_code != 200:
        assert response.status_code in REFUSALS, response.text
        assert Problem.model_validate(loaded(response)).status == response.status_code
        return None
    answer = OwnComparison.model_validate(loaded(response))
    assert len(answer.series) == len(body["series"])
    scored = [comparison for comparison in answer.series if isinstance(comparison, SeriesComparison)]
    if answer.test is not None or len({comparison.step for comparison in scored}) < 2:
        assert sum(comparison.test.n for comparison in scored) == (answer.test.n if answer.test else 0)
    results: list[OwnComparison | SeriesComparison] = [*scored, *([answer] if answer.test else [])]
    for comparison in results:
        names = [model.model for model in comparison.models]
        assert "persistence" in names
        assert comparison.lowest_rmse in names
        assert all(math.isfinite(model.rmse) and model.mae <= model.rmse + 1e-6 for model in comparison.models)
    return answer


@given(Requests)
def test_series_of_any_kind_are_compared_or_have_an_error(client: httpx.Client, body: Json) -> None:
    answer = post(client, body)
    assert answer is not None
    for comparison, sent in zip(answer.series, body["series"], strict=True):
        if isinstance(comparison, SeriesComparison):
            assert comparison.test.n <= len(sent["values"]) - WINDOW - (body.get("horizon") or 1) + 1
            assert (comparison.predictions is not None) == body.get("predictions", False)


@given(
    body=Requests,
    events=st.lists(event(), max_size=6),
    given_baseline=st.none() | baseline(),
    dataset=st.sampled_from([None, "nino12", "ocean-daily"]),
    step=st.sampled_from(["day", "month"]),
)
def test_each_event_is_verified_or_has_an_error_in_its_place(
    seas_client: httpx.Client,
    body: Json,
    events: list[Json],
    given_baseline: Json | None,
    dataset: str | None,
    step: str,
) -> None:
    series = [{"step": "month" if dataset == "nino12" else step, **member} for member in body["series"]]
    model = "best" if body.get("model") == "nino12-gru" else body.get("model", "all")
    fields = {"dataset": dataset, "model": model, "series": series, "events": events, "baseline": given_baseline}
    answer = post(seas_client, body | fields)
    if answer is None:
        return
    compared: list[OwnComparison | SeriesComparison] = [answer]
    compared += [entry for entry in answer.series if isinstance(entry, SeriesComparison)]
    for network in (row for entry in compared for row in entry.models if isinstance(row, ComparedNetwork)):
        assert [verified.name for verified in network.events or []] == [asked["name"] for asked in events]
        for verified in network.events or []:
            if isinstance(verified, EventVerification):
                assert sum(row.n for row in verified.reliability) == verified.n
                assert 0 <= verified.brier <= 1
