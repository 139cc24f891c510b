"""``sst verify`` of outlooks: what they said of each cell, against the grid that came; recomputed here by xarray."""

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import sst
from tests.scoring.grids.sample import opened
from tests.scoring.outlook.sample import COLUMNS, DAYS, ISLAND, LEADS, MORNINGS, ROWS, WEST, grid, saved

REFERENCES = ("persistence", "climatology", "damped", "linear", "usual_change")


def verify(*arguments: object) -> int:
    return sst.run(["verify", *map(str, arguments)])


def scores(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert verify(*arguments, "--format", "json") == 0
    verification: dict[str, Any] = json.loads(capsys.readouterr().out)
    return verification | {"regions": {region.pop("region"): region for region in verification["regions"]}}


@cache
def loaded(folder: Path) -> tuple[list[xr.Dataset], xr.DataArray]:
    """Return all outlooks, and what came."""
    outlooks = [opened(path / "outlook.nc") for path in sorted((folder / "out").glob("20*"))]
    return outlooks, opened(folder / "came.nc")["sst"]


def pairs(folder: Path, name: str, lead: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the forecasts and the observations of all mornings at a lead."""
    outlooks, came = loaded(folder)
    valid = [each["time"].values[lead - 1] for each in outlooks]
    said = xr.DataArray(np.stack([each[name].values[lead - 1] for each in outlooks]), dims=("case", "lat", "lon"))
    said = said.assign_coords(lat=came["lat"].values, lon=came["lon"].values)
    return said, came.sel(time=valid).rename(time="case").drop_vars("case")


def mean_of(values: xr.DataArray) -> float:
    """Return the mean of all cells, weighted by their area."""
    area = xr.DataArray(np.cos(np.deg2rad(values["lat"].values)), dims="lat")
    return float(values.drop_vars(["lat", "lon"]).weighted(area).mean())


def test_the_scores_are_those_of_the_cells_by_their_area(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, folder / "out", folder / "came.nc", "--region", "west=-3.5,-1,176,178")
    assert (found["outlooks"], found["verified_outlooks"]) == (3, 3)
    assert found["issued"] == found["verified"] == 3 * LEADS * ROWS * (COLUMNS - 1)
    assert [*found["regions"]] == ["ocean", "west"]
    for name, cells in (("ocean", {}), ("west", {"lat": slice(1, None), "lon": WEST})):
        for lead in range(1, LEADS + 1):
            issued, *references = found["regions"][name]["leads"][lead - 1]["models"]
            assert [reference["model"] for reference in references] == [*REFERENCES]
            rmse = {}
            for model in (issued, *references):
                said, came = pairs(folder, "sst" if model["kind"] == "issued" else model["model"], lead)
                error = (said - came).isel(cells)
                rmse[model["model"]] = float(np.sqrt(mean_of(error**2)))
                assert model["n"] == int(error.notnull().sum())
                assert model["rmse"] == pytest.approx(rmse[model["model"]], abs=2e-5)
                assert model["bias"] == pytest.approx(mean_of(error), abs=2e-5)
            for reference, skill in issued["skill"].items():
                assert skill == pytest.approx(1 - rmse["best"] / rmse[reference], abs=1e-3)
            said, came = pairs(folder, "lower_80", lead)
            inside = (came >= said) & (came <= pairs(folder, "upper_80", lead)[0])
            share = mean_of(inside.where(came.notnull()).isel(cells))
            assert issued["coverage"]["80"]["issued"] == pytest.approx(share, abs=1e-5)


def test_heatwaves_are_scored_by_what_came(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, folder / "out", folder / "came.nc")
    assert [*found["regions"]] == ["ocean", "tropics"]
    events = {(each["event"], each["lead"]): each["score"] for each in found["regions"]["ocean"]["events"]}
    heat = events["heatwave", 3]
    # The west, three of seven columns, stays hot throughout.
    assert (heat["n"], heat["frequency"]) == (3 * ROWS * (COLUMNS - 1), pytest.approx(3 / 7, abs=1e-5))
    assert sum(each["n"] for each in heat["reliability"]) == heat["n"]
    assert heat["reliability"][0]["frequency"] == 0
    assert heat["reliability"][-1]["frequency"] == 1
    said, _ = pairs(folder, "event_heatwave_probability", 3)
    hot = np.where(np.arange(COLUMNS) < ISLAND, 1.0, 0.0)
    brier = mean_of(((said - hot) ** 2).where(said["lon"] != said["lon"][ISLAND]))
    assert heat["brier"] == pytest.approx(brier, abs=1e-4)


def with_earlier_days(folder: Path, days: int, mmm: Any) -> xr.Dataset:
    """Return what came, with cool days before: the first row cools in the end, and the second was cool until then."""
    came = opened(folder / "came.nc")
    sst = came["sst"].values
    sst[50:, 0] = mmm[0] - 1
    sst[:50, 1] = mmm[1] - 1
    earlier = came.isel(time=slice(0, days)).copy(deep=True)
    earlier["sst"][:] = np.where(np.isfinite(mmm), mmm - 1, np.nan)
    earlier["time"] = came["time"].values[0] + np.arange(-days, 0) * np.timedelta64(1, "D")
    joined = xr.concat([earlier, came], "time", data_vars="minimal")
    joined["sst"].attrs = came["sst"].attrs
    return joined


def test_heat_stress_is_scored_by_the_weeks_that_came(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outlooks, _ = loaded(folder)
    mmm = outlooks[0]["event_heat_stress_mmm"].values
    before = 33
    came = with_earlier_days(folder, before, mmm)
    found = scores(capsys, folder / "out", saved(tmp_path, came, "long.nc"))["regions"]["ocean"]["events"]
    stress = {(each["level"], each["lead"]): each["score"] for each in found if each["event"] == "heat_stress"}
    assert [*stress] == [(level, lead) for level in ("Warning", "Alert Level 1") for lead in range(1, LEADS + 1)]
    for (level, lead), score in stress.items():
        errors, happened = [], []
        for day, issued in zip(MORNINGS, outlooks, strict=True):
            last = before + day + lead - 1
            hot = came["sst"].values[last - 83 : last + 1].astype(np.float64) - issued["event_heat_stress_mmm"].values
            weeks = np.where(hot >= 1, hot, 0).sum(axis=0) / 7
            on = (hot[-1] >= 1) & (weeks >= (0 if level == "Warning" else 4))
            name = {"Warning": "probability_warning", "Alert Level 1": "probability_alert_1"}[level]
            sea = xr.DataArray(hot[-1], dims=("lat", "lon")).notnull().values
            errors.append(np.where(sea, (issued[f"event_heat_stress_{name}"].values[lead - 1] - on) ** 2, np.nan))
            happened.append(np.where(sea, on, np.nan))
        assert score["n"] == 3 * ROWS * (COLUMNS - 1)
        axes = {"lat": outlooks[0]["lat"].values, "lon": outlooks[0]["lon"].values}
        for key, values, within in (("brier", errors, 1e-3), ("frequency", happened, 1e-5)):
            expected = mean_of(xr.DataArray(np.stack(values), axes, ("case", "lat", "lon")))
            assert score[key] == pytest.approx(expected, abs=within)
    assert stress["Warning", 1]["frequency"] > stress["Alert Level 1", 1]["frequency"] > 0
    late = saved(tmp_path, came.isel(time=slice(1, None)), "late.nc")
    found = scores(capsys, folder / "out", late)["regions"]["ocean"]["events"]
    counts = [each["score"]["n"] for each in found if each["level"] == "Warning"]
    assert counts == [2 * ROWS * (COLUMNS - 1), *[3 * ROWS * (COLUMNS - 1)] * 2]


@pytest.mark.long
def test_an_outlook_that_lacks_a_reference_is_scored_without_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "out", tmp_path / "out", symlinks=True)
    file = tmp_path / "out" / "2024-02-19" / "outlook.nc"
    data = opened(file).drop_vars("linear")
    file.unlink()
    data.to_netcdf(file, engine="h5netcdf")
    found = scores(capsys, tmp_path / "out", folder / "came.nc", "--maps", tmp_path / "maps.nc")
    assert found["verified"] == found["issued"]
    cells = ROWS * (COLUMNS - 1)
    for lead, whole in zip(
        found["regions"]["ocean"]["leads"],
        scores(capsys, folder / "out", folder / "came.nc")["regions"]["ocean"]["leads"],
        strict=True,
    ):
        assert {each["model"]: each["n"] for each in lead["models"]} == {
            "best": 3 * cells, **dict.fromkeys(REFERENCES, 3 * cells), "linear": 2 * cells
        }  # fmt: skip
        same = [each for each in whole["models"] if each["model"] not in ("best", "linear")]
        assert [each for each in lead["models"] if each["model"] not in ("best", "linear")] == same
    assert opened(tmp_path / "maps.nc")["n"].values.max() == 3


def test_maps_have_the_errors_of_each_cell(folder: Path, tmp_path: Path) -> None:
    assert verify(folder / "out", folder / "came.nc", "--maps", tmp_path / "maps.nc", "--lead", "2") == 0
    maps = opened(tmp_path / "maps.nc")
    assert maps["lead"].values.tolist() == [2]
    rmse = {}
    for name in ("sst", *REFERENCES):
        said, came = pairs(folder, name, 2)
        rmse[name] = np.sqrt(((said - came).values ** 2).mean(axis=0))
    np.testing.assert_allclose(maps["rmse"][0], rmse["sst"], atol=1e-4)
    best = np.min([rmse[name] for name in REFERENCES], axis=0)
    np.testing.assert_allclose(maps["skill"][0], 1 - rmse["sst"] / best, atol=1e-2)
    assert maps["n"][0].values[0].tolist() == [3, 3, 3, 0, 3, 3, 3, 3]


@pytest.mark.long
def test_a_grid_in_kelvin_in_another_order_and_of_more_cells_gives_the_same(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = grid().isel(lat=slice(None, None, -1)).transpose("time", "lon", "lat")
    data = data.assign_coords(lon=(data["lon"] + 180) % 360 - 180)
    data["lon"].attrs["units"] = "degrees_east"
    data["sst"] = (data["sst"] + 273.15).assign_attrs(units="kelvin")
    ours = scores(capsys, folder / "out", folder / "came.nc")["regions"]["ocean"]["leads"]
    theirs = scores(capsys, folder / "out", saved(tmp_path, data, "kelvin.nc"))["regions"]["ocean"]["leads"]
    for one, other in zip(ours, theirs, strict=True):
        assert other["models"][0]["n"] == one["models"][0]["n"]
        assert other["models"][0]["rmse"] == pytest.approx(one["models"][0]["rmse"], abs=1e-4)


@pytest.mark.long
def test_a_table_and_csv_name_regions(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(folder / "out", folder / "came.nc") == 0
    printed = capsys.readouterr()
    assert "ocean; °C\n" in printed.out
    assert "tropics; °C\n" in printed.out
    assert "vs damped" in printed.out
    assert "heatwave" in printed.out
    assert "252 of 252 forecasts of cells verified, from 3 of 3 outlooks" in printed.err
    capsys.readouterr()
    assert verify(folder / "out", folder / "came.nc", "--format", "csv") == 0
    (folder / "scores.csv").write_text(capsys.readouterr().out)
    assert pd.read_csv(folder / "scores.csv")["region"].unique().tolist() == ["ocean", "tropics"]


def test_missing_cells_and_days_do_not_count_and_are_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came = saved(tmp_path, grid().isel(time=slice(0, 52), lat=slice(0, 3)), "some.nc")
    assert verify(folder / "out", came, "--lead", "1") == 0
    said = capsys.readouterr().err
    assert "has no values for 8 cells of the outlooks" in said
    assert "42 of 84 forecasts of cells verified, from 2 of 3 outlooks" in said


def test_a_period_and_a_single_outlook_are_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = scores(capsys, folder / "out", folder / "came.nc", "--from", "2024-02-20", "--to", "2024-02-20")
    assert later["outlooks"] == 1
    single = scores(capsys, folder / "out" / "2024-02-20", folder / "came.nc")
    assert single["regions"] == later["regions"]


def shifted(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(lat=("lat", data["lat"].values + 0.5, data["lat"].attrs))


def too_early(data: xr.Dataset) -> xr.Dataset:
    return data.isel(time=slice(0, 50))


def twice_a_day(data: xr.Dataset) -> xr.Dataset:
    return data.assign_coords(time=data["time"].values[0] + np.arange(DAYS) * np.timedelta64(12, "h"))


@pytest.mark.parametrize(
    ("change", "options", "status", "sentence"),
    [
        (shifted, (), 2, "has no cell of the outlook: its latitudes are -3.5 to -0.5 every 1"),
        (too_early, (), 3, "ends on 2024-02-19, and has no value on a valid day"),
        (twice_a_day, (), 2, "has several times a day"),
        (None, ("--region", "north=50,60,0,90"), 2, "--region north: the outlooks have no cell in it"),
        (None, ("--by", "month"), 2, "--by is for an archive"),
        (None, ("--from", "2030-01-01"), 3, "has no outlooks from this period"),
    ],
)
def test_what_cannot_be_verified_is_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[xr.Dataset], xr.Dataset] | None,
    options: tuple[str, ...],
    status: int,
    sentence: str,
) -> None:
    came = folder / "came.nc" if change is None else saved(tmp_path, change(grid()), "other.nc")
    assert verify(folder / "out", came, *options) == status
    assert sentence in capsys.readouterr().err


def test_a_region_that_is_no_box_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        verify(folder / "out", folder / "came.nc", "--region", "north=60,50,0,90")
    assert "expected NAME=south,north,west,east in degrees" in capsys.readouterr().err


def test_an_outlook_without_forecasts_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "out" / "2024-02-19", tmp_path / "out" / "2024-02-19")
    file = tmp_path / "out" / "2024-02-19" / "outlook.nc"
    data = opened(file).drop_vars("sst")
    file.unlink()
    data.to_netcdf(file, engine="h5netcdf")
    assert verify(tmp_path / "out", folder / "came.nc") == 2
    assert "sst" in capsys.readouterr().err
