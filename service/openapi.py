"""The OpenAPI document: what FastAPI derives, with errors declared as the problem documents that they are."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from service.errors import PROBLEM_JSON, InferenceError, Problem, is_inference_protocol

_REF: Final = "#/components/schemas/{model}"


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
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                problem = int(status) >= HTTPStatus.BAD_REQUEST and not is_inference_protocol(path)
                if problem and "application/json" in content:
                    content[PROBLEM_JSON] = content.pop("application/json")
            operation["security"] = [{}, {"key": []}]
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    components = schema["components"]["schemas"]
    for model in bodies:
        body = model.model_json_schema(ref_template=_REF)
        components |= body.pop("$defs", {}) | {model.__name__: body}
    return schema
