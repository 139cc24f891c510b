"""The fast path serves where it was tested, and stock uvicorn everywhere else."""

import logging
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest
import uvicorn

from service.app import create_app
from service.gate.gate import Gate
from service.server.http_choice import STANDARD, TESTED_UVICORN, choose_http
from service.server.protocol import Protocol
from service.settings import Settings
from tests.processes import running

SERVICE_ON_UNTESTED_UVICORN = """
import runpy, sys
from service.server import http_choice
http_choice.TESTED_UVICORN = ("0.1",)
sys.argv[0] = "service"
runpy.run_module("service", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def gate() -> Gate:
    return create_app(Settings())


def test_the_installed_uvicorn_is_one_that_the_fast_path_is_tested_with() -> None:
    assert ".".join(uvicorn.__version__.split(".")[:2]) in TESTED_UVICORN


def test_the_fast_path_is_the_default(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    chosen = choose_http(Settings(), gate)
    assert isinstance(chosen, partial)
    assert chosen.func is Protocol
    assert not caplog.records


def test_the_setting_chooses_stock_uvicorn_without_a_warning(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    assert choose_http(Settings(http="standard"), gate, "99.0.0") == STANDARD
    assert not caplog.records


@pytest.mark.parametrize("version", ["99.0.0", "0.1", "0.540.0"])
def test_an_untested_uvicorn_serves_without_the_fast_path_and_logs_one_warning(
    gate: Gate, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    assert choose_http(Settings(), gate, version) == STANDARD
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"the fast path is not tested with uvicorn {version}" in record.getMessage()
    assert "SST_HTTP=standard" in record.getMessage()


def test_a_service_on_an_untested_uvicorn_says_so_once_and_forecasts(artifacts: Path) -> None:
    with running(artifacts, (sys.executable, "-c", SERVICE_ON_UNTESTED_UVICORN)) as service:
        body = {"model": "nino12-gru", "series": [{"start": "2010-01-01", "values": [24.0] * 24}]}
        answer = httpx.post(f"{service.url}/forecast", json=body).raise_for_status().json()
        assert answer["forecasts"][0]["sst"]
    assert len([line for line in service.log if "serving through stock uvicorn" in line]) == 1
