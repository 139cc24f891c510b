"""The document says all of the contract, and its examples run."""

from typing import Any

import httpx
import pytest

from service.app import create_app
from service.settings import Settings
from tests.service.test_forecast import Json, answered

PATHS = {
    "/forecast": {"get", "post"},
    "/compare": {"get"},
    "/compare/predictions": {"get"},
    "/compare/plot": {"get"},
    "/models": {"get"},
    "/models/{model}": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture(scope="module")
def document() -> Json:
    return create_app(Settings()).app.openapi()


def test_every_resource_of_the_contract_is_there(document: Json) -> None:
    assert {path: set(operations) for path, operations in document["paths"].items()} == PATHS


def test_every_operation_and_field_is_described(document: Json) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["description"]
            assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name


def test_errors_are_declared_as_problem_documents(document: Json) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    schema = response["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}
    assert {"400", "404", "413", "415", "422", "503"} <= set(document["paths"]["/forecast"]["post"]["responses"])
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_examples_run(document: Json, client: httpx.Client) -> None:
    examples: list[Any] = document["components"]["schemas"]["ForecastRequest"]["examples"]
    assert examples
    for example in examples:
        for forecast in answered(client.post("/forecast", json=example))["forecasts"]:
            assert "error" not in forecast
            assert len(forecast["sst"]) == example["horizon"]
            assert len(forecast["exceedance"]) == len(example["thresholds"])
