"""A network that takes weather gets the same from every way in."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import sst
from forecasting.releases.catalog import load_universal
from forecasting.series.times import Floats
from service.client import Client
from service.settings import Settings
from tests.forecasting.models.universal import tiny
from tests.forecasting.models.universal.test_weather import PRIOR, sea
from tests.service.plugins.columns.bodies import arrow_bytes, post, read
from tests.service.requests import CSV, NDJSON, answered
from tests.serving import serve

DAYS, AHEAD, HORIZON = 120, 7, 5


class Shown(NamedTuple):
    """What a way in answers: the forecast, what it rests on, and what that was worth on the past."""

    sst: list[float]
    used: str
    ratio: float


@pytest.fixture(scope="module")
def releases(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of a place, and of a daily release that takes weather."""
    folder = tmp_path_factory.mktemp("weather") / "artifacts"
    shutil.copytree(artifacts, folder, symlinks=True)
    tiny.publish(folder, "ocean-daily", "day", {"gru": 0.01, "lstm": 0.02}, weather=PRIOR)
    return folder


@pytest.fixture(scope="module")
def client(releases: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=releases)) as served:
        yield served


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A pier whose water follows the air, with a week of weather ahead."""
    whole, weather = sea(3, DAYS)
    count = DAYS + AHEAD
    days = pd.date_range("2020-01-01", periods=count, name="time")
    air, wind = weather.values[:count].round(3).T
    water: Floats = whole.values[:count].round(3)
    water[DAYS:] = np.nan
    return pd.DataFrame({"sst": water, "air_temperature": air, "wind_speed": wind}, days)


@pytest.fixture(scope="module")
def expected(releases: Path, table: pd.DataFrame) -> Shown:
    forecast = load_universal("ocean-daily", releases).forecast(table, HORIZON)
    assert forecast.weather is not None
    assert forecast.weather.past_rmse_ratio is not None
    assert forecast.weather.past_rmse_ratio < 1
    return Shown(forecast.sst.tolist(), ";".join(forecast.weather.used), forecast.weather.past_rmse_ratio)


def json_series(table: pd.DataFrame) -> dict[str, Any]:
    weather = {name: table[name].tolist() for name in ("air_temperature", "wind_speed")}
    return {
        "id": "pier",
        "step": "day",
        "start": "2020-01-01",
        "values": table["sst"][:DAYS].tolist(),
        "weather": weather,
    }


def of_entry(entry: dict[str, Any]) -> Shown:
    return Shown(entry["sst"], ";".join(entry["weather"]["used"]), entry["weather"]["past_rmse_ratio"])


def of_rows(rows: pd.DataFrame) -> Shown:
    return Shown(rows["sst"].tolist(), rows["weather_used"].iloc[0], rows["past_rmse_ratio"].iloc[0])


def by_json(client: httpx.Client, table: pd.DataFrame) -> Shown:
    body = {"horizon": HORIZON, "series": [json_series(table)]}
    return of_entry(answered(client.post("/forecast", json=body))["forecasts"][0])


def by_ndjson(client: httpx.Client, table: pd.DataFrame) -> Shown:
    line = json.dumps(json_series(table))
    return of_entry(client.post(f"/forecast?horizon={HORIZON}", content=line, headers=NDJSON).json())


def by_columns(client: httpx.Client, table: pd.DataFrame) -> Shown:
    columns = pa.Table.from_pandas(table.reset_index(), preserve_index=False)
    return of_rows(read(post(client, arrow_bytes(columns), horizon=HORIZON)))


def by_upload(client: httpx.Client, table: pd.DataFrame) -> Shown:
    (series,) = answered(client.post("/series", content=table.to_csv(), headers=CSV))["series"]
    body = {"horizon": HORIZON, "series": [series]}
    return of_entry(answered(client.post("/forecast", json=body))["forecasts"][0])


def by_client(client: httpx.Client, table: pd.DataFrame) -> Shown:
    weather = table.drop(columns="sst")
    with Client(str(client.base_url)) as caller:
        shown = of_rows(caller.forecast(table["sst"][:DAYS], horizon=HORIZON, weather=weather))
    return shown._replace(used=shown.used.replace("; ", ";"))


def assert_same(shown: Shown, expected: Shown) -> None:
    assert shown.sst == pytest.approx(expected.sst, abs=1e-3)
    assert shown.used == expected.used
    assert shown.ratio == pytest.approx(expected.ratio, abs=1e-3)


@pytest.mark.parametrize("way", [by_json, by_ndjson, by_columns, by_upload, by_client])
def test_every_way_into_the_service_gives_the_forecast_of_python(
    client: httpx.Client, table: pd.DataFrame, expected: Shown, way: Callable[[httpx.Client, pd.DataFrame], Shown]
) -> None:
    shown = way(client, table)
    assert_same(shown, expected)


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_the_commands_give_the_forecast_of_python(
    releases: Path, table: pd.DataFrame, expected: Shown, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path, output = tmp_path / name, tmp_path / "out.csv"
    table.to_csv(path) if name == "in.csv" else table.reset_index().to_parquet(path)
    common = ["--horizon", str(HORIZON), "--artifacts", str(releases)]
    assert sst.run(["score", str(path), str(output), *common, "--processes", "0"]) == 0
    shown = [of_rows(pd.read_csv(output))]
    table["sst"][:DAYS].to_csv(tmp_path / "pier.csv")
    table.drop(columns="sst").to_csv(tmp_path / "weather.csv")
    capsys.readouterr()
    arguments = ["forecast", str(tmp_path / "pier.csv"), "--weather", str(tmp_path / "weather.csv"), *common]
    assert sst.run([*arguments, "--format", "json"]) == 0
    shown.append(of_entry(json.loads(capsys.readouterr().out)["forecasts"][0]))
    assert sst.run(arguments) == 0
    text = capsys.readouterr().out
    assert "weather: air_temperature and wind_speed, ahead until 2020-05-04; over 56 past forecasts, the RMSE" in text
    for way in shown:
        assert_same(way, expected)


def test_a_model_says_that_it_takes_weather(client: httpx.Client) -> None:
    models = answered(client.get("/models"))["models"]
    taken = {model["model"]: model["covariates"] for model in models if model["dataset"] == "ocean-daily"}
    assert taken == {f"ocean-daily-{cell}": ["air_temperature", "wind_speed"] for cell in ("gru", "lstm")}
