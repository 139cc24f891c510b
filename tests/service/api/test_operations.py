"""Generated clients name their functions after operation ids, so an id stays once it is published."""

import re
from typing import Any

import pytest

from tests.service.api.openapi import openapi_document
from tests.service.requests import Json

IDS = {
    "GET /forecast": "forecastDataset",
    "POST /forecast": "forecastSeries",
    "POST /events": "listEvents",
    "GET /compare": "compareDataset",
    "POST /compare": "compareSeries",
    "GET /compare/predictions": "getPredictions",
    "GET /compare/plot": "plotTestPart",
    "GET /compare/leads": "compareLeads",
    "GET /compare/hindcast": "getHindcast",
    "GET /compare/training": "getTrainingRecord",
    "GET /series": "getRecentValues",
    "POST /series": "readFile",
    "GET /stations": "listStations",
    "PUT /stations/{id}": "putStation",
    "GET /stations/{id}": "getStation",
    "DELETE /stations/{id}": "deleteStation",
    "POST /stations/{id}/observations": "sendReadings",
    "GET /stations/{id}/observations": "getObservations",
    "PATCH /stations/{id}/observations/{time}": "correctReading",
    "DELETE /stations/{id}/observations/{time}": "takeBackReading",
    "POST /observations": "sendAllReadings",
    "GET /stations/{id}/forecast": "getStationForecast",
    "GET /stations/{id}/forecasts": "listStationForecasts",
    "GET /stations/{id}/verification": "verifyStation",
    "GET /stations/{id}/card.svg": "getStationCard",
    "GET /stations/{id}/alerts": "listStationAlerts",
    "GET /models": "listModels",
    "GET /models/{model}": "getModel",
    "GET /models/{model}/card": "getModelCard",
    "GET /health/live": "checkLiveness",
    "GET /health/ready": "checkReadiness",
    "GET /metrics": "getMetrics",
    "POST /v1/timeseries/forecast": "forecastTimeSeries",
    "GET /v1/timeseries/models": "listTimeSeriesModels",
    "GET /v2": "getServerMetadata",
    "GET /v2/health/live": "checkServerLiveness",
    "GET /v2/health/ready": "checkServerReadiness",
    "GET /v2/models/stats": "getAllStatistics",
    "GET /v2/models/{model}": "getModelMetadata",
    "GET /v2/models/{model}/config": "getModelConfig",
    "GET /v2/models/{model}/ready": "checkModelReadiness",
    "GET /v2/models/{model}/stats": "getModelStatistics",
    "POST /v2/models/{model}/infer": "runInference",
    "GET /v2/models/{model}/versions/{version}": "getModelVersionMetadata",
    "GET /v2/models/{model}/versions/{version}/config": "getModelVersionConfig",
    "GET /v2/models/{model}/versions/{version}/ready": "checkModelVersionReadiness",
    "GET /v2/models/{model}/versions/{version}/stats": "getModelVersionStatistics",
    "POST /v2/models/{model}/versions/{version}/infer": "runVersionInference",
    "POST /v2/repository/index": "listRepository",
    "POST /v2/repository/models/{model}/load": "loadModel",
    "POST /v2/repository/models/{model}/unload": "unloadModel",
}
"""The ids that clients rely on. Add to them; change none."""

TIME_FIELDS = {"start", "end", "timestamps", "origin"}
VERBS = {"Forecast", "Compare", "Get", "List", "Read", "Plot", "Check", "Run", "Load", "Unload",
         "Create", "Delete", "Send", "Verify", "Correct", "Take"}  # fmt: skip


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document()


@pytest.fixture(scope="module")
def operations(document: Json) -> dict[str, Json]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def test_every_operation_keeps_its_id(operations: dict[str, Json]) -> None:
    assert {call: operation["operationId"] for call, operation in operations.items()} == IDS


def test_operation_ids_are_unique_and_in_lower_camel_case() -> None:
    assert len(set(IDS.values())) == len(IDS)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in IDS.values())


def test_the_title_of_an_operation_says_what_it_does_and_belongs_to_it_alone(operations: dict[str, Json]) -> None:
    titles = [operation["summary"] for operation in operations.values()]
    assert len(set(titles)) == len(titles)
    assert {title.split()[0] for title in titles} <= VERBS
    assert not any(title.endswith(".") for title in titles)


def test_every_operation_is_in_a_group_with_a_description(document: Json, operations: dict[str, Json]) -> None:
    groups = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(groups.values())
    assert {tag for operation in operations.values() for tag in operation["tags"]} == set(groups)


def test_calls_go_to_the_server_that_has_the_document(document: Json) -> None:
    assert [server["url"] for server in document["servers"]] == ["/"]


def fields(node: Any) -> list[tuple[str, Json]]:
    """Return the name and the schema of every field in the document."""
    if isinstance(node, list):
        return [field for item in node for field in fields(item)]
    if not isinstance(node, dict):
        return []
    named = node.get("properties", {})
    return [*named.items(), *(field for value in node.values() for field in fields(value))]


def formats(schema: Json) -> set[str | None]:
    """Return the formats of the texts that a schema allows, in a list or alone."""
    if choices := schema.get("anyOf"):
        return {name for choice in choices for name in formats(choice)}
    if schema["type"] == "array":
        return formats(schema["items"])
    return {schema.get("format")} if schema["type"] == "string" else set()


def test_every_time_is_declared_as_a_time(document: Json) -> None:
    times = [(name, formats(schema)) for name, schema in fields(document["components"]) if name in TIME_FIELDS]
    assert {name for name, _ in times} == TIME_FIELDS
    for name, declared in times:
        assert declared in ({"date-time"}, {"date"}, {"date-time", "date", None}), name


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        ("GET /forecast", {"one": "ModelForecast", "all": "AllForecasts"}),
        ("POST /forecast", {"one": "ModelForecast", "all": "AllForecasts"}),
        ("GET /compare", {"test_part": "Comparison", "held_out_seas": "HeldOutComparison"}),
    ],
)
def test_an_answer_of_several_forms_says_which_it_has(
    document: Json, operations: dict[str, Json], call: str, kinds: dict[str, str]
) -> None:
    schema = operations[call]["responses"]["200"]["content"]["application/json"]["schema"]
    mapping = {kind: f"#/components/schemas/{name}" for kind, name in kinds.items()}
    assert schema["discriminator"] == {"propertyName": "kind", "mapping": mapping}
    assert schema["oneOf"] == [{"$ref": reference} for reference in mapping.values()]
    for kind, name in kinds.items():
        component = document["components"]["schemas"][name]
        assert "kind" in component["required"]
        assert component["properties"]["kind"]["const"] == kind


def test_no_field_of_a_request_has_a_default_that_clients_would_send(document: Json) -> None:
    schemas = document["components"]["schemas"]
    for name in ("ForecastRequest", "CompareRequest", "InputSeries", "IndexRequest", "LoadRequest", "InferRequest",
                 "StationRequest", "ReadingsRequest", "Correction"):  # fmt: skip
        assert all("default" not in field for field in schemas[name]["properties"].values())
    assert schemas["ForecastRequest"]["properties"]["horizon"]["description"].endswith("Defaults to `1`.")


def test_every_schema_has_a_name_of_its_own_and_every_reference_one_that_exists(document: Json) -> None:
    names = set(document["components"]["schemas"])
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in names)
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document))) == names
