"""How OpenTelemetry's exporters identify the process that sends spans, metrics and logs."""

from collections.abc import MutableMapping
from importlib.metadata import version
from typing import Final

_ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"
_NAME: Final = "OTEL_SERVICE_NAME"


def describe_process(environment: MutableMapping[str, str]) -> None:
    """Set the variables for ``service.name`` and ``service.version``, unless they are set already."""
    stated = environment.get(_ATTRIBUTES, "")
    names = {attribute.partition("=")[0].strip() for attribute in stated.split(",")}
    if "service.name" not in names and not environment.get(_NAME):
        environment[_NAME] = "sst-forecasting"
    if "service.version" not in names:
        separator = "," if stated.strip() else ""
        environment[_ATTRIBUTES] = f"{stated}{separator}service.version={version('sst-forecasting')}"
