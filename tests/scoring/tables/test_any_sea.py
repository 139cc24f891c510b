"""Tables of stations in any sea, each forecast by the universal release for its step."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.forecasts.forecast import Forecast
from forecasting.releases.catalog import load_universal
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from tests.conftest import ROOT
from tests.forecasting.models.universal import tiny
from tests.scoring.commands import score
from tests.scoring.tables.sample import OPEN_SEA, station, walk


def scored(tmp_path: Path, artifacts: Path, frames: list[pd.DataFrame], *options: object, status: int = 0) -> Any:
    """Score the rows of stations; return the first row of each, by name."""
    pd.concat(frames).to_csv(tmp_path / "in.csv", index=False)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", artifacts, "--overwrite", *options) == status
    return pd.read_csv(tmp_path / "out.csv").groupby("station").first()


def restless(n: int) -> Any:
    """Values without memory, which a mixture forecasts better than the last one."""
    return 15.0 + np.random.default_rng(0).normal(0.0, 1.0, n)


def test_each_station_is_forecast_by_the_release_for_its_step(seas: Path, tmp_path: Path) -> None:
    frames = [station("a", walk(60)), station("b", walk(40, 2), "MS"), station("c", walk(200, 3), "6h")]
    rows = scored(tmp_path, seas, frames, "--horizon", 2, "--levels", "80")
    assert set(rows["model"]) == {"mixture"}
    assert set(rows["version"]) == {tiny.VERSION}
    assert rows["time"].tolist() == ["2023-03-02T00:00:00Z", "2026-05-01T00:00:00Z", "2023-02-20T00:00:00Z"]
    assert rows.loc["c", "warnings"] == "resampled"
    assert set(rows["chosen"]) <= {"own_past", "held_out_seas"}
    assert (rows["lower_80"] < rows["sst"]).all()
    assert (rows["sst"] < rows["upper_80"]).all()


def test_stations_are_forecast_as_the_service_forecasts_series(tmp_path: Path) -> None:
    """By the networks that ship, with the climatology of each position."""
    artifacts = ROOT / "artifacts"
    series = {"a": walk(60), "b": walk(200, 2), "c": walk(30, 3)}
    positions = {"a": OPEN_SEA, "b": (0.0, -140.0), "c": (-35.0, 20.0)}
    frames = [station(name, values, position=positions[name]) for name, values in series.items()]
    rows = scored(tmp_path, artifacts, frames, "--levels", "80,95")
    coefficients = GlobalClimatology.load().coefficients(*np.transpose(list(positions.values())))
    given = [SstSeries(values, np.datetime64("2023-01-01", "s"), TimeStep.parse("day")) for values in series.values()]
    expected = load_universal("ocean-daily", artifacts).forecast_many(given, 1, coefficients=coefficients)
    for name, forecast in zip(series, expected, strict=True):
        assert isinstance(forecast, Forecast)
        assert forecast.chosen is not None
        assert (rows.loc[name, "model"], rows.loc[name, "chosen"]) == (forecast.model, forecast.chosen.by)
        bounds = [*forecast.interval(80), *forecast.interval(95)]
        row = rows.loc[name, ["sst", "lower_80", "upper_80", "lower_95", "upper_95"]].to_numpy(dtype=np.float64)
        np.testing.assert_allclose(row, [forecast.sst[0], *(bound[0] for bound in bounds)], atol=1e-4)


def test_bad_stations_say_what_to_do(seas: Path, tmp_path: Path) -> None:
    frames = [
        station("short", walk(13)),
        station("empty", np.full(30, np.nan)),
        station("stuck", np.full(30, 15.0)),
        station("fahrenheit", walk(30, level=65.0)),
        station("kelvin", walk(30, level=290.0)),
        station("land", walk(60), position=(48.0, 10.0)),
        station("off", walk(60), position=(95.0, 10.0)),
        station("drifter", walk(60)).assign(latitude=np.linspace(30, 40, 60)),
        station("good", restless(60), position=None),
    ]
    rows = scored(tmp_path, seas, frames)
    errors = rows["error"]
    assert errors["short"] == "a forecast needs at least 14 daily values, but the series has 13: send 1 more"
    assert errors["empty"] == "every value of the series is missing"
    assert "all 30 values are 15 °C: a forecast needs values that vary" in errors["stuck"]
    assert "fahrenheit" in errors["fahrenheit"]
    assert "kelvin" in errors["kelvin"]
    assert (rows.loc[errors.notna(), "quality"] == 9).all()
    for name in ("land", "off", "drifter"):
        assert np.isfinite(rows.loc[name, "sst"])
        assert "no_climatology" in rows.loc[name, "warnings"]
        assert rows.loc[name, "quality"] == 3
    assert rows.loc["good", "quality"] == 1
    assert pd.isna(rows.loc["good", "warnings"])


def test_a_station_whose_last_value_is_implausible_is_not_good(seas: Path, tmp_path: Path) -> None:
    bad = walk(60)
    bad[-1] = 35.0
    rows = scored(tmp_path, seas, [station("bad", bad, position=None), station("good", restless(60), position=None)])
    assert rows["quality"].to_dict() == {"bad": 3, "good": 1}
    assert rows.loc["bad", "warnings"] == "suspect_value"


def test_a_station_is_not_suspect_without_a_reason(tmp_path: Path) -> None:
    artifacts = tiny.publish(tmp_path / "artifacts", "ocean-daily", "day", {"gru": 1.0}).parents[1]
    frames = [station("a", walk(40), position=None)]
    rows = scored(tmp_path, artifacts, frames, "--model", "ocean-daily-gru")
    assert rows[["quality", "warnings"]].to_numpy().tolist() == [[3, "reference_is_better"]]


def test_the_outcome_names_the_releases_that_were_used(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored(tmp_path, seas, [station("a", walk(60)), station("b", walk(13))])
    assert f"1 of 2 stations forecast by best ocean-daily {tiny.VERSION}, release for" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.csv.summary.json").read_text())
    assert written["version"] == f"ocean-daily {tiny.VERSION}"


def test_nothing_to_forecast_ends_with_status_3_and_the_remedy(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = scored(tmp_path, seas, [station("a", walk(13)), station("b", walk(12))], status=3)
    assert rows["error"].str.contains("send [12] more").all()
    assert capsys.readouterr().err.endswith(
        "sst score: nothing could be forecast: a forecast needs at least 14 daily values, but the series has 13: "
        "send 1 more (the first of 2 stations like this)\n"
    )


def test_a_release_that_is_named_takes_series_at_its_step_only(seas: Path, tmp_path: Path) -> None:
    rows = scored(tmp_path, seas, [station("a", walk(60)), station("b", walk(40), "MS")], "--dataset", "ocean-daily")
    assert pd.isna(rows.loc["a", "error"])
    assert rows.loc["b", "error"] == (
        "its step is one month, but ocean-daily forecasts steps of one day; leave out --dataset to let the step choose "
        "the release"
    )


def test_without_a_universal_release_a_place_has_to_be_named(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station("a", walk(60)).to_csv(tmp_path / "in.csv", index=False)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", artifacts) == 2
    assert "has no universal release, such as ocean-daily; name a release of one place with --dataset" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("options", [("--model", "all"), ("--model", "all", "--dataset", "ocean-daily")])
def test_a_run_has_one_model_for_each_station(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    station("a", walk(60)).to_csv(tmp_path / "in.csv", index=False)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", seas, *options) == 2
    assert "no model 'all'; available: best, " in capsys.readouterr().err


def test_stations_are_averaged_before_they_are_forecast(seas: Path, tmp_path: Path) -> None:
    values = walk(24 * 30)
    rows = scored(tmp_path, seas, [station("a", values, "h")], "--resample", "day", "--model", "gru")
    assert rows.loc["a", "sst"] == pytest.approx(values[-24:].mean() + 0.01, abs=1e-5)
    assert rows.loc["a", "time"] == "2023-01-31T00:00:00Z"
    assert pd.isna(rows.loc["a", "chosen"])


def test_a_network_that_loses_to_a_reference_is_not_good(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    tiny.publish(artifacts, "ocean-daily", "day", {"gru": 1.0})
    rows = scored(tmp_path, artifacts, [station("a", restless(100))], "--model", "gru")
    assert rows.loc["a", "warnings"] == "reference_is_better"
    assert rows.loc["a", "quality"] == 3
    rows = scored(tmp_path, artifacts, [station("a", restless(100))])
    assert rows.loc["a", "model"] == "mixture"
    assert rows.loc["a", "quality"] == 1
