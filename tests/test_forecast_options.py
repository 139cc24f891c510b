"""The options of ``sst forecast`` and ``sst score`` are those of the OpenAPI document: names, defaults and bounds."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from forecasting.errors import RequestError
from forecasting.forecasts.options import SINGULAR, ForecastFields, ForecastOptions
from scoring.cli.arguments import add_forecast_options, add_score_options
from tests.service.api.openapi import openapi_document

COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], list[str], set[str]]] = {
    "forecast": (add_forecast_options, ["sst.csv"], {"levels", "thresholds", "horizon"}),
    "score": (partial(add_score_options, appending=False), ["sst.csv", "out.csv"], {"levels", "horizon"}),
}


def body() -> dict[str, Any]:
    properties: dict[str, Any] = openapi_document()["components"]["schemas"]["ForecastRequest"]["properties"]
    return properties


def schema_of(name: str) -> dict[str, Any]:
    return next(choice for choice in body()[name].get("anyOf", [body()[name]]) if choice.get("type") != "null")


def parsed(command: str, *options: str) -> dict[str, Any]:
    parser, (add_options, files, _) = argparse.ArgumentParser(), COMMANDS[command]
    add_options(parser)
    return vars(parser.parse_args([*files, *options]))


def test_a_command_has_the_options_of_a_request() -> None:
    # Its series is a file, and units are an option of reading it.
    assert {*body()} - {"series", "units", "paths"} <= {*parsed("forecast")}
    assert {"model", "dataset", "horizon", "levels", "events", "paths", "baseline"} <= {*parsed("score")}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_defaults_are_those_of_the_document(command: str) -> None:
    documented = {
        each["name"]: each["schema"] for each in openapi_document()["paths"]["/forecast"]["get"]["parameters"]
    }
    options = parsed(command)
    for name in ("model", "dataset", "horizon", "as_of", *(["levels", "thresholds"] * (command == "forecast"))):
        default = documented[SINGULAR.get(name, name)].get("default")
        if name in options:
            assert options[name] == (tuple(default) if isinstance(default, list) else default), name


@pytest.mark.parametrize(
    ("command", "name"), [(command, name) for command, (*_, names) in COMMANDS.items() for name in sorted(names)]
)
def test_the_bounds_are_those_of_the_document(command: str, name: str) -> None:
    schema, flag = schema_of(name), f"--{name}"
    item = schema.get("items", schema)
    if item["type"] == "integer":
        least, most = item["minimum"], item["maximum"]
        assert [parsed(command, flag, str(value))[name] for value in (least, most)] == (
            [(least,), (most,)] if item is not schema else [least, most]
        )
        for value, sentence in ((least - 1, "greater than or equal to"), (most + 1, "less than or equal to")):
            with pytest.raises(
                RequestError, match=rf"^{name}(\[0\])?: must be {sentence} {sorted([least, most, value])[1]}$"
            ):
                parsed(command, flag, str(value))
    if item is not schema:
        assert parsed(command, flag, "")[name] == ()
        several = [str(i) for i in range(1, schema["maxItems"] + 2)]
        assert len(parsed(command, flag, ",".join(several[1:]))[name]) == schema["maxItems"]
        with pytest.raises(RequestError, match=f"^{name}: .* at most {schema['maxItems']} items"):
            parsed(command, flag, ",".join(several))
    for text in ("1.5x", "nan"):
        with pytest.raises(RequestError, match=rf"^{name}(\[0\])?: must be a (valid|finite)"):
            parsed(command, flag, text)


def test_the_defaults_are_those_of_models_in_python() -> None:
    assert ForecastFields().forecast_options == ForecastOptions()


def test_levels_are_sorted_and_thresholds_are_not() -> None:
    options = parsed("forecast", "--levels", "95,80,95", "--thresholds", "25,24.5")
    assert (options["levels"], options["thresholds"]) == ((80, 95), (25.0, 24.5))
