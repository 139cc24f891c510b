"""The document says all of the contract, and its examples run."""

import json
import re
from typing import Any

import httpx
import pytest

from service.api.forecast.request import LinesQuery
from tests.service.api.openapi import openapi_document
from tests.service.requests import Json, answered

PATHS = {
    "/forecast": {"get", "post"},
    "/events": {"post"},
    "/compare": {"get", "post"},
    "/compare/predictions": {"get"},
    "/compare/leads": {"get"},
    "/compare/hindcast": {"get"},
    "/compare/training": {"get"},
    "/compare/plot": {"get"},
    "/series": {"get", "post"},
    "/stations": {"get"},
    "/stations/{id}": {"get", "put", "delete"},
    "/stations/{id}/observations": {"get", "post"},
    "/stations/{id}/observations/{time}": {"patch", "delete"},
    "/observations": {"post"},
    "/stations/{id}/forecast": {"get"},
    "/stations/{id}/forecasts": {"get"},
    "/stations/{id}/alerts": {"get"},
    "/stations/{id}/verification": {"get"},
    "/stations/{id}/card.svg": {"get"},
    "/models": {"get"},
    "/models/{model}": {"get"},
    "/models/{model}/card": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/metrics": {"get"},
    "/v1/timeseries/forecast": {"post"},
    "/v1/timeseries/models": {"get"},
    "/v2": {"get"},
    "/v2/health/live": {"get"},
    "/v2/health/ready": {"get"},
    "/v2/models/stats": {"get"},
    "/v2/models/{model}": {"get"},
    "/v2/models/{model}/config": {"get"},
    "/v2/models/{model}/infer": {"post"},
    "/v2/models/{model}/ready": {"get"},
    "/v2/models/{model}/stats": {"get"},
    "/v2/models/{model}/versions/{version}": {"get"},
    "/v2/models/{model}/versions/{version}/config": {"get"},
    "/v2/models/{model}/versions/{version}/infer": {"post"},
    "/v2/models/{model}/versions/{version}/ready": {"get"},
    "/v2/models/{model}/versions/{version}/stats": {"get"},
    "/v2/repository/index": {"post"},
    "/v2/repository/models/{model}/load": {"post"},
    "/v2/repository/models/{model}/unload": {"post"},
}


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document()


def examples_of(document: Json, path: str) -> list[Any]:
    """Return the JSON bodies that the document shows for ``POST`` on this path."""
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return [example["value"] for example in content["examples"].values()]


def test_every_resource_of_the_contract_exists(document: Json) -> None:
    assert {path: set(operations) for path, operations in document["paths"].items()} == PATHS


def test_every_operation_and_field_is_described(document: Json) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_errors_are_declared_as_problem_documents_except_in_protocols(document: Json) -> None:
    for path, operations in document["paths"].items():
        media_type, model = "application/problem+json", "Problem"
        if path.startswith("/v2"):
            media_type, model = "application/json", "InferenceError"
        if path.startswith("/v1"):
            media_type, model = "application/json", "TimeSeriesError"
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == [media_type]
                    assert response["content"][media_type]["schema"] == {"$ref": f"#/components/schemas/{model}"}
    assert {"400", "404", "413", "415", "422", "503"} <= set(document["paths"]["/forecast"]["post"]["responses"])
    for path in ("index", "models/{model}/load", "models/{model}/unload"):
        assert {"400", "413", "415"} <= set(document["paths"][f"/v2/repository/{path}"]["post"]["responses"])
    assert "409" in document["paths"]["/v2/repository/models/{model}/load"]["post"]["responses"]
    assert "422" not in document["paths"]["/v2/models/{model}/infer"]["post"]["responses"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_part_of_a_path_is_a_parameter(document: Json) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
            assert named == re.findall(r"{(\w+)}", path)


def test_the_examples_run(document: Json, seas_client: httpx.Client) -> None:
    for example in examples_of(document, "/forecast"):
        for forecast in answered(seas_client.post("/forecast", json=example))["forecasts"]:
            assert "error" not in forecast
            assert len(forecast["sst"]) == example["horizon"]
            assert len(forecast["exceedance"]) == len(example["thresholds"])
            assert [event["name"] for event in forecast.get("events", [])] == [
                event["name"] for event in example.get("events", [])
            ]
            assert not any("error" in event for event in forecast.get("events", []))


_NOTE = " Use it with NDJSON, Arrow or Parquet, or with a JSON body that leaves it out."


def test_the_query_parameters_of_ndjson_are_declared(document: Json) -> None:
    declared = {parameter["name"]: parameter for parameter in document["paths"]["/forecast"]["post"]["parameters"]}
    assert set(declared) == set(LinesQuery.model_json_schema()["properties"])
    for name in ("model", "horizon", "level", "threshold", "units", "events", "paths"):
        assert declared[name]["description"].endswith(_NOTE)
    assert declared["horizon"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert "Defaults to `1`." in declared["horizon"]["description"]
    assert declared["level"]["schema"]["items"] == {"type": "integer", "minimum": 1, "maximum": 99}


def fits(document: Json, schema: Json, content: Any) -> bool:
    """Return whether ``content`` has every required field and no undeclared one, at every level of the schema."""
    if "$ref" in schema:
        return fits(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], content)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return any(fits(document, choice, content) for choice in choices)
    if schema.get("type") == "array":
        return isinstance(content, list) and all(fits(document, schema["items"], item) for item in content)
    properties = schema.get("properties", {})
    if not properties:
        return True
    return set(schema["required"]) <= set(content) <= set(properties) and all(
        fits(document, properties[name], value) for name, value in content.items()
    )


@pytest.mark.parametrize("model", ["gru", "all"])
def test_each_line_of_an_answer_is_one_that_the_document_has(document: Json, client: httpx.Client, model: str) -> None:
    ndjson = "application/x-ndjson"
    schema = document["paths"]["/forecast"]["post"]["responses"]["200"]["content"][ndjson]["schema"]
    *_, example = examples_of(document, "/forecast")
    good = example["series"][0]
    sent = [good, {**good, "values": [24.1]}, {"values": []}]
    content = "\n".join(map(json.dumps, sent))
    query, headers = f"dataset=nino12&model={model}&threshold=25", {"Content-Type": ndjson}
    response = client.post(f"/forecast?{query}", content=content, headers=headers)
    entries = [json.loads(line) for line in response.text.splitlines()]
    assert [sorted({"error", "models"} & set(entry)) for entry in entries] == {
        "gru": [[], ["error"], ["error"]],
        "all": [["models"], ["error", "models"], ["error"]],
    }[model]
    for entry in entries:
        assert fits(document, schema, entry), entry

    # One that breaks off ends with a problem document.
    lines: list[str] = []
    with (
        client.stream("POST", f"/forecast?{query}&strict=true", content=content, headers=headers) as stream,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        lines.extend(stream.iter_lines())
    assert [fits(document, schema, json.loads(line)) for line in lines] == [True, True]
    assert "status" in json.loads(lines[-1])


def test_the_examples_of_a_comparison_run(document: Json, client: httpx.Client) -> None:
    for example in examples_of(document, "/compare"):
        answer = answered(client.post("/compare", json=example))
        assert answer["test"]["n"] > 0
        assert "error" not in answer["series"][0]


def test_the_example_of_a_file_runs(document: Json, client: httpx.Client) -> None:
    content = document["paths"]["/series"]["post"]["requestBody"]["content"]["text/csv"]
    answer = answered(client.post("/series", content=content["example"], headers={"Content-Type": "text/csv"}))
    assert answer["series"][0]["values"] == [24.81, 26.19, None, 25.91]


def test_the_example_of_the_inference_protocol_runs(document: Json, client: httpx.Client) -> None:
    (example,) = examples_of(document, "/v2/models/{model}/infer")
    answer = answered(client.post("/v2/models/nino12-gru/infer", json=example))
    assert answer["id"] == example["id"]
    assert len(answer["outputs"][0]["data"]) == 1
