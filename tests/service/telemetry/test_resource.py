"""The name and the version that spans carry."""

from importlib.metadata import version

import pytest
from opentelemetry.sdk.resources import Resource

from service.telemetry.tracing import describe_process

VERSION = version("sst-forecasting")


@pytest.mark.parametrize(
    ("stated", "name", "release"),
    [
        ({}, "sst-forecasting", VERSION),
        ({"OTEL_SERVICE_NAME": "harbour"}, "harbour", VERSION),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=harbour, host.name=pier"}, "harbour", VERSION),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.version=7"}, "sst-forecasting", "7"),
    ],
)
def test_spans_name_the_service_and_its_version_unless_the_operator_does(
    monkeypatch: pytest.MonkeyPatch, stated: dict[str, str], name: str, release: str
) -> None:
    environment = dict(stated)
    describe_process(environment)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    attributes = Resource.create().attributes
    assert (attributes["service.name"], attributes["service.version"]) == (name, release)
