import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import sst
from forecasting.releases.release import open_current
from tests.conftest import NINO12

QUICK = ["--from-scratch", "--epochs", "1", "--hidden", "2", "--cells", "rnn", "--workers", "1", "--quiet"]


MONTHS = [f"{year}-{month:02}-01" for year in range(1990, 2002) for month in range(1, 13)]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "series.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_file_that_can_be_trained_on_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert sst.run(["inspect", str(NINO12)]) == 0
    assert capsys.readouterr().out == (
        f"{NINO12}\n"
        "  format     CSV\n"
        "  time       time\n"
        "  value      sst, celsius by default, as the file does not say\n"
        "  step       month: 732 values from 1950-01-01 to 2010-12-01\n"
        "  range      18.95 to 29.24 °C\n"
        "  trainable  yes\n"
    )


def test_a_file_that_is_too_short_is_described_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ("time,sst,sst_qc", "UTC,K,", "2001-01-01,283.15,1", "2001-01-02,284.15,4", "2001-01-03,285.15,3")
    assert sst.run(["inspect", str(write(tmp_path, *lines))]) == 1
    printed = capsys.readouterr().out
    assert "  value      sst, kelvin by the unit row, line 2\n" in printed
    assert "  flags      sst_qc: 1 good (1), 1 suspect (3), 1 fail (4)\n" in printed
    assert "1 of 3 values are missing, in 1 gap" in printed
    assert "  trainable  no: 3 values are too few to train on" in printed


def test_a_grid_without_a_place_suggests_a_place_or_a_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = (("time", "lat", "lon"), np.full((3, 2, 2), 15.0), {"units": "degC"})
    times = np.arange("2001-01-01", "2001-01-04", dtype="datetime64[D]").astype("datetime64[ns]")
    xr.Dataset({"sst": cells}, {"time": times, "lat": [1.0, 2.0], "lon": [1.0, 2.0]}).to_netcdf(tmp_path / "g.nc")
    assert sst.run(["inspect", str(tmp_path / "g.nc")]) == 1
    printed = capsys.readouterr().out
    assert "choose a place with --at LAT,LON, or draw cells for a panel with --sample N" in printed


def grid(path: Path, celsius: float = 15.0) -> Path:
    """Ten days without the fourth and fifth, at three by two cells, one of them land."""
    days = np.delete(np.arange("2001-01-01", "2001-01-11", dtype="datetime64[D]"), [3, 4])
    values = celsius + np.arange(48.0).reshape(8, 3, 2) / 10
    values[:, 1, 0] = np.nan
    axes = {"time": days.astype("datetime64[ns]"), "lat": [-2.0, -1.0, 0.0], "lon": [10.0, 11.0]}
    xr.Dataset({"sst": (("time", "lat", "lon"), values, {"units": "degC"})}, axes).to_netcdf(path)
    return path


def test_a_grid_without_a_place_is_described_with_what_to_choose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(grid(tmp_path / "g.nc"))
    assert sst.run(["inspect", path]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith(
        f"{path}\n"
        "  format     NetCDF\n"
        "  time       time\n"
        "  value      sst, celsius by the attribute units\n"
        "  step       day: 8 times from 2001-01-01 to 2001-01-10\n"
        "  range      17.4 to 17.9 °C at a time in the middle\n"
        "  cells      3 lat × 2 lon: latitudes -2 to 0, longitudes 10 to 11\n"
        "  choose     one cell, such as --at=-1,11, or draw several, such as --sample 20\n"
        "  note       2 of 10 times are absent, in 1 gap; the longest, of 2, begins 2001-01-04\n"
        "  trainable  no: is a grid of 3 × 2 cells"
    )
    assert sst.run(["inspect", path, "--at=-1,11"]) == 1
    assert "  range      " in capsys.readouterr().out
    assert sst.run(["inspect", path, "--json"]) == 1
    description = json.loads(capsys.readouterr().out)["grid"]
    assert (description["step"], description["times"], description["cells"]) == ("day", 8, {"lat": 3, "lon": 2})


def test_a_grid_with_wrong_units_is_questioned_before_a_place_is_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sst.run(["inspect", str(grid(tmp_path / "g.nc", 288.15))]) == 1
    assert "outside the range of sea temperatures (-2.5 to 38); the values look like kelvin" in capsys.readouterr().out


def test_a_cell_and_a_sample_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = [str(grid(tmp_path / "g.nc")), "--sample", "3", "--at=-1,11"]
    assert sst.run(["inspect", *both]) == 2
    message = "a grid cell cannot be both chosen and drawn at random; remove either --at or --sample"
    assert message in capsys.readouterr().err
    assert sst.run(["train", "--data", *both, "--name", "x", "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


def test_the_exit_status_is_that_of_the_worst_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sst.run(["inspect", str(NINO12), str(tmp_path / "none.csv"), "--json"]) == 2
    printed = capsys.readouterr()
    (line,) = printed.out.splitlines()
    description = json.loads(line)
    assert description["trainable"]
    assert description["stations"][0]["series"]["step"] == "month"
    assert f"sst inspect: {tmp_path / 'none.csv'}: cannot read it: No such file or directory" in printed.err


def test_several_stations_are_listed_and_can_be_trained_on_together_or_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{time},{name},{20 + i % 12}" for i, time in enumerate(MONTHS) for name in ("pier", "buoy")]
    path = str(write(tmp_path, "time,station,sst", *lines))
    assert sst.run(["inspect", path]) == 0
    printed = capsys.readouterr().out
    assert "yes, 2 stations as a panel; the file holds 2 stations: pier, buoy; choose one with --station" in printed
    assert sst.run(["inspect", path, "--station", "pier"]) == 0


@pytest.mark.long
def test_training_takes_a_station_resampled_as_inspect_showed_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = [(year, month, day) for year in range(1990, 2002) for month in range(1, 13) for day in range(1, 29)]
    lines = [f"{y}-{m:02}-{d:02},{name},{20 + m}" for y, m, d in days for name in ("pier", "buoy")]
    path = write(tmp_path, "time,station,sst", *lines)
    chosen = ["--station", "buoy", "--resample", "month"]
    assert sst.run(["inspect", str(path), *chosen]) == 0
    assert "month: 144 values from 1990-01-01" in capsys.readouterr().out
    out = tmp_path / "out"
    assert (
        sst.run(["train", "--data", str(path), *chosen, "--name", "buoy", "--out", str(out), *QUICK, "--window", "6"])
        == 0
    )
    assert open_current(out, "buoy") is not None
    assert "144 values, one a month" in capsys.readouterr().out


@pytest.mark.long
def test_a_release_is_trained_from_a_zarr_store(tmp_path: Path) -> None:
    time = np.arange("1990-01", "2002-01", dtype="datetime64[M]").astype("datetime64[ns]")
    values = 290 + np.sin(np.arange(144) * np.pi / 6)
    cf = {"units": "kelvin", "standard_name": "sea_surface_temperature"}
    store = tmp_path / "sst.zarr"
    xr.Dataset({"sst": ("time", values, cf)}, {"time": time}).to_zarr(store, consolidated=False)
    out = tmp_path / "out"
    assert sst.run(["train", "--data", str(store), "--name", "z", "--out", str(out), *QUICK, "--window", "6"]) == 0
    assert len(list(out.glob("z/*/manifest.json"))) >= 1


def test_stations_that_training_would_not_combine_are_no_panel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weeks = [str(np.datetime64("1990-01-01") + np.timedelta64(7 * i, "D")) for i in range(400)]
    lines = [f"{t},pier,{20 + i % 12}" for i, t in enumerate(weeks)] + [
        f"{t},buoy,{9 + i % 12}" for i, t in enumerate(MONTHS)
    ]
    path = str(write(tmp_path, "time,station,sst", *lines))
    assert sst.run(["inspect", path, "--json"]) == 1
    description = json.loads(capsys.readouterr().out)
    assert (description["trainable"], description["panel"]) == (False, [])
    why = (
        "only one of its stations can be trained on: buoy: its step is one month, but that of most stations is one week"
    )
    assert description["problem"].startswith(why)
    assert description["problem"].endswith("the file holds 2 stations: pier, buoy; choose one with --station")
    assert sst.run(["train", "--data", path, "--name", "x", "--out", str(tmp_path / "out"), *QUICK]) == 2
    assert why in capsys.readouterr().err


def test_a_station_too_short_for_itself_may_be_part_of_a_panel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{t},{name},{20 + i % 12}" for name in ("pier", "buoy") for i, t in enumerate(MONTHS)]
    short = [f"{t},new,{20 + i % 12}" for i, t in enumerate(MONTHS) if i > 60]
    path = str(write(tmp_path, "time,station,sst", *lines, *short))
    assert sst.run(["inspect", path]) == 0
    printed = capsys.readouterr().out
    assert "yes, 3 stations as a panel" in printed
    assert "problem" not in printed
