"""``sst forecast`` and ``sst events``: the service's forecasts and events, without a service."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pytest

import sst
from forecasting.readers import read_csv
from service.settings import Settings
from tests.conftest import NINO12
from tests.serving import serve


class Ran(NamedTuple):
    status: int
    output: str
    errors: str


Run = Callable[..., Ran]
DAYS = np.datetime64("2001-01-01") + np.arange(12 * 365)
VALUES = np.round(15 + 4 * np.sin(np.arange(len(DAYS)) / 58.1) + np.where(np.arange(len(DAYS)) % 700 < 9, 3.0, 0), 2)
EVENTS: list[dict[str, Any]] = [
    {"name": "warm", "above": 15.5, "for": 2},
    {"name": "heatwave", "kind": "marine_heatwave"},
    {"name": "bleaching", "kind": "degree_heating_weeks"},
]
POSITION = {"latitude": 43.6, "longitude": 7.3}


@pytest.fixture
def run(seas: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: ``run("forecast", path)``."""

    def run(name: str, *arguments: object) -> Ran:
        artifacts = ["--artifacts", str(seas)] if name == "forecast" else []
        return Ran(sst.run([name, *map(str, arguments), *artifacts]), *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def service(seas: Path) -> Iterator[httpx.Client]:
    with serve(Settings(artifacts=seas)) as client:
        yield client


@pytest.fixture(scope="module")
def pier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve years of days."""
    path = tmp_path_factory.mktemp("pier") / "pier.csv"
    pd.DataFrame({"time": DAYS, "sst": VALUES}).to_csv(path, index=False)
    return path


def stations(folder: Path, **lengths: int) -> Path:
    """A table with several stations, each with its last days."""
    path = folder / "stations.csv"
    tables = [pd.DataFrame({"station": name, "time": DAYS[-n:], "sst": VALUES[-n:]}) for name, n in lengths.items()]
    pd.concat(tables).to_csv(path, index=False)
    return path


def sent(path: Path, **fields: Any) -> dict[str, Any]:
    """The series of a file as a request has it."""
    series = read_csv(path)
    values = [None if np.isnan(value) else value for value in series.values.tolist()]
    return {"id": path.stem, "start": str(series.start), "step": str(series.step), "values": values, **fields}


def assert_alike(ours: Any, theirs: Any) -> None:
    """Compare two JSON values; numbers up to the precision of the networks."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name in theirs:
            assert_alike(ours[name], theirs[name])
    elif isinstance(theirs, list) and any(isinstance(item, dict) for item in theirs):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_alike(one, other)
    else:
        assert ours == (pytest.approx(theirs, abs=1e-4) if isinstance(theirs, float | list) else theirs)


@pytest.mark.parametrize(
    ("path", "options", "request_", "fields"),
    [
        ("pier", [], {}, {}),
        ("pier", ["--latitude", "43.6", "--longitude", "7.3", "--model", "lstm"], {"model": "lstm"}, POSITION),
        ("pier", ["--horizon", "9", "--levels", "50"], {"horizon": 9, "levels": [50]}, {}),
        ("pier", ["--dataset", "ocean-daily", "--check"], {"dataset": "ocean-daily", "check": True}, {}),
        ("pier", ["--model", "all"], {"model": "all"}, {}),
        ("nino12", ["--model", "nino12-gru"], {"model": "nino12-gru"}, {}),
        ("nino12", ["--dataset", "nino12", "--thresholds", "24,25"], {"dataset": "nino12", "thresholds": [24, 25]}, {}),
    ],
)  # fmt: skip
def test_the_json_of_a_forecast_is_that_of_the_service(
    run: Run,
    service: httpx.Client,
    pier: Path,
    path: str,
    options: list[str],
    request_: dict[str, Any],
    fields: dict[str, Any],
) -> None:
    file = pier if path == "pier" else NINO12
    theirs = service.post("/forecast", json={**request_, "series": [sent(file, **fields)]}).json()
    ran = run("forecast", file, "--format", "json", *options)
    assert_alike(json.loads(ran.output), theirs)
    assert ran.status == 0


def test_events_and_other_units_are_as_in_the_service(
    run: Run, service: httpx.Client, pier: Path, tmp_path: Path
) -> None:
    kelvin = tmp_path / "kelvin.csv"
    pd.DataFrame({"time": DAYS, "sst": np.round(VALUES + 273.15, 2)}).to_csv(kelvin, index=False)
    asked = [{**EVENTS[0], "above": 288.65}, *EVENTS[1:]]
    (tmp_path / "events.json").write_text(json.dumps(asked))
    period = {"start": "2001-01-01", "end": "2010-12-31"}
    series = sent(pier, **POSITION) | {"id": "kelvin", "values": np.round(VALUES + 273.15, 2).tolist()}
    request = {"units": "kelvin", "horizon": 5, "events": asked, "thresholds": [290.0], "baseline": period}
    theirs = service.post("/forecast", json={**request, "series": [series]}).json()
    ran = run(
        "forecast", kelvin, "--units", "kelvin", "--horizon", 5, "--events", tmp_path / "events.json", "--thresholds",
        "290", "--baseline", "2001/2010", "--latitude", 43.6, "--longitude", 7.3, "--format", "json",
    )  # fmt: skip
    assert_alike(json.loads(ran.output), theirs)
    assert [event["name"] for event in theirs["forecasts"][0]["events"] if "error" not in event] == [
        event["name"] for event in asked
    ]


def test_the_table_has_a_row_for_each_lead_and_a_column_for_each_event(run: Run, pier: Path, tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(json.dumps([*EVENTS[:2], {"name": "cold", "below": {"percentile": 10}}]))
    ran = run(
        "forecast", pier, "--horizon", 3, "--events", tmp_path / "events.json", "--thresholds", "15", "--model", "gru",
        "--baseline", "2001/2003",
    )  # fmt: skip
    head, names, *rows = ran.output.splitlines()
    last = DAYS[-1]
    assert head == f"pier: forecast by ocean-daily-gru 20260101T000000Z from {last}, °C"
    assert names.split() == ["time", "sst", "lower_80", "upper_80", "lower_95", "upper_95", "exceedance_15", "warm"]
    assert [row.split()[0] for row in rows] == [str(last + i) for i in (1, 2, 3)]
    sst, lower, upper = map(float, rows[0].split()[1:4])
    assert sst == pytest.approx(VALUES[-1], abs=0.02)
    assert (upper - lower) > 0
    # The network that was named is not the best one, and the baseline is too short for two of the events.
    assert ran.errors.count("sst forecast: pier: warning: ") == 3
    assert ran.errors.count("a baseline needs 10 years") == 2


def test_csv_has_every_station_and_stations_without_a_forecast_are_named(run: Run, tmp_path: Path) -> None:
    ran = run("forecast", stations(tmp_path, buoy=40, pier=90, new=5), "--horizon", 2, "--format", "csv")
    table = pd.read_csv(io.StringIO(ran.output))
    assert table["station"].tolist() == ["buoy", "buoy", "pier", "pier"]
    assert table["issued"].unique().tolist() == [f"{DAYS[-1]}T00:00:00Z"]
    assert table["time"].tolist()[:2] == [f"{DAYS[-1] + 1}T00:00:00Z", f"{DAYS[-1] + 2}T00:00:00Z"]
    assert [*table.columns[3:8]] == ["sst", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert table["model"].tolist() == ["ocean-daily-gru"] * 2 + ["mixture"] * 2
    assert ran.status == 0
    assert "sst forecast: new: a forecast needs at least 14 daily values, but the series has 5" in ran.errors
    listed = json.loads(run("forecast", stations(tmp_path, buoy=40, new=5), "--format", "json").output)["forecasts"]
    assert [("error" in entry, entry["id"]) for entry in listed] == [(False, "buoy"), (True, "new")]


def test_a_file_without_any_forecast_is_status_3(run: Run, tmp_path: Path) -> None:
    for form in ("table", "csv"):
        ran = run("forecast", stations(tmp_path, new=5), "--format", form)
        assert (ran.status, ran.output) == (3, "")


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--latitude", "40"], 2, "longitude is missing: give both latitude and longitude, or neither"),
        (["--model", "nino12-gru", "--dataset", "buoy"], 2, "model nino12-gru belongs to dataset nino12, not buoy"),
        (["--model", "transformer"], 2, "no model 'transformer'"),
        (["--model", "nino12-transformer"], 2, "no model 'nino12-transformer'; available: best, all, rnn"),
        (["--dataset", "nino12", "--check"], 2, "the networks of a place cannot check values: leave out the dataset"),
        (["--levels", "100"], 2, "level"),
        (["--resample", "day", "--dataset", "nino12"], 3, "pier: the step is one day, but "),
        (["--horizon", "5000"], 3, "pier: horizon 5000 is out of range: ocean-daily forecasts 1 to 14 steps"),
        (["--as-of", "2001-05-01"], 3, "the time in as_of: check the times, or name it with --as-of"),
        (["--plot", "forecast.txt"], 2, "--plot forecast.txt: "),
        (["--plot", "nowhere/forecast.png"], 2, "nowhere/forecast.png: cannot write it: No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_forecast_is_refused_in_one_sentence(
    run: Run, pier: Path, options: list[str], status: int, sentence: str
) -> None:
    ran = run("forecast", pier, *options)
    assert ran.status == status
    assert ran.errors.startswith("sst forecast: ")
    assert sentence in ran.errors
    assert ran.errors.count("\n") == 1


def test_a_step_without_a_release_is_refused_with_those_that_there_are(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "months.csv"
    months = np.arange("2001-01", "2004-01", dtype="datetime64[M]")
    pd.DataFrame({"time": months.astype(str), "sst": 15 + np.arange(36) % 7}).to_csv(path, index=False)
    for name in ("ocean-monthly", "ocean-daily"):
        assert run("forecast", path, "--dataset", name, "--step", "month").status == (0 if "month" in name else 3)


def test_standard_input_is_read_and_the_forecast_drawn(
    run: Run, pier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pier.read_bytes())))
    figure = tmp_path / "forecast.png"
    ran = run("forecast", "-", "--plot", figure)
    assert (ran.status, ran.output.partition(":")[0]) == (0, "stdin")
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_more_series_than_fit_into_a_figure_are_refused(run: Run, tmp_path: Path) -> None:
    many = stations(tmp_path, **{f"s{i}": 20 for i in range(13)})
    ran = run("forecast", many, "--plot", tmp_path / "many.png")
    assert ran.status == 2
    assert "--plot draws up to 12 series, not 13: choose one with --station" in ran.errors


@pytest.mark.parametrize("kind", ["marine_heatwave", "marine_cold_spell"])
def test_past_events_are_those_of_the_service(run: Run, service: httpx.Client, pier: Path, kind: str) -> None:
    period = {"start": "2001-01-01", "end": "2011-12-31"}
    theirs = service.post(f"/events?kind={kind}", json={"baseline": period, "series": [sent(pier)]}).json()
    ran = run("events", pier, "--kind", kind, "--baseline", "2001/2011", "--format", "json")
    assert json.loads(ran.output) == theirs
    csv = pd.read_csv(
        io.StringIO(run("events", pier, "--kind", kind, "--baseline", "2001/2011", "--format", "csv").output)
    )
    assert csv["start"].tolist() == [event["start"] for event in theirs["series"][0]["events"]]
    assert theirs["series"][0]["events"]


def test_events_may_rest_on_the_climatology_of_a_position(run: Run, service: httpx.Client, pier: Path) -> None:
    place = {"latitude": -38.0, "longitude": -89.0}
    theirs = service.post("/events", json={"baseline": "position", "series": [sent(pier) | place]}).json()
    options = ("--baseline", "position", "--latitude", -38, "--longitude", -89)
    ran = run("events", pier, *options, "--format", "json")
    assert json.loads(ran.output) == theirs
    assert "warning: Climatology and threshold are those of the position" in ran.errors
    assert "needs a position: send latitude and longitude" in run("events", pier, "--baseline", "position").errors


def test_past_events_are_listed_counted_and_drawn(run: Run, pier: Path, tmp_path: Path) -> None:
    figure = tmp_path / "events.png"
    ran = run("events", pier, "--plot", figure)
    head, names, *rows = ran.output.splitlines()
    assert head == f"pier: {len(rows)} marine heatwaves from 2001-01-01 to {DAYS[-1]}"
    assert names.split()[:4] == ["start", "end", "peak", "days"]
    assert rows[0].split()[-1] in ("Moderate", "Strong", "Severe", "Extreme")
    assert "warning: The baseline covers 12 years" in ran.errors
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--baseline", "2011/2001"], 2, "--baseline 2011/2001: the period ends before it begins"),
        (["--baseline", "1983"], 2, "--baseline 1983: expected a period, such as 1983/2012"),
        (["--baseline", "2001/2003"], 3, "pier: the series has 3.0 years between 2001-01-01 and 2003-12-31"),
        (["--resample", "week"], 3, "pier: the step is one week, but marine heatwaves and cold spells are defined for"),
    ],
)  # fmt: skip
def test_events_that_cannot_be_found_are_refused_in_one_sentence(
    run: Run, pier: Path, options: list[str], status: int, sentence: str
) -> None:
    ran = run("events", pier, *options)
    assert (ran.status, ran.output) == (status, "")
    assert ran.errors.startswith(f"sst events: {sentence}")
    assert ran.errors.count("\n") == 1


def weather_of(path: Path, days_ahead: int = 5, wind: float = 5.0) -> Path:
    """A file of weather over the last hundred days of the pier, and ahead."""
    times = DAYS[-1] + np.arange(-100, days_ahead + 1)
    pd.DataFrame({"time": times, "air_temperature": 14.0, "wind_speed": wind}).to_csv(path, index=False)
    return path


def test_weather_comes_from_a_file(run: Run, pier: Path, tmp_path: Path) -> None:
    plain = json.loads(run("forecast", pier, "--format", "json").output)
    ran = run("forecast", pier, "--weather", weather_of(tmp_path / "weather.csv"), "--format", "json")
    (entry,) = json.loads(ran.output)["forecasts"]
    assert entry["sst"] == plain["forecasts"][0]["sst"]
    assert [warning["code"] for warning in entry["warnings"]][-1] == "weather_ignored"
    assert "pier: warning: ocean-daily takes no weather: it is ignored" in ran.errors


def test_weather_that_cannot_be_used_is_an_error(run: Run, pier: Path, tmp_path: Path) -> None:
    path = weather_of(tmp_path / "weather.csv", wind=80.0)
    ran = run("forecast", pier, "--weather", path)
    assert ran.status == 3
    assert f"pier: {path}: weather: wind_speed is 80 m/s at" in ran.errors
    ran = run("forecast", pier, "--weather", tmp_path / "no.csv")
    assert (ran.status, "no.csv" in ran.errors) == (2, True)


def test_weather_in_the_columns_of_the_file_does_not_shift_the_forecast(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pier.csv"
    times, sst = DAYS[-100:], VALUES[-100:].copy()
    sst[-5:] = np.nan
    pd.DataFrame({"time": times, "sst": sst, "wind_speed": 5.0}).to_csv(path, index=False)
    (entry,) = json.loads(run("forecast", path, "--format", "json").output)["forecasts"]
    assert entry["timestamps"] == [f"{times[-5]}T00:00:00Z"]
    assert entry["warnings"][-1]["code"] == "weather_ignored"


def test_weather_is_refused_by_a_network_of_a_place_only_where_it_was_asked_for(run: Run, tmp_path: Path) -> None:
    months = np.arange(np.datetime64("2001-01"), np.datetime64("2011-01"))
    path, weather = tmp_path / "sea.csv", tmp_path / "weather.csv"
    table = pd.DataFrame({"time": months.astype("datetime64[D]"), "sst": 22.0 + np.sin(np.arange(120) / 1.9)})
    table.assign(wind_speed=5.0).to_csv(path, index=False)
    table.assign(wind_speed=5.0).drop(columns="sst").to_csv(weather, index=False)
    assert run("forecast", path, "--model", "nino12-gru").status == 0
    ran = run("forecast", path, "--model", "nino12-gru", "--weather", weather)
    assert (ran.status, "nino12-gru takes no weather" in ran.errors) == (3, True)
