"""Every way to ask for the forecast of a place gives the same answer."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import SecretStr

import sst
from forecasting import load_universal
from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from service.settings import Settings
from tests.scoring.grids.sample import daily, opened, save
from tests.service.requests import answered
from tests.serving import serve

LATITUDE, LONGITUDE = -2.5, 177.5
DAYS, HORIZON, LEVEL = 60, 3, 80
START = datetime.combine(datetime.now(UTC).date() - timedelta(days=DAYS), datetime.min.time(), UTC)
EVENTS = [{"name": "warm", "above": 30.0}, {"name": "heatwave", "kind": "marine_heatwave"}]
USUAL = evaluate(
    GlobalClimatology.load().coefficients(LATITUDE, LONGITUDE),
    np.datetime64(START.replace(tzinfo=None), "s") + np.arange(DAYS) * np.timedelta64(1, "D"),
)
VALUES = [round(float(value), 2) for value in USUAL + 1.5 + np.random.default_rng(5).normal(0, 0.1, DAYS)]
GAP = 20
"""A day without a value."""
VALUES[GAP] = float("nan")


class Said(NamedTuple):
    """What an answer says of the place; None where this way has no such field."""

    sst: list[float]
    lower: list[float]
    upper: list[float]
    baselines: dict[str, list[float]] | None
    warnings: list[str] | None
    usual: float | None
    warm: float | None
    heatwave: list[float] | None


@pytest.fixture(scope="module")
def service(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = SecretStr(f"sqlite:///{tmp_path_factory.mktemp('state')}/sst.db")
    with serve(Settings(artifacts=seas, store=store, background=False)) as client:
        yield client


def values() -> list[float | None]:
    return [None if np.isnan(value) else value for value in VALUES]


def series() -> dict[str, Any]:
    return {
        "start": START.isoformat(),
        "step": "day",
        "values": values(),
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
    }


def table() -> pd.DataFrame:
    times = [START.replace(tzinfo=None) + timedelta(days=i) for i in range(DAYS)]
    return pd.DataFrame({"time": times, "sst": VALUES, "latitude": LATITUDE, "longitude": LONGITUDE})


def csv(folder: Path) -> Path:
    table().to_csv(folder / "pier.csv", index=False)
    return folder / "pier.csv"


def events(folder: Path) -> Path:
    (folder / "events.json").write_text(json.dumps(EVENTS))
    return folder / "events.json"


def from_json(answer: dict[str, Any]) -> Said:
    known = {event["name"]: event for event in answer["events"]}
    (interval,) = [each for each in answer["intervals"] if each["level"] == LEVEL]
    return Said(
        answer["sst"],
        interval["lower"],
        interval["upper"],
        answer["baselines"],
        sorted(warning["message"] for warning in answer["warnings"]),
        answer["usual"]["sst"],
        known["warm"]["probability"],
        known["heatwave"]["probability"],
    )


def from_rows(rows: pd.DataFrame, *, judged: bool = True) -> Said:
    baselines = {
        name.removeprefix("baseline_"): [*map(float, rows[name])]
        for name in map(str, rows)
        if name.startswith("baseline_") and rows[name].notna().all()
    }
    return Said(
        [*rows["sst"]],
        [*rows["lower_80"]],
        [*rows["upper_80"]],
        baselines or None,
        None,
        None,
        float(rows["event_warm_probability"].iloc[0]) if judged else None,
        [*rows["event_heatwave_probability"]] if judged else None,
    )


def request(service: httpx.Client, seas: Path, folder: Path) -> Said:
    body = {"series": [series()], "horizon": HORIZON, "levels": [LEVEL], "events": EVENTS, "baseline": "position"}
    (forecast,) = answered(service.post("/forecast", json=body))["forecasts"]
    return from_json(forecast)


def uploaded_file(service: httpx.Client, seas: Path, folder: Path) -> Said:
    content = csv(folder).read_bytes()
    (read,) = answered(service.post("/series", content=content, headers={"Content-Type": "text/csv"}))["series"]
    query: dict[str, Any] = {"horizon": HORIZON, "level": LEVEL, "events": json.dumps(EVENTS)}
    headers = {"Content-Type": "application/x-ndjson"}
    response = service.post(
        "/forecast", params=query, content=json.dumps(read | {"baseline": "position"}), headers=headers
    )
    return from_json(answered(response))


def arrow(service: httpx.Client, seas: Path, folder: Path) -> Said:
    sent, stream = pa.Table.from_pandas(table()), io.BytesIO()
    with pa.ipc.new_stream(stream, sent.schema) as writer:
        writer.write_table(sent)
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    query: dict[str, Any] = {"horizon": HORIZON, "level": LEVEL}
    response = service.post("/forecast", params=query, content=stream.getvalue(), headers=headers).raise_for_status()
    rows = pa.ipc.open_stream(response.content).read_all().to_pandas()
    return from_rows(rows, judged=False)._replace(warnings=[rows["messages"].iloc[0].partition(": ")[2]])


def station(service: httpx.Client, seas: Path, folder: Path) -> Said:
    settings = {
        "step": "day",
        "latitude": LATITUDE,
        "longitude": LONGITUDE,
        "horizon": HORIZON,
        "events": EVENTS,
        "baseline": "position",
    }
    service.put("/stations/pier", json=settings).raise_for_status()
    readings = {
        "timestamps": [
            time.isoformat() + "Z" for time, value in zip(table()["time"], VALUES, strict=True) if value > 0
        ],
        "values": [value for value in VALUES if value > 0],
    }
    service.post("/stations/pier/observations", json=readings).raise_for_status()
    return from_json(answered(service.get("/stations/pier/forecast")))


def options(seas: Path, folder: Path) -> list[object]:
    asked = ["--horizon", HORIZON, "--levels", LEVEL, "--events", events(folder), "--baseline", "position"]
    return [*asked, "--artifacts", seas]


def command(seas: Path, folder: Path, form: str) -> str:
    arguments = [csv(folder), *options(seas, folder)]
    with redirect_stdout(io.StringIO()) as printed:
        assert sst.run(["forecast", *map(str, arguments), "--format", form]) == 0
    return printed.getvalue()


def command_json(service: httpx.Client, seas: Path, folder: Path) -> Said:
    (forecast,) = json.loads(command(seas, folder, "json"))["forecasts"]
    return from_json(forecast)


def command_csv(service: httpx.Client, seas: Path, folder: Path) -> Said:
    return from_rows(pd.read_csv(io.StringIO(command(seas, folder, "csv"))), judged=False)


def scored_table(service: httpx.Client, seas: Path, folder: Path) -> Said:
    out = folder / "out.csv"
    assert sst.run(["score", *map(str, (csv(folder), out, *options(seas, folder)))]) == 0
    return from_rows(pd.read_csv(out))


def python(service: httpx.Client, seas: Path, folder: Path) -> Said:
    position = GlobalClimatology.load().coefficients(LATITUDE, LONGITUDE)
    observed = table().set_index("time")["sst"]
    forecast = load_universal("ocean-daily", seas).forecast(observed, horizon=HORIZON, coefficients=position)
    lower, upper = forecast.interval(LEVEL)
    return Said(
        [*forecast.sst],
        [*lower],
        [*upper],
        {name: [*values] for name, values in forecast.baselines.items()},
        sorted(warning.message for warning in forecast.warnings),
        forecast.usual.sst if forecast.usual else None,
        None,
        None,
    )


def test_a_cell_of_a_grid_has_the_forecast_of_its_series_by_the_same_network(
    service: httpx.Client, seas: Path, tmp_path: Path
) -> None:
    grid = daily(np.tile(np.array(VALUES)[:, None, None], (1, 2, 2)), f"{START:%Y-%m-%d}", corner=(LATITUDE, LONGITUDE))
    paths = save(grid, tmp_path / "in.nc"), tmp_path / "out.nc"
    asked = [*paths, *options(seas, tmp_path), "--model", "ocean-daily-gru"]
    assert sst.run(["score", *map(str, asked)]) == 0
    cell = opened(tmp_path / "out.nc").isel(lat=0, lon=0)
    body = {
        "series": [series()],
        "horizon": HORIZON,
        "levels": [LEVEL],
        "events": EVENTS,
        "baseline": "position",
        "model": "ocean-daily-gru",
    }
    (forecast,) = answered(service.post("/forecast", json=body))["forecasts"]
    heatwave = forecast["events"][1]
    assert cell["sst"].values == pytest.approx(forecast["sst"], abs=1e-4)
    # Intervals, and so probabilities, of grids do not learn from the past of a cell.
    for name in ("climatology", "threshold"):
        assert cell[f"event_heatwave_{name}"].values == pytest.approx(heatwave[name], abs=1e-3)


@pytest.mark.parametrize(
    "way",
    [uploaded_file, arrow, station, command_json, command_csv, scored_table, python],
    ids=lambda way: way.__name__,
)
def test_a_place_has_one_forecast_however_it_is_asked_for(
    way: Callable[[httpx.Client, Path, Path], Said], service: httpx.Client, seas: Path, tmp_path: Path
) -> None:
    asked, expected = way(service, seas, tmp_path), request(service, seas, tmp_path)
    for name, value in asked._asdict().items():
        if value is not None:
            assert value == expected_of(expected, name), name


def expected_of(said: Said, name: str) -> Any:
    value = getattr(said, name)
    if name == "warnings":
        return value
    if name == "baselines":
        return {key: pytest.approx(values, abs=1e-4) for key, values in value.items()}
    return pytest.approx(value, abs=1e-4)
