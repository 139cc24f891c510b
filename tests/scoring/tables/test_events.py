"""Events in tables: columns beside the forecasts of each station."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.events.baseline import Baseline, Position
from forecasting.events.definitions import MarineEvent, ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.forecasts.forecast import Forecast
from forecasting.releases.catalog import load_universal
from tests.forecasting.models.universal import tiny
from tests.scoring.commands import caught, exists, score
from tests.scoring.heatwaves import HEATWAVE, events_file, with_departure
from tests.scoring.tables.sample import OPEN_SEA, long_table, station, walk

WARM = {"name": "Net washing", "above": 17.5, "for": 3, "within": 4}
COLD = {"name": "cold stress", "below": 16.5}


def scored(tmp_path: Path, artifacts: Path, frames: list[pd.DataFrame], *options: object) -> pd.DataFrame:
    pd.concat(frames).to_csv(tmp_path / "in.csv", index=False)
    command = (tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", artifacts, "--overwrite", *options)
    assert score(*command) == 0
    return pd.read_csv(tmp_path / "out.csv")


def test_columns_of_thresholds_are_what_judging_by_hand_gives(seas: Path, tmp_path: Path) -> None:
    series = {"a": walk(60), "b": walk(80, 2)}
    frames = [station(name, values, position=None) for name, values in series.items()]
    options = ("--model", "gru", "--horizon", 5, "--events", events_file(tmp_path, WARM, COLD))
    rows = scored(tmp_path, seas, frames, *options)
    definitions = {
        "net_washing": ThresholdEvent("Net washing", "above", 17.5, duration=3, within=4),
        "cold_stress": ThresholdEvent("cold stress", "below", 16.5),
    }
    release = load_universal("ocean-daily", seas)
    nowhere = np.full((1, 7), np.nan, dtype=np.float32)
    for name, values in series.items():
        past = tiny.series(values, start="2023-01-01")
        (forecast,) = release.forecast_many([past], 5, coefficients=nowhere, model="gru")
        assert isinstance(forecast, Forecast)
        of_station = rows[rows["station"] == name]
        for column, definition in definitions.items():
            wanted = evaluate(definition, forecast.outlook(past))
            assert set(of_station[f"event_{column}_probability"]) == {round(wanted.probability, 6)}
            np.testing.assert_allclose(of_station[f"event_{column}_by_lead"], wanted.by_lead, atol=1e-6)
            np.testing.assert_allclose(of_station[f"event_{column}_peak"], wanted.peak.median, atol=1e-5)
            onset = of_station[f"event_{column}_onset"].iloc[0]
            assert onset == f"{wanted.onset.median}Z" if wanted.onset else pd.isna(onset)
            assert not of_station[f"event_{column}_calibrated"].any()  # this release knows no dependence
            assert of_station[f"event_{column}_error"].isna().all()


@pytest.mark.parametrize("output", ["out.csv", "out.parquet"])
def test_a_heatwave_has_a_state_a_category_and_probabilities(seas: Path, tmp_path: Path, output: str) -> None:
    frames = [station("warm", with_departure(9, 3.0), position=None), station("new", walk(60), position=None)]
    pd.concat(frames).to_csv(tmp_path / "in.csv", index=False)
    options = ("--artifacts", seas, "--model", "gru", "--horizon", 3, "--events", events_file(tmp_path, HEATWAVE))
    assert score(tmp_path / "in.csv", tmp_path / output, *options) == 0
    read = pd.read_csv if output.endswith("csv") else pd.read_parquet
    rows = read(tmp_path / output).set_index("station")
    warm, new = rows.loc["warm"], rows.loc["new"]
    past = tiny.series(with_departure(9, 3.0), start="2023-01-01")
    nowhere = np.full((1, 7), np.nan, dtype=np.float32)
    (forecast,) = load_universal("ocean-daily", seas).forecast_many([past], 3, coefficients=nowhere, model="gru")
    assert isinstance(forecast, Forecast)
    wanted = evaluate(MarineEvent("heatwave"), forecast.outlook(past))
    assert wanted.state.active
    assert set(warm["event_heatwave_state"]) == {"Active"}
    assert set(warm["event_heatwave_days"]) == {wanted.state.days}
    assert set(warm["event_heatwave_category"]) == {wanted.state.category}
    np.testing.assert_allclose(warm["event_heatwave_probability"], wanted.probability, atol=1e-6)
    np.testing.assert_allclose(warm["event_heatwave_threshold"], wanted.threshold, atol=1e-6)
    assert set(warm["event_heatwave_likely_category"]) <= {"No event", "Moderate", "Strong", "Severe", "Extreme"}
    assert "short_baseline" in warm["warnings"].iloc[0]
    assert new["event_heatwave_error"].str.contains("0.2 years, but a baseline needs 10 years").all()
    assert new["event_heatwave_state"].isna().all()
    assert new["sst"].notna().all()
    summary = json.loads((tmp_path / f"{output}.summary.json").read_text())
    assert summary["events"] == ["heatwave"]
    assert list(summary["events_not_judged"].values()) == [1]


def test_stations_without_forecasts_have_no_events(seas: Path, tmp_path: Path) -> None:
    station("short", walk(13)).to_csv(tmp_path / "in.csv", index=False)
    options = ("--artifacts", seas, "--events", events_file(tmp_path, WARM | {"within": 1}, HEATWAVE))
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", *options) == 3
    (row,) = pd.read_csv(tmp_path / "out.csv").to_dict("records")
    assert "send 1 more" in row["error"]
    assert pd.isna(row["event_net_washing_by_lead"])
    assert pd.isna(row["event_heatwave_error"])


def test_a_baseline_period_limits_what_is_usual(seas: Path, tmp_path: Path) -> None:
    frames = [station("a", with_departure(9, 3.0), position=None)]
    options = ("--model", "gru", "--events", events_file(tmp_path, HEATWAVE))
    whole = scored(tmp_path, seas, frames, *options)
    first = scored(tmp_path, seas, frames, *options, "--baseline", "2023/2032")
    assert whole["event_heatwave_threshold"][0] != first["event_heatwave_threshold"][0]
    short = scored(tmp_path, seas, frames, *options, "--baseline", "2023-01-01/2024-06-30")
    assert "between 2023-01-01 and 2024-06-30" in short["event_heatwave_error"][0]


def test_a_baseline_may_be_the_climatology_of_each_position(seas: Path, tmp_path: Path) -> None:
    frames = [station("a", walk(60) + 2), station("b", walk(60), position=None)]
    options = ("--model", "gru", "--events", events_file(tmp_path, HEATWAVE), "--baseline", "position")
    rows = scored(tmp_path, seas, frames, *options).set_index("station")
    usual = Baseline.of_position(Position(*OPEN_SEA), "marine_heatwave")
    _, threshold = usual.at(pd.DatetimeIndex(rows["time"].iloc[:1]).tz_localize(None).to_numpy("datetime64[s]"))
    assert rows.loc["a", "event_heatwave_state"] == "Active"
    assert rows.loc["a", "event_heatwave_threshold"] == pytest.approx(threshold[0], abs=1e-4)
    assert "coarse_baseline" in str(rows.loc["a", "warnings"])
    assert "needs a position" in str(rows.loc["b", "event_heatwave_error"])


def test_a_network_of_one_place_judges_events_too(artifacts: Path, tmp_path: Path) -> None:
    table = long_table(tmp_path / "in.csv", stations=3)
    events = events_file(tmp_path, {"name": "warm", "above": 20.0}, {"name": "cold", "below": 20.0})
    options = ("--dataset", "nino12", "--artifacts", artifacts, "--horizon", 2, "--events", events)
    assert score(table, tmp_path / "out.csv", *options) == 0
    rows = pd.read_csv(tmp_path / "out.csv")
    both = rows["event_warm_by_lead"] + rows["event_cold_by_lead"]
    np.testing.assert_allclose(both, 1, atol=1e-5)
    assert (rows["event_warm_probability"] >= rows["event_warm_by_lead"] - 1e-6).all()


def test_temperatures_of_events_are_in_the_units_of_the_run(seas: Path, tmp_path: Path) -> None:
    frames = [station("a", walk(60))]
    celsius = scored(tmp_path, seas, frames, "--events", events_file(tmp_path, {"name": "warm", "above": 17.5}))
    frames = [station("a", walk(60) + 273.15)]
    events = events_file(tmp_path, {"name": "warm", "above": 290.65})
    kelvin = scored(tmp_path, seas, frames, "--units", "kelvin", "--events", events)
    np.testing.assert_allclose(kelvin["event_warm_by_lead"], celsius["event_warm_by_lead"], atol=1e-4)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[{", "the file is not JSON: it ends too early"),
        ("[]", "the list has no events; add one, or leave out --events"),
        ('{"name": "a"}', "expected a JSON list of events, such as [{…}, {…}]"),
        ('[{"above": 20}]', "events[0].name: this field is required"),
        ('[{"name": "a", "kind": "tsunami"}]', "events[0]: kind must be one of `threshold`, `marine_heatwave`"),
        ('[{"name": "a", "above": 20}, {"name": "b", "abov": 20}]', "events[1].abov: unknown field"),
        ('[{"name": "a", "above": 20, "within": 9}]', "events[0].within is 9, but the horizon is 5: ask for a horizon"),
        ('[{"name": "a", "above": 290}]', "events[0].above is 290 °C, outside the range of sea temperatures"),
        ('[{"name": "水", "above": 20}]', "event '水' has no letter from a to z and no digit to name a column after"),
        (
            '[{"name": "a b", "above": 20}, {"name": "A-B", "below": 2}]',
            "would both have a column event_a_b_probability",
        ),
    ],
)
def test_a_file_of_events_that_is_wrong_is_refused_before_anything_is_read(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, sentence: str
) -> None:
    station("a", walk(60)).to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "events.json").write_text(content)
    options = ("--artifacts", seas, "--horizon", 5, "--events", tmp_path / "events.json")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", *options) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"sst score: {tmp_path / 'events.json'}: ")
    assert sentence in errors
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--baseline", "1983/2012"), "--baseline applies to events: name them with --events FILE.json"),
        (("--events", "none.json"), "none.json: cannot read it: No such file or directory"),
        (("--events", "e.json", "--baseline", "2012/1983"), "the period ends before it begins"),
        (("--events", "e.json", "--baseline", "1983-02-30/2012"), "there is no such day"),
        (("--events", "e.json", "--baseline", "usual.nc"), "neither a period, such as 1983/2012, nor a file"),
        (("--events", "e.json", "--baseline", "out.csv", "--overwrite"), "out.csv is also the baseline"),
        (("--events", "e.json", "--baseline", "in.csv"), "a table needs a period, such as 1983/2012"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_refused(
    seas: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    station("a", walk(60)).to_csv("in.csv", index=False)
    Path("e.json").write_text(json.dumps([HEATWAVE]))
    Path("out.csv").write_text("precious")
    assert score("in.csv", "out.csv", "--artifacts", seas, *options) == 2
    assert sentence in capsys.readouterr().err
    assert Path("out.csv").read_text() == "precious"


def test_a_killed_run_resumes_with_the_same_events_only(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.concat([station(f"s{i}", walk(60, i)) for i in range(6)]).to_csv(tmp_path / "in.csv", index=False)
    events = events_file(tmp_path, WARM)
    common = (tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", seas, "--horizon", 5, "--chunk", 60)
    assert score(*common[:1], tmp_path / "wanted.csv", *common[2:], "--events", events) == 0
    caught(tmp_path / "out.csv", exists("staged"), *common, "--events", events)
    events_file(tmp_path, COLD)
    assert score(*common, "--events", events) == 2
    assert "the list of events has changed; undo the change, or start over" in capsys.readouterr().err
    assert score(*common) == 2
    events_file(tmp_path, WARM)
    assert score(*common, "--events", events) == 0
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "wanted.csv").read_bytes()
