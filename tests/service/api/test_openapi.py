"""The OpenAPI document: it says all of the contract, generated clients can rely on it, and its examples run."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from pydantic import SecretStr

from service.api.forecast.handler import LinesQuery
from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.servers.webhook_receiver import receiving
from tests.service.api.openapi import openapi_document
from tests.service.requests import Json
from tests.serving import serve

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
    "POST /summary": "summarizeSeries",
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
    "POST /stations/{id}/webhooks/test": "testWebhooks",
    "GET /audit": "listAudit",
    "GET /access": "getAccess",
    "GET /outlooks/{outlook}": "getOutlook",
    "GET /outlooks/{outlook}/point": "getOutlookPoint",
    "GET /outlooks/{outlook}/{layer}/{lead}.png": "getOutlookRaster",
    "GET /models": "listModels",
    "GET /models/{model}": "getModel",
    "GET /models/{model}/card": "getModelCard",
    "GET /health/live": "checkLiveness",
    "GET /health/ready": "checkReadiness",
    "GET /metrics": "getMetrics",
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
         "Create", "Delete", "Send", "Verify", "Correct", "Take", "Summarize"}  # fmt: skip


DOCUMENT = openapi_document()
SCHEMAS: Json = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, Json] = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_every_operation_keeps_its_id() -> None:
    """Generated clients name their functions after operation ids, so an id stays once it is published."""
    assert {call: operation["operationId"] for call, operation in OPERATIONS.items()} == IDS
    assert len(set(IDS.values())) == len(IDS)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in IDS.values())


def test_every_operation_has_a_title_a_description_and_a_group() -> None:
    titles = [operation["summary"] for operation in OPERATIONS.values()]
    assert len(set(titles)) == len(titles)
    assert {title.split()[0] for title in titles} <= VERBS
    assert not any(title.endswith(".") for title in titles)
    groups = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    assert all(groups.values())
    assert {tag for operation in OPERATIONS.values() for tag in operation["tags"]} == set(groups)
    for operation in OPERATIONS.values():
        assert operation["description"]
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    assert all(schema.get("description") for schema in SCHEMAS.values())
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


def test_errors_are_declared_as_problem_documents_except_in_protocols() -> None:
    models = {"v2": ("application/json", "InferenceError")}
    declared = {}
    for call, operation in OPERATIONS.items():
        media_type, model = models.get(call.split("/")[1], ("application/problem+json", "Problem"))
        declared[call] = {status for status in operation["responses"] if int(status) >= 400}
        for status in declared[call]:
            content = operation["responses"][status]["content"]
            assert content == {media_type: {"schema": {"$ref": f"#/components/schemas/{model}"}}}
    assert {"400", "404", "413", "415", "422", "503"} <= declared["POST /forecast"]
    for path in ("index", "models/{model}/load", "models/{model}/unload"):
        assert {"400", "413", "415"} <= declared[f"POST /v2/repository/{path}"]
    assert "409" in declared["POST /v2/repository/models/{model}/load"]
    assert "422" not in declared["POST /v2/models/{model}/infer"]
    assert "HTTPValidationError" not in SCHEMAS


def test_every_part_of_a_path_is_a_parameter() -> None:
    for call, operation in OPERATIONS.items():
        named = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"]
        assert named == re.findall(r"{(\w+)}", call)


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


def test_every_time_is_declared_as_a_time() -> None:
    times = [(name, formats(schema)) for name, schema in fields(SCHEMAS) if name in TIME_FIELDS]
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
def test_a_response_of_several_forms_says_which_it_has(call: str, kinds: dict[str, str]) -> None:
    schema = OPERATIONS[call]["responses"]["200"]["content"]["application/json"]["schema"]
    mapping = {kind: f"#/components/schemas/{name}" for kind, name in kinds.items()}
    assert schema["discriminator"] == {"propertyName": "kind", "mapping": mapping}
    assert schema["oneOf"] == [{"$ref": reference} for reference in mapping.values()]
    for kind, name in kinds.items():
        component = SCHEMAS[name]
        assert "kind" in component["required"]
        assert component["properties"]["kind"]["const"] == kind


def test_no_field_of_a_request_has_a_default_that_clients_would_send() -> None:
    for name in ("ForecastRequest", "CompareRequest", "InputSeries", "IndexRequest", "LoadRequest", "InferRequest",
                 "StationRequest", "ReadingsRequest", "Correction"):  # fmt: skip
        assert all("default" not in field for field in SCHEMAS[name]["properties"].values())
    assert SCHEMAS["ForecastRequest"]["properties"]["horizon"]["description"].endswith("Defaults to `1`.")


def test_every_schema_has_a_name_of_its_own_and_every_reference_one_that_exists() -> None:
    names = set(SCHEMAS)
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in names)
    assert set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT))) == names


LINKS = [
    pytest.param(call, status, link, id=f"{operation['operationId']}-{status}-{name}")
    for call, operation in OPERATIONS.items()
    for status, response in operation["responses"].items()
    for name, link in response.get("links", {}).items()
]


def has_pointer(schema: Json, pointer: list[str]) -> bool:
    """Return whether a JSON pointer may name a text or a number of what the schema describes."""
    if "$ref" in schema:
        return has_pointer(SCHEMAS[schema["$ref"].rpartition("/")[2]], pointer)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return any(has_pointer(choice, pointer) for choice in choices)
    if not pointer:
        return schema["type"] in ("string", "integer", "number", "array")
    first, *others = pointer
    if schema.get("type") == "array":
        return first.isdecimal() and has_pointer(schema["items"], others)
    return first in schema.get("properties", {}) and has_pointer(schema["properties"][first], others)


@pytest.mark.parametrize(("call", "status", "link"), LINKS)
def test_a_link_leads_to_a_call_with_parameters_that_the_first_call_has(call: str, status: str, link: Json) -> None:
    targets = {operation["operationId"]: operation for operation in OPERATIONS.values()}
    target = targets[link["operationId"]]
    known = {parameter["name"]: parameter for parameter in target.get("parameters", ())}
    assert set(link.get("parameters", {})) <= set(known)
    assert not link.get("requestBody") or "application/json" in target["requestBody"]["content"]
    in_path = {parameter["name"] for parameter in OPERATIONS[call].get("parameters", ()) if parameter["in"] == "path"}
    for expression in [*link.get("parameters", {}).values(), *link.get("requestBody", {}).values()]:
        source, _, name = expression.partition("#/" if "#" in expression else "path.")
        if source == "$request.":
            assert name in in_path
        else:
            assert source == "$response.body"
            schema = OPERATIONS[call]["responses"][status]["content"]["application/json"]["schema"]
            assert has_pointer(schema, name.split("/"))


_NOTE = " Use it with a body other than JSON, or with a JSON body that leaves it out."


def test_the_query_parameters_of_ndjson_are_declared() -> None:
    declared = {parameter["name"]: parameter for parameter in OPERATIONS["POST /forecast"]["parameters"]}
    assert set(declared) == set(LinesQuery.model_json_schema()["properties"])
    for name in ("model", "horizon", "level", "threshold", "units", "events", "paths"):
        assert declared[name]["description"].endswith(_NOTE)
    assert declared["horizon"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert "Defaults to `1`." in declared["horizon"]["description"]
    assert declared["level"]["schema"]["items"] == {"type": "integer", "minimum": 1, "maximum": 99}


def fits(schema: Json, content: Any) -> bool:
    """Return whether ``content`` has every required field and no undeclared one, at every level of the schema."""
    if "$ref" in schema:
        return fits(SCHEMAS[schema["$ref"].rpartition("/")[2]], content)
    if choices := schema.get("anyOf", schema.get("oneOf")):
        return any(fits(choice, content) for choice in choices)
    if schema.get("type") == "array":
        return isinstance(content, list) and all(fits(schema["items"], item) for item in content)
    properties = schema.get("properties", {})
    if not properties:
        return True
    return set(schema["required"]) <= set(content) <= set(properties) and all(
        fits(properties[name], value) for name, value in content.items()
    )


@pytest.mark.parametrize("model", ["gru", "all"])
def test_each_line_of_a_response_is_one_that_the_document_has(client: httpx.Client, model: str) -> None:
    ndjson = "application/x-ndjson"
    schema = OPERATIONS["POST /forecast"]["responses"]["200"]["content"][ndjson]["schema"]
    *_, example = OPERATIONS["POST /forecast"]["requestBody"]["content"]["application/json"]["examples"].values()
    good = example["value"]["series"][0]
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
        assert fits(schema, entry), entry

    # One that breaks off ends with a problem document.
    lines: list[str] = []
    with (
        client.stream("POST", f"/forecast?{query}&strict=true", content=content, headers=headers) as stream,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        lines.extend(stream.iter_lines())
    assert [fits(schema, json.loads(line)) for line in lines] == [True, True]
    assert "status" in json.loads(lines[-1])


class Example(NamedTuple):
    """A request that the document shows, with the examples of its parameters in place."""

    method: str
    path: str
    query: dict[str, Any]
    media_type: str | None
    body: Any

    def send(self, client: httpx.Client) -> httpx.Response:
        headers = {"Content-Type": self.media_type} if self.media_type else {}
        sent: dict[str, Any] = {"content": self.body} if isinstance(self.body, str) else {"json": self.body}
        return client.request(self.method, self.path, params=self.query, headers=headers, **sent)


def value_of(parameter: Json) -> Any:
    """Return the example of a parameter; None if it has none."""
    return parameter.get("example", next(iter(parameter["schema"].get("examples", ())), None))


def examples_of(path: str, method: str, operation: Json) -> Iterator[Example]:
    """Yield the request with each example of a body, or the only one without a body."""
    query = {}
    for parameter in operation.get("parameters", ()):
        value = value_of(parameter)
        if parameter["name"] == "version":
            continue
        if parameter["in"] == "path":
            assert value is not None, f"{path}: {parameter['name']} has no example"
            path = path.replace(f"{{{parameter['name']}}}", str(value))
        elif value is not None:
            query[parameter["name"]] = value
    body = operation.get("requestBody")
    if body is None or not body["required"]:
        yield Example(method, path, query, None, None)
    for media_type, content in (body or {"content": {}})["content"].items():
        examples = [example["value"] for example in content.get("examples", {}).values()]
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            yield Example(method, path, query, media_type, example)


EXAMPLES = [
    pytest.param(example, id=f"{operation['operationId']}-{number}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for number, example in enumerate(examples_of(path, method, operation))
]


@pytest.fixture(scope="module")
def operated(seas: Path, outlooks: Path) -> Iterator[httpx.Client]:
    """A service with releases of places and of any sea, and a client with the key of an admin."""
    text, key = new_key("ops", Role.ADMIN)
    with serve(
        Settings(
            artifacts=seas, outlooks=outlooks, keys=SecretStr(key.line), rate_limit=0, allow_private_addresses=True
        )
    ) as client:
        client.headers["Authorization"] = f"Bearer {text}"
        yield client


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_answered(example: Example, operated: httpx.Client) -> None:
    # The version is that of the release that is loaded, which a document cannot know.
    version = operated.get("/models/nino12-gru").json()["version"]
    with receiving() as receiver:
        if example.path.endswith("/webhooks/test"):
            webhooks = [{"url": receiver.url, "secret": "at least 16 characters"}]
            operated.put("/stations/pier", json={"step": "day", "webhooks": webhooks}).raise_for_status()
        response = example._replace(path=example.path.replace("{version}", version)).send(operated)
    assert response.is_success, response.text
    assert '"error":"' not in response.text
    if example.method == "delete" and example.path == "/stations/pier":
        operated.put(example.path, json={"step": "day"}).raise_for_status()
    if example.path.endswith("/unload"):
        operated.post(example.path.replace("unload", "load")).raise_for_status()


def test_every_json_body_has_an_example() -> None:
    for call, operation in OPERATIONS.items():
        body = operation.get("requestBody", {"required": False})
        if body["required"]:
            assert any({"example", "examples"} & set(kind) for kind in body["content"].values()), call
