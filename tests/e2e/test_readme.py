"""The examples in the README give the answers that it shows."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pandas as pd
import pytest

from forecasting.evaluation.report import accuracy_table, parse_report
from forecasting.releases.release import open_current
from service.settings import Settings
from tests.conftest import ROOT
from tests.serving import serve

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.fixture(scope="module")
def shipped() -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=ROOT / "artifacts")) as client:
        yield client


def assert_close(answer: Any, shown: Any) -> None:
    """Check that an answer is the one shown, apart from the last digits of numbers."""
    if isinstance(answer, dict):
        assert list(answer) == list(shown)
        for key, value in answer.items():
            assert_close(value, shown[key])
    elif isinstance(answer, list):
        assert len(answer) == len(shown)
        for left, right in zip(answer, shown, strict=True):
            assert_close(left, right)
    else:
        assert answer == (pytest.approx(shown, abs=1e-3) if isinstance(answer, float) else shown)


def test_the_request_gets_the_answer_that_is_shown(shipped: httpx.Client) -> None:
    (request,) = (json.loads(body) for body in re.findall(r"/forecast -d '(.*?)'\n", README, flags=re.DOTALL))
    (shown,) = (json.loads(block) for block in blocks("json"))
    assert_close(shipped.post("/forecast", json=request).raise_for_status().json(), shown)


def test_the_addresses_that_are_shown_answer(shipped: httpx.Client) -> None:
    paths = re.findall(r"curl 'http://127\.0\.0\.1:8000(/[^']*)'", README)
    assert len(paths) == 2
    for path in paths:
        shipped.get(path).raise_for_status()


def test_the_lines_of_python_lead_to_a_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = blocks("python")
    names: dict[str, Any] = {}
    exec(code, names)
    table = names["forecast"].to_pandas()
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == ["sst", "lower_80", "upper_80", "lower_95", "upper_95", "calibrated"]
    assert len(table) == 3


def test_the_tables_are_those_of_the_releases() -> None:
    for name in ("nino12", "neracoos-b01"):
        report = parse_report(open_current(ROOT / "artifacts", name).read("report.json"))
        for row in accuracy_table(report).splitlines()[2:]:
            assert re.sub(" +", " ", row) in re.sub(" +", " ", README)


def test_every_file_that_is_linked_is_there() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document}: {target}"
