"""Every example in the OpenAPI document is answered with a 2xx, whatever the operation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from pydantic import SecretStr

from service.middleware.keys import Role, new_key
from service.settings import Settings
from tests.service.api.openapi import openapi_document
from tests.service.requests import Json
from tests.serving import serve


class Example(NamedTuple):
    """A request that the document shows.

    Attributes:
        method: of the request.
        path: with the examples of its parameters in place.
        query: the examples of its optional parameters.
        media_type: of the body; None if it has none.
        body: as the document has it.
    """

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
            path = path.replace(f"{{{parameter['name']}}}", value)
        elif value is not None:
            query[parameter["name"]] = value
    body = operation.get("requestBody")
    if body is None or not body["required"]:
        yield Example(method, path, query, None, None)
    for media_type, content in (body or {"content": {}})["content"].items():
        examples = [example["value"] for example in content.get("examples", {}).values()]
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            yield Example(method, path, query, media_type, example)


DOCUMENT = openapi_document()
EXAMPLES = [
    pytest.param(example, id=f"{operation['operationId']}-{number}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    for number, example in enumerate(examples_of(path, method, operation))
]


@pytest.fixture(scope="module")
def operated(seas: Path) -> Iterator[httpx.Client]:
    """A service with releases of places and of any sea, and a client with the key of an admin."""
    text, key = new_key("ops", Role.ADMIN)
    with serve(Settings(artifacts=seas, keys=SecretStr(key.line), rate_limit=0)) as client:
        client.headers["Authorization"] = f"Bearer {text}"
        yield client


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_answered(example: Example, operated: httpx.Client) -> None:
    # The version is that of the release that is loaded, which a document cannot know.
    version = operated.get("/models/nino12-gru").json()["version"]
    response = example._replace(path=example.path.replace("{version}", version)).send(operated)
    assert response.is_success, response.text
    if response.headers.get("content-type") == "application/x-ndjson":
        assert '"error"' not in response.text
    elif response.headers.get("content-type") == "application/json":
        answer = response.json()
        for name in ("forecasts", "series"):
            assert not any("error" in entry for entry in (name in answer and answer[name]) or ())
    if example.method == "delete" and example.path == "/stations/pier":
        operated.put(example.path, json={"step": "day"}).raise_for_status()
    if example.path.endswith("/unload"):
        operated.post(example.path.replace("unload", "load")).raise_for_status()


def test_every_json_body_has_an_example() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if operation.get("requestBody", {}).get("required"):
                assert any({"example", "examples"} & set(kind) for kind in content.values()), f"{method} {path}"
