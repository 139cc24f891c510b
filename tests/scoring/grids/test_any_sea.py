"""Grids of any sea, forecast by the universal release for their step."""

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
from tests.scoring.grids.sample import daily, opened, save, walks


def summary(output: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(output.with_name(f"{output.name}.summary.json").read_text())
    return content


def test_the_step_of_a_grid_chooses_the_release_and_its_best_network(seas: Path, tmp_path: Path) -> None:
    values = walks(30)
    output = tmp_path / "out.nc"
    command = ("--artifacts", seas, "--horizon", 6, "--levels", "80")
    assert score(save(daily(values), tmp_path / "in.nc"), output, *command) == 0
    forecasts = opened(output)
    np.testing.assert_allclose(forecasts["sst"].values, np.broadcast_to(values[-1] + 0.01, (6, 3, 4)), atol=1e-5)
    assert (forecasts["lower_80"] < forecasts["sst"]).all()
    assert (forecasts["upper_80"] > forecasts["sst"]).all()
    assert forecasts.attrs["forecast_model"] == "ocean-daily-gru"
    assert forecasts.attrs["forecast_release_version"] == tiny.VERSION
    assert forecasts.attrs["forecast_model_choice"] == (
        "release for the step of the grid (one day), its best network on held-out seas"
    )
    np.testing.assert_array_equal(
        forecasts["time"].values, np.arange("2024-01-31", "2024-02-06", dtype="datetime64[D]")
    )
    assert (forecasts["quality"] == 1).all()


def test_a_cell_whose_last_value_is_implausible_is_not_good(seas: Path, tmp_path: Path) -> None:
    values = walks(30)
    values[-1, 1, 2] = 35.0
    values[-3, 2, 0] = 35.0
    output = tmp_path / "out.nc"
    assert score(save(daily(values), tmp_path / "in.nc"), output, "--artifacts", seas, "--horizon", 6) == 0
    quality = opened(output)["quality"].values
    assert np.argwhere(quality == 3).tolist() == [[1, 2], [2, 0]]
    assert summary(output)["warnings"] == {"suspect_value": 2}


def test_a_network_named_without_a_release_is_that_of_the_step(seas: Path, tmp_path: Path) -> None:
    grid = save(daily(walks()), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas, "--model", "lstm") == 0
    attributes = opened(tmp_path / "out.nc").attrs
    assert attributes["forecast_model"] == "ocean-daily-lstm"
    assert attributes["forecast_model_choice"].endswith("(one day), network named by the user")


@pytest.mark.parametrize("output", ["out.nc", "out.zarr"])
def test_cells_are_forecast_as_the_service_forecasts_series(tmp_path: Path, output: str) -> None:
    """By the network that ships, with the climatology of each cell."""
    artifacts = ROOT / "artifacts"
    values = walks(80)
    values[20:40, 1, 1] = np.nan
    values[:50, 0, 3] = np.nan
    values[-2:, 2, 2] = np.nan
    grid = save(daily(values), tmp_path / "in.nc")
    common = ("--artifacts", artifacts, "--model", "ocean-daily-gru", "--horizon", 5, "--levels", "80,95")
    assert score(grid, tmp_path / output, *common) == 0
    forecasts = opened(tmp_path / output)
    release = load_universal("ocean-daily", artifacts)
    places = [(lat, lon) for lat in forecasts["lat"].values for lon in forecasts["lon"].values]
    coefficients = GlobalClimatology.load().coefficients(*np.transpose(places))
    series = [
        SstSeries(cell, np.datetime64("2024-01-01", "s"), TimeStep.parse("day"))
        for cell in values.astype(np.float32).astype(np.float64).reshape(80, -1).T
    ]
    expected = release.forecast_many(series, 5, coefficients=coefficients, model="gru", backtest=False)
    for i, forecast in enumerate(expected):
        assert isinstance(forecast, Forecast)
        row, column = divmod(i, 4)
        cell = forecasts.isel(lat=row, lon=column)
        np.testing.assert_allclose(cell["sst"], forecast.sst, atol=2e-4)
        for level in (80, 95):
            lower, upper = forecast.interval(level)
            np.testing.assert_allclose(cell[f"lower_{level}"], lower, atol=2e-4)
            np.testing.assert_allclose(cell[f"upper_{level}"], upper, atol=2e-4)
    assert int(forecasts["quality"].values[2, 2]) == 3  # its last values are missing


def test_a_grid_that_is_too_short_says_how_many_steps_are_needed(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(daily(walks(13)), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 3
    assert capsys.readouterr().err == (
        f"sst score: {grid}: contains 13 steps of one day; ocean-daily-gru needs at least 14: add 1 more\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in.nc"]


def test_a_grid_at_another_step_is_told_to_resample(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(daily(walks(), step="6h"), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 3
    assert capsys.readouterr().err == (
        f"sst score: {grid}: the step of the grid is 6 hours, but universal releases forecast steps of one day "
        "(ocean-daily), one month (ocean-monthly); average it with --resample day\n"
    )


def test_a_grid_is_averaged_as_a_series_is(seas: Path, tmp_path: Path) -> None:
    values = walks(4 * 30 + 1)
    values[8:11, 0, 0] = np.nan
    values[-4:-1, 0, 1] = np.nan
    grid = save(daily(values, step="6h"), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas, "--resample", "day", "--horizon", 6) == 0
    forecasts = opened(tmp_path / "out.nc")
    # The last day has one value of four, which is too few, and a cell with one of four is missing then.
    mean = np.nanmean(values[:120].reshape(30, 4, 3, 4), axis=1)
    expected = mean[-1] + 0.01
    expected[0, 1] = mean[-2, 0, 1] + 0.01
    np.testing.assert_allclose(forecasts["sst"].values[0], expected, atol=1e-5)
    assert str(forecasts["forecast_reference_time"].values.astype("datetime64[D]")) == "2024-01-30"
    assert summary(tmp_path / "out.nc")["warnings"] == {"gap_filled": 1, "late": 1}
    assert (
        "resampled to means of one day (UTC), each of at least half of its values"
        in summary(tmp_path / "out.nc")["notes"]
    )


def test_a_grid_without_sea_ends_with_status_3(seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grid = save(daily(np.full((30, 2, 2), np.nan)), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 3
    assert "every value of sst is missing: the grid has no sea cell; check --variable" in capsys.readouterr().err


def test_cells_that_cannot_be_forecast_are_counted_by_reason(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = walks()
    values[:, 0, 0] = 15.0
    values[:, 1, 0] = -1.8  # under ice
    values[:47, 0, 1] = np.nan
    values[30, 0, 2] = 60.0
    values[:, 0, 3] = np.nan
    grid = save(daily(values), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 0
    forecasts = opened(tmp_path / "out.nc")
    assert forecasts["quality"].values[0].tolist() == [9, 9, 4, 9]
    np.testing.assert_allclose(forecasts["sst"].values[:, 1, 0], -1.795, atol=0.00501)
    reasons = " ".join(summary(tmp_path / "out.nc")["missing"])
    assert "a forecast needs values that vary" in reasons
    assert "send … more" in reasons
    assert "outside the range of sea temperatures" in reasons
    assert "no value at any time (land)" in reasons
    # Without any other cell, nothing is forecast, and the commonest reason is printed.
    save(daily(values[:, :1]), tmp_path / "bad.nc")
    capsys.readouterr()
    assert score(tmp_path / "bad.nc", tmp_path / "bad.zarr", "--artifacts", seas) == 3
    assert "sst score: nothing could be forecast: " in capsys.readouterr().err


def test_a_cell_on_land_is_forecast_without_a_climatology_and_is_not_good(seas: Path, tmp_path: Path) -> None:
    grid = save(daily(walks(rows=1, columns=2), corner=(48.0, 10.0)), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 0
    assert opened(tmp_path / "out.nc")["quality"].values.tolist() == [[3, 3]]
    assert summary(tmp_path / "out.nc")["warnings"]["no_climatology"] == 2


def test_a_grid_without_coordinates_is_forecast_without_a_climatology(seas: Path, tmp_path: Path) -> None:
    data = daily(walks(30)).drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    assert score(save(data, tmp_path / "in.nc"), tmp_path / "out.nc", "--artifacts", seas, "--horizon", 6) == 0
    notes = summary(tmp_path / "out.nc")["notes"]
    assert "no latitudes and longitudes were found, so forecasts do not use a climatology" in notes
    assert (opened(tmp_path / "out.nc")["quality"] == 1).all()


def test_a_network_that_loses_on_the_past_of_cells_is_not_good(artifacts: Path, tmp_path: Path) -> None:
    tiny.publish(tmp_path / "artifacts", "ocean-daily", "day", {"gru": 1.5})
    grid = save(daily(walks(200)), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", tmp_path / "artifacts", "--model", "gru") == 0
    assert (opened(tmp_path / "out.nc")["quality"] == 3).all()


def test_a_network_that_is_worse_than_the_climatology_is_not_good(seas: Path, tmp_path: Path) -> None:
    """Ten years of a season, and a network that was better than persistence on held-out seas."""
    months = np.arange("2010-01", "2020-01", dtype="datetime64[M]")
    season = 15 + 5 * np.sin(2 * np.pi * np.arange(120) / 12)
    noise = np.random.default_rng(3).normal(0, 0.1, (120, 2, 3))
    data = daily(season[:, None, None] + noise).drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    grid = save(data.assign_coords(time=months.astype("datetime64[ns]")), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas, "--model", "gru", "--horizon", 6) == 0
    quality = opened(tmp_path / "out.nc")["quality"]
    assert (quality == 3).all()
    assert "climatology" in quality.attrs["comment"]
    assert summary(tmp_path / "out.nc")["warnings"] == {"reference_is_better": 6}


@pytest.mark.parametrize(
    ("stated", "step", "options", "expected"),
    [
        ({}, "1D", (), "time: mean"),
        ({"cell_methods": "time: mean (interval: 1 hour)"}, "1D", (), "time: mean (interval: 1 hour)"),
        ({"cell_methods": "time: point"}, "1D", (), "time: point"),
        ({"cell_methods": "depth: sum time: maximum"}, "1D", (), "time: maximum"),
        ({"cell_methods": "time: point"}, "6h", ("--resample", "day"), "time: mean"),
        ({"cell_methods": "area: mean"}, "6h", ("--resample", "day"), "area: mean time: mean"),
    ],
)
def test_cell_methods_say_what_the_values_of_the_input_are(
    seas: Path, tmp_path: Path, stated: dict[str, str], step: str, options: tuple[str, ...], expected: str
) -> None:
    data = daily(walks(120, 1, 1), step=step)
    data["sst"].attrs |= stated
    command = (save(data, tmp_path / "in.nc"), tmp_path / "out.nc", "--artifacts", seas, *options)
    assert score(*command) == 0
    assert opened(tmp_path / "out.nc")["sst"].attrs["cell_methods"] == expected


def test_a_forecast_is_not_attributed_to_those_who_made_the_input(seas: Path, tmp_path: Path) -> None:
    theirs = (
        "title", "institution", "source", "references", "project", "id", "naming_authority", "creator_name",
        "creator_email", "publisher_name", "contributor_name", "license", "acknowledgement", "doi"
    )  # fmt: skip
    grid = save(daily(walks(20, 1, 1)).assign_attrs({name: f"their {name}" for name in theirs}), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas) == 0
    attributes = opened(tmp_path / "out.nc").attrs
    assert [name for name, text in attributes.items() if "their" in text and not name.startswith("input_")] == []
    assert attributes["input_institution"] == "their institution"
    assert attributes["source"] == f"recurrent network ocean-daily-gru, release {tiny.VERSION}, on sst of in.nc"


def test_a_release_of_a_place_is_good_there_and_not_in_another_sea(tmp_path: Path) -> None:
    """The index that it was trained on, and the same values with the seasons of the other hemisphere."""
    table = pd.read_csv(ROOT / "data" / "nino12.csv")
    assert len(table.columns) >= 2
    values = table.iloc[:, -1].to_numpy(dtype=np.float64)[-60:]
    qualities = []
    for shift in (0, 6):
        start = np.datetime64("2006-01", "M") + shift
        times = (start + np.arange(60)).astype("datetime64[ns]")
        data = daily(values[:, None, None], corner=(-5.0, 275.0)).assign_coords(time=times)
        path = save(data, tmp_path / f"in{shift}.nc")
        common = ("--artifacts", ROOT / "artifacts", "--dataset", "nino12")
        assert score(path, tmp_path / f"out{shift}.nc", *common) == 0
        qualities.append(int(opened(tmp_path / f"out{shift}.nc")["quality"].values[0, 0]))
    assert qualities == [1, 3]
