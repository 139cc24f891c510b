"""The network of docs/guides/import-a-model.md, from its script to the answers of the service."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

import sst
from service.settings import Settings
from tests.conftest import NINO12, ROOT
from tests.forks import run
from tests.scoring.commands import score
from tests.serving import serve

GUIDE = (ROOT / "docs" / "guides" / "import-a-model.md").read_text(encoding="utf-8")
MODEL = "nino12-mine-my_gru"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of a user who follows the guide."""
    folder = tmp_path_factory.mktemp("guide")
    (folder / "data").mkdir()
    shutil.copy(NINO12, folder / "data")
    (script,) = re.findall(r"^```python\n(.*?)^```", GUIDE, flags=re.DOTALL | re.MULTILINE)
    (folder / "script.py").write_text(script)
    done = run([sys.executable, "script.py"], cwd=folder)
    assert done.returncode == 0, done.stderr
    (command,) = re.findall(r"^sst (release import .*)$", GUIDE, flags=re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert sst.run(command.split()) == 0
    return folder


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=folder / "artifacts", default_dataset="nino12-mine")) as client:
        yield client


@pytest.fixture(scope="module")
def values() -> list[float]:
    return [float(value) for value in pd.read_csv(NINO12)["sst"].iloc[-60:]]


def test_the_network_forecasts_beside_the_references(service: httpx.Client, values: list[float]) -> None:
    series = [{"start": "2006-01-01", "values": values}]
    body = {"model": "my_gru", "dataset": "nino12-mine", "horizon": 6, "thresholds": [25.0], "series": series}
    answer = service.post("/forecast", json=body).raise_for_status().json()
    (forecast,) = answer["forecasts"]
    assert answer["model"] == MODEL
    assert len(forecast["sst"]) == 6
    assert {interval["level"] for interval in forecast["intervals"]} == {80, 95}
    assert {"persistence", "climatology"} <= set(forecast["baselines"])
    latest = service.get("/forecast", params={"dataset": "nino12-mine", "model": MODEL}).raise_for_status().json()
    assert latest["model"] == MODEL


def test_its_figures_are_those_of_a_network_that_has_not_seen_the_test_part(service: httpx.Client) -> None:
    answer = service.get("/compare").raise_for_status().json()
    assert [(model["model"], model["kind"]) for model in answer["models"]] == [
        (MODEL, "imported"),
        *((name, "baseline") for name in ("persistence", "climatology", "damped", "linear")),
    ]
    network = answer["models"][0]
    assert (network["caveat"], network["train_seconds"], answer["best"]) == (None, None, MODEL)
    assert network["skill"]["persistence"] > 0.5
    assert "my_gru" in service.get("/compare", params={"format": "markdown"}).text
    leads = service.get("/compare/leads").raise_for_status().json()
    assert leads["models"][0]["kind"] == "imported"
    predictions = service.get("/compare/predictions").raise_for_status().json()
    assert MODEL in predictions["predictions"]
    assert service.get("/compare/hindcast", params={"model": "my_gru"}).status_code == 200
    assert service.get("/compare/plot").headers["content-type"] == "image/png"


def test_every_part_of_the_service_knows_it_and_where_it_comes_from(service: httpx.Client, values: list[float]) -> None:
    body = {"dataset": "nino12-mine", "series": [{"start": "2006-01-01", "values": values}]}
    compared = service.post("/compare", json=body).raise_for_status().json()["models"][0]
    assert (compared["model"], compared["kind"]) == (MODEL, "imported")

    metadata = service.get(f"/v2/models/{MODEL}").raise_for_status().json()
    assert metadata["inputs"][0]["shape"] == [-1, 24]
    inputs = [
        {"name": "sst", "datatype": "FP32", "shape": [1, 24], "data": [24.0] * 24},
        {"name": "valid_time", "datatype": "FP64", "shape": [1], "data": [1.3e9]},
    ]
    inferred = service.post(f"/v2/models/{MODEL}/infer", json={"inputs": inputs}).raise_for_status().json()
    assert 18 < inferred["outputs"][0]["data"][0] < 30

    (listed,) = service.get("/models").raise_for_status().json()["models"]
    assert (listed["model"], listed["imported"], listed["best"]) == (MODEL, True, True)
    detail = service.get(f"/models/{MODEL}").raise_for_status().json()["metadata"]
    assert detail["imported"]["trained_until"] == "1992-08-01T00:00:00Z"
    card = service.get(f"/models/{MODEL}/card").raise_for_status().text
    assert "trained on data until 1992-08-01, as its user states" in card
    unknown = service.get("/models/gru")
    assert unknown.status_code == 404
    assert f"available: best, all, my_gru, {MODEL}" in unknown.json()["detail"]


def test_batch_scoring_uses_it(folder: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "table.csv", tmp_path / "forecasts.csv"
    times = pd.date_range("2000-01-01", periods=48, freq="MS").strftime("%Y-%m-%d")
    sst = 23 + 3 * np.sin(np.arange(48) * np.pi / 6)
    pd.DataFrame({"station": "pier", "time": times, "sst": sst}).to_csv(table, index=False)
    arguments = ("--dataset", "nino12-mine", "--model", "my_gru", "--artifacts", folder / "artifacts", "--horizon", 3)
    assert score(table, out, *arguments) == 0
    scored = pd.read_csv(out)
    assert len(scored) == 3
    assert scored["sst"].between(15, 32).all()
