"""The OpenAPI document: FastAPI's, with the bodies that endpoints read themselves and errors as problem documents."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from service.http.bodies import NDJSON_TYPE
from service.http.paths import Paths
from service.http.problems import PROBLEM_JSON, Problem, error_model, title_of
from service.plugin import Tag

_REF: Final = "#/components/schemas/{model}"

_EXAMPLE_MODEL: Final = "nino12-gru"

BYTES: Final = {"type": "string", "format": "binary"}
"""The schema of a body that is not text."""

Examples = Mapping[str, Mapping[str, Any]]
"""Examples of a body by name, each with a ``summary`` and a ``value``."""

_TAGS: Final = [
    {"name": "forecast", "description": "Forecast your own series, or a dataset that the service knows."},
    {"name": "events", "description": "Find marine heatwaves and cold spells in your own series."},
    {"name": "compare", "description": "See how accurate the models are, on held-out data or on your own series."},
    {"name": "models", "description": "See which models are loaded."},
    {"name": "health", "description": "Probes for load balancers and orchestrators. They need no key."},
    {"name": "metrics", "description": "Metrics for Prometheus. They need no key."},
]
"""The groups of the service's own operations, in the order in which ``/docs`` shows them."""

_SERVERS: Final = [{"url": "/", "description": "This service"}]

_HEADERS: Final = {
    "X-Request-ID": {
        "description": "The ID of the request: the one that the client sent, if valid, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    "Retry-After": {
        "description": "Seconds to wait before a retry.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"description": "How to send a key.", "required": True, "schema": {"type": "string"}},
}
_KEY: Final = {"type": "http", "scheme": "bearer", "description": "An API key, if the service requires one."}
_HEADER_OF_STATUS: Final = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
_REFUSALS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""Statuses of refusals by the middleware, before the endpoint, except on paths that need no key."""


def problems(*statuses: int, model: type[BaseModel] = Problem) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of an endpoint that can answer with these errors, in the form of ``model``."""
    return {status: {"model": model, "description": title_of(status)} for status in statuses}


def request_body(
    model: type[BaseModel], *others: str, required: bool = True, examples: Examples | None = None
) -> dict[str, Any]:
    """Return the ``openapi_extra`` of an endpoint that reads its body itself."""
    json_body = {"schema": {"$ref": _REF.format(model=model.__name__)}} | ({"examples": examples} if examples else {})
    content = {"application/json": json_body, **{media_type: {"schema": BYTES} for media_type in others}}
    return {"requestBody": {"required": required, "content": content}}


def links(*operations: str, body: Any = None, **parameters: str) -> dict[str, Any]:
    """Return the ``links`` of a response to calls that clients make next."""
    known = {"parameters": parameters} if parameters else {}
    known |= {} if body is None else {"requestBody": body}
    return {operation: {"operationId": operation, **known} for operation in operations}


def ndjson_lines(*models: type[BaseModel]) -> dict[str, Any]:
    """Return the ``content`` of an NDJSON response with one of ``models`` on each line."""
    one_of = [{"$ref": _REF.format(model=model.__name__)} for model in models]
    return {NDJSON_TYPE: {"schema": one_of[0] if len(one_of) == 1 else {"anyOf": one_of}}}


def query_parameters(model: type[BaseModel], *names: str, note: str) -> dict[str, Any]:
    """Return the ``openapi_extra`` of an endpoint that reads some parameters of its query itself."""
    properties = model.model_json_schema(ref_template=_REF)["properties"]
    return {"parameters": [_query_parameter(name, properties[name], note) for name in names]}


def _query_parameter(name: str, field: dict[str, Any], note: str) -> dict[str, Any]:
    schema = _without_null(field)
    kept = {key: value for key, value in schema.items() if key not in ("title", "description", "default", "examples")}
    return {"name": name, "in": "query", "description": f"{_described(field)} {note}", "schema": kept}


def path_parameters(**descriptions: str) -> dict[str, Any]:
    """Return the ``openapi_extra`` of an endpoint that reads its path itself, so that it can serve several paths."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": text,
                "schema": {"type": "string"} | ({"examples": [_EXAMPLE_MODEL]} if name == "model" else {}),
            }
            for name, text in descriptions.items()
        ]
    }


def install_openapi(app: FastAPI, paths: Paths, bodies: Sequence[type[BaseModel]], tags: Sequence[Tag]) -> None:
    """Make ``app`` serve this document, with the schemas of ``bodies`` that endpoints read and write themselves."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, paths, bodies, tags)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI, paths: Paths, bodies: Sequence[type[BaseModel]], tags: Sequence[Tag]) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
        tags=[*_grouped(tags)],
        servers=_SERVERS,
    )
    known = {operation["operationId"] for operations in schema["paths"].values() for operation in operations.values()}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            _drop_links(operation, known)
            _simplify_parameters(operation)
            _describe_responses(path, method, operation, paths)
    for stream in paths.streamed.values():
        operation = schema["paths"][stream.path]["post"]
        if stream.description:
            body, response = operation["requestBody"], operation["responses"]["200"]
            body["content"][stream.media_type] = {"schema": BYTES}
            body["description"] += f" {stream.description}"
            response["content"] |= {name: {"schema": BYTES} for name in stream.responses}
    schema["components"]["headers"] = _HEADERS
    schema["components"]["securitySchemes"] = {"key": _KEY}
    components = schema["components"]["schemas"]
    for model in bodies:
        body = model.model_json_schema(ref_template=_REF)
        of_body = body.pop("$defs", {}) | {model.__name__: body}
        _write_out_defaults(of_body.values())
        components |= of_body
    _drop_titles(schema["paths"])
    for component in components.values():
        _drop_titles(component.get("properties", {}))
    return schema


def _grouped(tags: Sequence[Tag]) -> Iterator[dict[str, str]]:
    """Yield all groups: each of ``tags`` in front of the one that it names."""
    for own in _TAGS:
        yield from ({"name": tag.name, "description": tag.description} for tag in tags if tag.before == own["name"])
        yield own


def _write_out_defaults(components: Iterable[dict[str, Any]]) -> None:
    """Move the defaults of fields into their descriptions.

    Generators take a field with a default for one that is always there, or send it always, even against the query.
    """
    for component in components:
        for field in component.get("properties", {}).values():
            if "default" in field:
                field["description"] = _described(field)
                del field["default"]


def _described(field: dict[str, Any]) -> str:
    """Return the description of a field, with its default unless that means nothing or is described already."""
    description, default = str(field.get("description", "")), field.get("default")
    if default in (None, [], False) or "Defaults to" in description:
        return description
    return f"{description} Defaults to `{default}`."


def _drop_links(operation: dict[str, Any], known: Set[str]) -> None:
    """Remove the links to operations of plug-ins that are left out."""
    for response in operation["responses"].values():
        if "links" in response:
            response["links"] = {name: link for name, link in response["links"].items() if name in known}


def _simplify_parameters(operation: dict[str, Any]) -> None:
    """Remove from parameters the choice null, and the description that FastAPI repeats in the schema."""
    for parameter in operation.get("parameters", ()):
        schema = _without_null(parameter["schema"])
        kept = {key: value for key, value in parameter["schema"].items() if key in ("default", "examples")}
        parameter["schema"] = {key: value for key, value in (schema | kept).items() if key != "description"}


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: a query has no null; the parameter is absent instead."""
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    match choices:
        case []:
            return field
        case [choice]:
            return dict(choice)
    return {"anyOf": choices}


def _drop_titles(node: Any) -> None:
    """Remove the titles that pydantic derives from the names of fields: generators repeat them as comments."""
    if isinstance(node, dict):
        if isinstance(node.get("title"), str):
            del node["title"]
        for key, value in node.items():
            if key not in ("example", "examples", "default"):
                _drop_titles(value)
    elif isinstance(node, list):
        for value in node:
            _drop_titles(value)


def _describe_responses(path: str, method: str, operation: dict[str, Any], paths: Paths) -> None:
    """Add the middleware's responses and the headers of all. Outside protocols, errors are problem documents."""
    responses = operation["responses"]
    statuses = [HTTPStatus.MISDIRECTED_REQUEST]
    if method != "get":
        # From a page of another origin.
        statuses.append(HTTPStatus.FORBIDDEN)
    if not paths.is_open(path):
        operation["security"] = [{}, {"key": []}]
        statuses += _REFUSALS
    form = error_model(path, paths)
    for status in statuses:
        responses.setdefault(str(status.value), _refusal(form, status))
    operation["responses"] = dict(sorted(responses.items()))
    for code, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = "Success."
        content = response.get("content", {})
        is_problem = int(code) >= HTTPStatus.BAD_REQUEST and form is Problem
        if is_problem and "application/json" in content:
            content[PROBLEM_JSON] = content.pop("application/json")
        names = ["X-Request-ID", *([_HEADER_OF_STATUS[code]] if code in _HEADER_OF_STATUS else [])]
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusal(form: type[BaseModel], status: HTTPStatus) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model=form.__name__)}
    return {"description": title_of(status), "content": {"application/json": {"schema": schema}}}
