"""Figures of a test part that an imported network may know say so wherever they are read."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.client import Client
from service.settings import Settings
from tests.service.requests import answered
from tests.serving import serve

CAVEAT = "may have seen the test part"
CAVEATS = {"abroad-steady": CAVEAT, "abroad-persistent": CAVEAT}
REFERENCES = dict.fromkeys(("persistence", "climatology", "damped", "linear"))


@pytest.fixture(scope="module")
def service(abroad: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=abroad, default_dataset="abroad")) as client:
        yield client


def test_errors_at_one_lead_and_at_every_lead_have_the_caveat(service: httpx.Client) -> None:
    for path in ("/compare", "/compare/leads"):
        models = answered(service.get(path))["models"]
        assert {model["model"]: model.get("caveat") for model in models} == CAVEATS | REFERENCES
    rows = list(csv.DictReader(io.StringIO(service.get("/compare", params={"format": "csv"}).text)))
    assert {row["model"]: row["caveat"] or None for row in rows} == CAVEATS | REFERENCES


def test_past_forecasts_have_the_caveat(service: httpx.Client) -> None:
    assert answered(service.get("/compare/predictions"))["caveats"] == CAVEATS
    assert answered(service.get("/compare/hindcast"))["caveat"] == CAVEAT


def test_the_table_of_the_client_has_the_caveat(service: httpx.Client) -> None:
    with Client(str(service.base_url)) as client:
        table = client.compare_leads("abroad")
    assert set(table["caveat"][table["kind"] == "imported"]) == {CAVEAT}
    assert table["caveat"][table["kind"] == "baseline"].isna().all()
