"""The options of the client are those of the OpenAPI document: names, types, choices, defaults and bounds."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest

from service.client import Client, Stations
from service.client.bodies import MAX_ID
from service.client.client import MAX_BYTES, MAX_SERIES
from service.client.options import STATION_ID, in_query
from service.client.stations import PAGE
from service.settings import Settings
from tests.service.api.openapi import openapi_document
from tests.service.requests import Json

JSON_TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", datetime: "string", Mapping: "object"}

OUTPUT = {"format", "table", "recent", "search", "by_day", "predictions"}
"""The form of responses, which the client chooses."""


class Operation(NamedTuple):
    """A call of the client, and the operation of the document that it calls."""

    call: Callable[..., Any]
    method: str
    path: str
    not_options: frozenset[str] = frozenset()
    not_offered: frozenset[str] = frozenset()


STATION, SERIES, PAGED = frozenset({"station"}), frozenset({"series", "strict"}), frozenset({"limit", "after"})
OPERATIONS = [
    Operation(Client.forecast, "post", "/forecast", SERIES),
    Operation(Client.forecast, "get", "/forecast", SERIES | {"latitude", "longitude", "baseline", "check", "weather"}),
    Operation(Client.forecast_dataset, "get", "/forecast", not_offered=frozenset({"as_of"})),
    Operation(Client.events, "post", "/events", SERIES),
    Operation(Client.compare, "get", "/compare"),
    Operation(Client.compare_leads, "get", "/compare/leads"),
    Operation(Client.predictions, "get", "/compare/predictions"),
    Operation(Client.hindcast, "get", "/compare/hindcast"),
    Operation(Client.compare_series, "post", "/compare", SERIES, frozenset({"events", "baseline"})),
    Operation(Client.models, "get", "/models"),
    Operation(Stations.put, "put", "/stations/{id}", STATION),
    Operation(Stations.get, "get", "/stations/{id}", STATION),
    Operation(Stations.list, "get", "/stations", not_offered=PAGED),
    Operation(Stations.observations, "get", "/stations/{id}/observations", STATION),
    Operation(Stations.correct, "patch", "/stations/{id}/observations/{time}", STATION | {"time"}),
    Operation(Stations.forecasts, "get", "/stations/{id}/forecasts", STATION | {"levels"}, PAGED),
    Operation(Stations.verification, "get", "/stations/{id}/verification", STATION),
    Operation(
        Stations.event_verification, "get", "/stations/{id}/verification", STATION, frozenset({"by"})
    ),
    Operation(Stations.alerts, "get", "/stations/{id}/alerts", STATION, frozenset({"after"})),
]  # fmt: skip


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document()


def schemas(document: Json, operation: Operation) -> dict[str, Json]:
    """Return what the document says of each option, by its name in Python."""
    described = document["paths"][operation.path][operation.method]
    queried = {parameter["name"]: parameter["schema"] for parameter in described.get("parameters", ())}
    names = {sent: name for name in inspect.signature(operation.call).parameters for sent in in_query({name: ""})}
    options = {
        names.get(sent, sent): schema for sent, schema in queried.items() if sent not in ("id", "time", "strict")
    }
    for content in described.get("requestBody", {}).get("content", {}).values():
        body = content["schema"].get("$ref", "").rpartition("/")[2]
        options |= document["components"]["schemas"][body]["properties"] if body else {}
    if options.pop("series", None):
        series = document["components"]["schemas"]["InputSeries"]["properties"]
        options |= {
            name: series[name]
            for name in ("latitude", "longitude", "baseline", "weather")
            if name in offered(operation)
        }
    return options


def offered(operation: Operation) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(operation.call).parameters
    return {name: each for name, each in parameters.items() if name not in operation.not_options | {"self"}}


def variants(schema: Json) -> list[Json]:
    return [variant for variant in schema.get("anyOf", [schema]) if variant.get("type") != "null"]


def documented_types(schema: Json) -> set[str]:
    types = {"object" if {"$ref", "oneOf"} & {*variant} else variant["type"] for variant in variants(schema)}
    items = [f"array of {kind}" for variant in variants(schema) if "items" in variant
             for kind in documented_types(variant["items"])]  # fmt: skip
    return types - {"array"} | {*items}


def hinted_types(hint: Any) -> set[str]:
    if hint in JSON_TYPES:
        return {JSON_TYPES[hint]}
    if get_origin(hint) is Literal:
        return {"string"}
    if get_origin(hint) is Sequence:
        return {f"array of {kind}" for kind in hinted_types(get_args(hint)[0])}
    if get_origin(hint) is Mapping:
        return {"object"}
    return {kind for member in get_args(hint) if member is not NoneType for kind in hinted_types(member)}


def choices(hint: Any) -> set[Any]:
    if get_origin(hint) is Literal:
        return {*get_args(hint)}
    return {choice for member in get_args(hint) for choice in choices(member)}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.call.__name__}-{each.method}")
def test_the_options_of_a_call_are_those_of_its_operation(document: Json, operation: Operation) -> None:
    documented, options = schemas(document, operation), offered(operation)
    assert {*options} == {*documented} - operation.not_offered - (OUTPUT - {*options})
    for name, parameter in options.items():
        schema = documented[name]
        hint = parameter.annotation
        if name == "events" and documented_types(schema) == {"string"}:
            continue  # as JSON in a query
        if not isinstance(hint, str):
            assert documented_types(schema) <= hinted_types(hint), name
            enums = {choice for variant in variants(schema) for choice in variant.get("enum", [variant.get("const")])}
            assert choices(hint) in (set(), enums), name
        if "default" in schema and name != "limit":
            default = [*parameter.default] if isinstance(parameter.default, tuple) else parameter.default
            assert default == schema["default"], name


def test_the_bounds_that_the_client_keeps_are_those_of_the_document(document: Json) -> None:
    for path in ("/stations", "/stations/{id}/forecasts", "/stations/{id}/alerts"):
        parameters = {each["name"]: each["schema"] for each in document["paths"][path]["get"]["parameters"]}
        assert parameters["limit"]["maximum"] == PAGE
    assert variants(document["components"]["schemas"]["InputSeries"]["properties"]["id"])[0]["maxLength"] == MAX_ID
    (station,) = (
        parameter["schema"]
        for parameter in document["paths"]["/stations/{id}"]["get"]["parameters"]
        if parameter["in"] == "path"
    )
    assert station["pattern"] == f"^{STATION_ID}$"
    settings = Settings()
    assert settings.max_series >= MAX_SERIES
    assert settings.max_body_bytes == 2 * MAX_BYTES
