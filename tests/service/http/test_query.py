"""Parameters of the query that a call does not have are refused, and those that it has are not."""

import json

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from forecasting.series.sst_series import SstSeries
from service.app import create_app
from service.settings import Settings
from tests.service.api.openapi import openapi_document
from tests.service.plugins.inference.requests import request
from tests.service.requests import body

pytestmark = pytest.mark.plugin("inference")

DOCUMENT = openapi_document()
WATCHED = ("/health/live", "/health/ready", "/metrics", "/v2/health/live", "/v2/health/ready")
CALLS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods if path not in WATCHED]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_refuses_a_parameter_that_it_does_not_have(client: httpx.Client, method: str, path: str) -> None:
    known = [
        parameter["name"]
        for parameter in DOCUMENT["paths"][path][method].get("parameters", [])
        if parameter["in"] == "query"
    ]
    names = {"model": "nino12-gru", "version": "1", "id": "pier", "time": "2026-01-01"}
    where = path.format(outlook="latest", layer="anomaly", lead=1, **names)
    answer = client.request(method, where, params={"horizn": 3}, json={})
    if path.startswith("/v2/repository/models"):
        assert answer.status_code == 403
        return
    inference = path.startswith("/v2")
    assert answer.status_code == (400 if inference else 422), answer.text
    message = answer.json()["error" if inference else "detail"]
    assert message.startswith("query.horizn: unknown ") or path == "/series"
    for name in known if path != "/series" else []:
        assert name in message
    if not inference:
        assert [place["location"] for place in answer.json()["errors"]] == ["query.horizn"]


def test_ndjson_and_json_requests_are_refused_alike(client: httpx.Client, nino12: SstSeries) -> None:
    answers = [
        client.post("/forecast?levels=50", json=body(nino12)),
        client.post("/forecast?levels=50", content=b"{}", headers={"Content-Type": "application/x-ndjson"}),
    ]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert {answer.json()["detail"] for answer in answers} == {
        "query.levels: unknown query parameter; this call takes dataset, strict, model, horizon, level, threshold, "
        "units, events, paths, check, as_of"
    }


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("/stations?limit=1&limit=2", "limit"),
        ("/stations?recent=true&recent=true", "recent"),
        ("/stations/pier/verification?lead=1&lead=2", "lead"),
        ("/stations/pier/observations?from=2026-06-01&from=2026-06-02", "from"),
        ("/forecast?horizon=1&horizon=2", "horizon"),
        ("/compare?dataset=nino12&dataset=buoy", "dataset"),
        ("/v2/models/gru?dataset=nino12&dataset=buoy", "dataset"),
    ],
)
def test_a_parameter_with_one_value_is_refused_if_it_is_given_twice(
    client: httpx.Client, query: str, name: str
) -> None:
    answer = client.get(query)
    assert answer.status_code == (400 if query.startswith("/v2") else 422), answer.text
    message = answer.json()["error" if query.startswith("/v2") else "detail"]
    assert message == f"query.{name}: given 2 times; send it once"


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_a_body_does_not_make_a_repeated_parameter_acceptable(
    client: httpx.Client, nino12: SstSeries, media_type: str
) -> None:
    headers = {"Content-Type": media_type}
    answer = client.post("/forecast?horizon=1&horizon=2", content=json.dumps(body(nino12)), headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (422, "query.horizon: given 2 times; send it once")


def test_a_list_takes_several_values(client: httpx.Client) -> None:
    answer = client.get("/forecast?level=50&level=90&threshold=24&threshold=25").json()
    assert [interval["level"] for interval in answer["forecasts"][0]["intervals"]] == [50, 90]
    assert [each["threshold"] for each in answer["forecasts"][0]["exceedance"]] == [24, 25]


@pytest.mark.parametrize("path", [*WATCHED, "/", "/favicon.ico", "/docs", "/openapi.json"])
def test_probes_scrapes_and_the_page_ignore_unknown_parameters(client: httpx.Client, path: str) -> None:
    assert client.get(path, params={"t": 1}).status_code == 200


def test_every_documented_parameter_is_accepted(client: httpx.Client) -> None:
    paths = {context.path for context in iter_route_contexts(create_app(Settings()).routes)}
    assert {path for _, path in CALLS} <= paths
    for path in ("/compare", "/forecast", "/models/gru", "/v2/models/gru", "/v2/models/gru/config", "/series"):
        assert client.get(path, params={"dataset": "buoy"}).status_code == 200


@pytest.mark.parametrize("suffix", ["", "/config", "/ready", "/stats"])
def test_under_v2_a_short_name_belongs_to_the_requested_dataset(client: httpx.Client, suffix: str) -> None:
    asked = client.get(f"/v2/models/gru{suffix}?dataset=buoy").json()
    assert "buoy-gru" in str(asked)
    contradicted = client.get(f"/v2/models/nino12-gru{suffix}?dataset=buoy")
    assert contradicted.status_code == 400
    assert contradicted.json() == {"error": "model nino12-gru belongs to dataset nino12, not buoy"}
    assert client.get(f"/v2/models/gru{suffix}?dataset=nowhere").status_code == 404


def test_inference_takes_the_dataset_from_the_query_or_from_its_parameters(client: httpx.Client) -> None:
    def infer(query: str, parameters: dict[str, str] | None = None) -> httpx.Response:
        return client.post(f"/v2/models/gru/infer{query}", json=request() | {"parameters": parameters or {}})

    for query, parameters in [
        ("?dataset=buoy", None),
        ("", {"dataset": "buoy"}),
        ("?dataset=buoy", {"dataset": "buoy"}),
    ]:
        answer = infer(query, parameters)
        assert (answer.status_code, answer.json().get("model_name")) == (200, "buoy-gru"), answer.text
    assert infer("").json()["model_name"] == "nino12-gru"
    contradicted = infer("?dataset=buoy", {"dataset": "nino12"})
    assert (contradicted.status_code, contradicted.json()) == (
        400, {"error": "dataset is buoy in the query but nino12 in the body: send only one of them"},
    )  # fmt: skip
