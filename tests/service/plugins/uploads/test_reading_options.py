"""The programs that cannot derive their reading options from the declaration agree with it."""

import re
from typing import Any, get_args, get_type_hints

import httpx

from forecasting.readers.options import OPTIONS
from service.client.options import FileOptions
from service.plugins.page.assets import PAGE

NOT_OVER_HTTP = {"sample"}
NOT_UPLOADED = {"zarr"}
"""Formats that cannot be uploaded as a file."""


def choices(name: str) -> set[str]:
    return set(OPTIONS[name].choices) - NOT_UPLOADED


def parameters(client: httpx.Client) -> dict[str, dict[str, Any]]:
    operation = client.get("/openapi.json").json()["paths"]["/series"]["post"]
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


def enum(schema: dict[str, Any]) -> set[str]:
    variants = schema.get("anyOf", [schema])
    return {value for variant in variants for value in variant.get("enum", ())}


def test_the_query_parameters_are_the_declared_options(client: httpx.Client) -> None:
    documented = parameters(client)
    assert documented.pop("check")["schema"]["type"] == "boolean"
    assert set(documented) == set(OPTIONS) - NOT_OVER_HTTP
    for name, parameter in documented.items():
        assert parameter["description"] == OPTIONS[name].description
        assert enum(parameter["schema"]) == choices(name)


def test_the_keyword_arguments_of_the_client_are_the_declared_options() -> None:
    hints = get_type_hints(FileOptions)
    assert hints.pop("check") is bool
    assert set(hints) == set(OPTIONS) - NOT_OVER_HTTP
    for name, hint in hints.items():
        if OPTIONS[name].choices:
            assert set(get_args(hint)) == choices(name)


def test_the_page_offers_declared_options_and_all_their_choices() -> None:
    source = (PAGE / "modules" / "file-reader.js").read_text(encoding="utf-8")
    fields = re.findall(r"^  (\w+): \{ label: .*\}", source, re.MULTILINE)
    assert fields
    assert set(fields) <= set(OPTIONS) - NOT_OVER_HTTP
    for name, constant in re.findall(r"^  (\w+): \{ label: .* options: (\w+) \}", source, re.MULTILINE):
        (table,) = re.findall(rf"^const {constant} = \[(.*?)^\];", source, re.MULTILINE | re.DOTALL)
        values = set(re.findall(r'value: "(\w+)"', table))
        if choices(name):
            assert values == choices(name)
        else:
            assert [*map(OPTIONS[name].parse, values)]
