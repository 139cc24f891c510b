"""The OpenAPI document: what FastAPI derives, with errors declared as the problem documents that they are."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from service.gate.policy import is_open
from service.http.problems import PROBLEM_JSON, InferenceError, Problem, is_inference_protocol

_REF: Final = "#/components/schemas/{model}"

_HEADERS: Final = {
    "X-Request-ID": {
        "description": "the request's own where it sent a sound one, else a new one",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
    },
    "Retry-After": {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "what to send", "required": True, "schema": {"type": "string"}},
}
_ONLY_WITH: Final = {"401": "WWW-Authenticate", "429": "Retry-After", "503": "Retry-After"}
_REFUSALS: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""What a request may be answered with before its endpoint is reached, but for those that need no key."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that can answer with these errors."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in statuses}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same under ``/v2``, whose errors have a form of their own."""
    return {status: {"model": InferenceError, "description": HTTPStatus(status).phrase} for status in statuses}


def request_body(model: type[BaseModel], *others: str, required: bool = True) -> dict[str, Any]:
    """The ``openapi_extra`` of an endpoint that reads its body itself: JSON, or of ``others``' media types."""
    schema = {"$ref": _REF.format(model=model.__name__)}
    content = {"application/json": {"schema": schema}, **{media_type: {} for media_type in others}}
    return {"requestBody": {"required": required, "content": content}}


def lines(media_type: str, *models: type[BaseModel]) -> dict[str, Any]:
    """The ``content`` of a body with a JSON value of one of ``models`` on each line."""
    one_of = [{"$ref": _REF.format(model=model.__name__)} for model in models]
    return {media_type: {"schema": one_of[0] if len(one_of) == 1 else {"anyOf": one_of}}}


def query_parameters(model: type[BaseModel], *names: str, only: str) -> dict[str, Any]:
    """The ``openapi_extra`` of an endpoint that reads these parameters of its query itself, as ``model`` has them.

    ``only`` says what they are for.
    """
    properties = model.model_json_schema(ref_template=_REF)["properties"]
    return {"parameters": [_query_parameter(name, properties[name], only) for name in names]}


def _query_parameter(name: str, found: dict[str, Any], only: str) -> dict[str, Any]:
    # A query has no null: what is absent is.
    schema = next((one for one in found.get("anyOf", ()) if one != {"type": "null"}), found)
    kept = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return {"name": name, "in": "query", "description": f"{only}: {found['description']}", "schema": kept}


def path_parameters(**descriptions: str) -> dict[str, Any]:
    """The ``openapi_extra`` of an endpoint that reads its path itself; one function then serves several paths."""
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
            for name, text in descriptions.items()
        ]
    }


def install_openapi(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> None:
    """Make ``app`` describe itself so, with the schemas of the ``bodies`` that endpoints read themselves."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app, bodies)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _describe(app: FastAPI, bodies: Sequence[type[BaseModel]]) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _describe_answers(path, operation)
    schema["components"]["headers"] = _HEADERS
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    components = schema["components"]["schemas"]
    for model in bodies:
        body = model.model_json_schema(ref_template=_REF)
        components |= body.pop("$defs", {}) | {model.__name__: body}
    return schema


def _describe_answers(path: str, operation: dict[str, Any]) -> None:
    """Add what the gate answers and the headers of every answer; errors are problem documents, but under ``/v2``."""
    answers = operation["responses"]
    refusals = [HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE]
    if not is_open(path):
        operation["security"] = [{}, {"key": []}]
        refusals += _REFUSALS
    for refusal in refusals:
        answers.setdefault(str(refusal.value), _refusal(path, refusal))
    operation["responses"] = dict(sorted(answers.items()))
    for status, answer in answers.items():
        content = answer.get("content", {})
        is_problem = int(status) >= HTTPStatus.BAD_REQUEST and not is_inference_protocol(path)
        if is_problem and "application/json" in content:
            content[PROBLEM_JSON] = content.pop("application/json")
        names = ["X-Request-ID", *([_ONLY_WITH[status]] if status in _ONLY_WITH else [])]
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusal(path: str, status: HTTPStatus) -> dict[str, Any]:
    model = InferenceError if is_inference_protocol(path) else Problem
    schema = {"$ref": _REF.format(model=model.__name__)}
    return {"description": status.phrase, "content": {"application/json": {"schema": schema}}}
