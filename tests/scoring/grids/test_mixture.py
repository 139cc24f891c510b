"""Grids that are forecast by a mixture of one network and references."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from scoring.grids.pooling import SAMPLE, spread_cells
from tests.scoring.commands import score
from tests.scoring.grids.sample import Array, daily, opened, save
from tests.scoring.grids.test_any_sea import summary

MONTHS = 120
HORIZON = 6


def seasons(rows: int = 6, columns: int = 6, land: tuple[int, ...] = ()) -> Array:
    """Ten years of months with a season that the network, which repeats the last value, does not know."""
    noise = np.random.default_rng(3).normal(0, 0.2, (MONTHS + HORIZON, rows * columns))
    values = 15 + 5 * np.sin(2 * np.pi * np.arange(MONTHS + HORIZON) / 12)[:, None] + noise
    values[:, list(land)] = np.nan
    return values.reshape(-1, rows, columns)


def monthly(values: Array) -> xr.Dataset:
    """A grid without positions, so that no climatology is known."""
    data = daily(values[:MONTHS]).drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    times = (np.datetime64("2010-01", "M") + np.arange(MONTHS)).astype("datetime64[ns]")
    return data.assign_coords(time=times)


@pytest.fixture(scope="module")
def forecasts(seas: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, xr.Dataset]:
    """Forecasts of the grid by the default choice and by the network that was named."""
    folder = tmp_path_factory.mktemp("mixture")
    grid = save(monthly(seasons(land=(0, 7))), folder / "in.nc")
    for model in ("best", "gru"):
        command = ("--artifacts", seas, "--horizon", HORIZON, "--levels", "80", "--model", model)
        assert score(grid, folder / f"{model}.nc", *command) == 0
    assert "weights of the mixture are learned from the past of 34 cells" in summary(folder / "best.nc")["notes"]
    return {model: opened(folder / f"{model}.nc") for model in ("best", "gru")}


def test_the_output_states_the_sample_and_the_weights(forecasts: dict[str, xr.Dataset]) -> None:
    attributes = forecasts["best"].attrs
    assert attributes["forecast_model"] == "mixture"
    assert attributes["forecast_mixture_network"] == "ocean-monthly-gru"
    assert attributes["forecast_mixture_cells"] == 34
    members = ["network", *attributes["forecast_mixture_references"].split()]
    weights = np.array([attributes[f"forecast_mixture_weights_{name}"] for name in members])
    assert weights.shape == (len(members), HORIZON)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-3)
    assert weights[0, 3] < 0.05  # half a cycle ahead, the last value is the worst forecast
    assert "ocean-monthly-gru mixed with references" in attributes["source"]
    assert forecasts["best"]["sst"].attrs["long_name"].endswith("by mixture")


def test_a_named_network_is_used_alone(forecasts: dict[str, xr.Dataset]) -> None:
    alone = forecasts["gru"]
    last = seasons(land=(0, 7))[MONTHS - 1]
    np.testing.assert_allclose(alone["sst"], np.broadcast_to(last + 0.01, (HORIZON, 6, 6)), atol=1e-5)
    assert alone.attrs["forecast_model"] == "ocean-monthly-gru"
    assert not [name for name in alone.attrs if name.startswith("forecast_mixture")]


def test_where_references_are_far_better_the_mixture_follows_them(forecasts: dict[str, xr.Dataset]) -> None:
    truth = seasons(land=(0, 7))[MONTHS:]
    error = {model: np.sqrt(np.nanmean((data["sst"] - truth) ** 2)) for model, data in forecasts.items()}
    assert error["best"] < 0.3 < 2 < error["gru"]
    mixed = forecasts["best"]
    sea = np.isfinite(truth)
    within = (mixed["lower_80"].values <= truth) & (truth <= mixed["upper_80"].values)
    assert within[sea].mean() == pytest.approx(0.85, abs=0.1)
    width = {model: float(np.nanmean(data["upper_80"] - data["lower_80"])) for model, data in forecasts.items()}
    assert width["best"] < 0.6 * width["gru"]
    assert np.array_equal(np.isnan(mixed["sst"].values), np.isnan(truth))


@pytest.mark.parametrize("options", [("--chunk", "6"), ("--chunk", "18", "--processes", "2")])
def test_chunks_and_processes_change_nothing(
    forecasts: dict[str, xr.Dataset], seas: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    grid = save(monthly(seasons(land=(0, 7))), tmp_path / "in.nc")
    command = ("--artifacts", seas, "--horizon", HORIZON, "--levels", "80", *options)
    assert score(grid, tmp_path / "out.nc", *command) == 0
    again = opened(tmp_path / "out.nc")
    for name in ("sst", "lower_80", "upper_80", "quality"):
        np.testing.assert_allclose(again[name], forecasts["best"][name], atol=1e-5)
    weights = [name for name in again.attrs if "weights" in name]
    assert weights
    for name in weights:
        assert np.array_equal(again.attrs[name], forecasts["best"].attrs[name])


def test_cells_that_no_weight_was_learned_from_are_mixed_too(seas: Path, tmp_path: Path) -> None:
    """One that is too short for a backtest, and one whose last two months are missing."""
    values = seasons(2, 3)
    values[: MONTHS - 24, 0, 0] = np.nan
    values[MONTHS - 2 :, 1, 1] = np.nan
    grid = save(monthly(values), tmp_path / "in.zarr")
    assert score(grid, tmp_path / "out.zarr", "--artifacts", seas, "--horizon", HORIZON) == 0
    sst = opened(tmp_path / "out.zarr")["sst"].values
    assert opened(tmp_path / "out.zarr").attrs["forecast_mixture_cells"] == 5
    assert abs(sst[2, 0, 0] - (values[MONTHS - 1, 0, 0] + 0.01)) > 0.5
    late = 15 + 5 * np.sin(2 * np.pi * np.arange(MONTHS, MONTHS + HORIZON) / 12)
    np.testing.assert_allclose(sst[:, 1, 1], late, atol=0.6)


def test_a_past_that_is_too_short_is_forecast_by_the_network(seas: Path, tmp_path: Path) -> None:
    values = seasons(1, 1)
    grid = save(monthly(values).isel(time=slice(MONTHS - 36, None)), tmp_path / "in.nc")
    assert score(grid, tmp_path / "out.nc", "--artifacts", seas, "--horizon", HORIZON) == 0
    output = opened(tmp_path / "out.nc")
    assert output.attrs["forecast_model"] == "ocean-monthly-gru"
    np.testing.assert_allclose(output["sst"], np.full((HORIZON, 1, 1), values[MONTHS - 1, 0, 0] + 0.01), atol=1e-5)
    note = "the past is too short for a mixture: ocean-monthly-gru forecasts alone"
    assert note in summary(tmp_path / "out.nc")["notes"]


def test_a_sample_is_spread_over_the_area_of_the_sea() -> None:
    north, east = np.meshgrid(np.arange(-89.0, 90, 2), np.arange(0.0, 360, 2), indexing="ij")
    positions = np.stack([north.ravel(), east.ravel()], axis=1)
    sea = positions[:, 1] < 240
    cells = spread_cells(sea, positions, SAMPLE)
    assert len(cells) == SAMPLE
    assert (np.diff(cells) > 0).all()
    assert sea[cells].all()
    assert np.mean(np.abs(positions[cells, 0]) < 30) == pytest.approx(0.5, abs=0.05)  # half of a sphere
    shares = np.bincount(positions[cells, 1].astype(int) // 80, minlength=3) / SAMPLE
    assert shares == pytest.approx(1 / 3, abs=0.1)


def test_without_positions_a_sample_is_spread_over_the_cells() -> None:
    sea = np.arange(1_000) % 2 == 0
    cells = spread_cells(sea, None, 10)
    assert sea[cells].all()
    assert np.diff(cells).tolist() == [100] * 9
    assert spread_cells(sea[:12], None, 10).tolist() == [0, 2, 4, 6, 8, 10]
