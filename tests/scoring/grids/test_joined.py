"""A grid whose times stand in files of their own, as agencies hand them out: all of them are one grid."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from forecasting.errors import FileError
from scoring.errors import ScoringError
from scoring.source import find_source
from tests.scoring.commands import score
from tests.scoring.grids.sample import Array, oisst, opened, save, temperatures
from tests.scoring.independent import checkpoint, forecast

WITHOUT = 20
"""The month whose file is absent."""


def ersst(values: Array, month: int) -> xr.Dataset:
    """One month as a file of ERSST v5: a depth ``lev``, minutes since the month began; every fifth in packed kelvin."""
    data = oisst(values).isel(time=[month]).rename(zlev="lev")
    stamp = str(data["time"].values[0].astype("datetime64[s]")).replace("T", " ")
    data["time"].encoding = {"units": f"minutes since {stamp}", "dtype": "float32"}
    if month % 5:
        data["sst"].encoding = {"dtype": "float32", "_FillValue": np.float32(-999)}
    else:
        data["sst"] = (data["sst"] + 273.15).assign_attrs(units="kelvin")
        data["sst"].encoding = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 273.15, "_FillValue": -32768}
    return data


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file a month, of another grid long ago, with what else stands in such a folder."""
    folder = tmp_path_factory.mktemp("archive") / "ersst"
    (folder / "2010").mkdir(parents=True)
    values = temperatures()
    for month in set(range(24)) - {WITHOUT}:
        year, number = divmod(month, 12)
        inner = folder / "2010" if year else folder
        save(ersst(values, month), inner / f"ersst.v5.{2009 + year}{number + 1:02}.nc")
    old = ersst(temperatures(3, 4), 1)
    save(old.assign_coords(time=old["time"] - np.timedelta64(20 * 365, "D")), folder / "ersst.v3.nc")
    (folder / "README.txt").write_text("monthly means\n")
    (folder / ".ersst.v5.201101.nc").write_bytes(b"half of a download")
    return folder


@pytest.mark.long
def test_a_folder_of_files_is_forecast_like_independent_code(archive: Path, artifacts: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.nc"
    common = ("--model", "nino12-gru", "--artifacts", artifacts, "--chunk", 16)
    assert score(archive, output, *common) == 0
    values = temperatures()
    values[WITHOUT] = np.nan
    wanted = forecast(checkpoint(artifacts, "nino12", "gru"), values.reshape(24, -1), "2010-12")
    forecasts = opened(output)
    np.testing.assert_allclose(forecasts["sst"].values, wanted.reshape(1, *values.shape[1:]), atol=2e-4)
    assert "sst of ersst, forecast by" in forecasts.attrs["history"]
    summary = json.loads((tmp_path / "out.nc.summary.json").read_text())
    # Those of the window alone are read: neither the old grid, nor what is hidden or no grid.
    assert summary["files"] == 23
    assert any("1 of the last 24 steps of one month are missing from the file" in note for note in summary["notes"])
    # By a pattern, and one by one, they are the same.
    files = sorted(archive.rglob("ersst.v5*.nc"))
    assert score(archive / "**" / "ersst.v5.*.nc", tmp_path / "pattern.nc", *common) == 0
    assert score(*files, tmp_path / "files.nc", *common) == 0
    for name in ("pattern.nc", "files.nc"):
        np.testing.assert_array_equal(opened(tmp_path / name)["sst"], forecasts["sst"])


def refused(capsys: pytest.CaptureFixture[str], artifacts: Path, *arguments: Any) -> str:
    """Run a command that is refused, and return its one-line message."""
    assert score(*arguments, "--model", "nino12-gru", "--artifacts", artifacts) == 2
    (message,) = capsys.readouterr().err.splitlines()
    return message


@pytest.mark.long
def test_files_that_do_not_fit_together_are_named(
    archive: Path, artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = tmp_path / "in", tmp_path / "out.nc"
    shutil.copytree(archive, folder)
    twin = save(ersst(temperatures(), 7), folder / "ersst.v5.200908_preliminary.nc")
    message = refused(capsys, artifacts, folder, output)
    assert (
        "ersst.v5.200908.nc: contains 2009-08-01, as does ersst.v5.200908_preliminary.nc; leave one of them out"
        in message
    )
    twin.unlink()
    other = save(ersst(temperatures(6, 9), WITHOUT), folder / "ersst.v5.2010x.nc")
    message = refused(capsys, artifacts, folder, output)
    assert "ersst.v5.2010x.nc: its 9 points along lon differ from the 8 of ersst.v5.201001.nc" in message
    save(ersst(temperatures(), WITHOUT).isel(lat=slice(None, None, -1)), other)
    assert "ersst.v5.2010x.nc: its lat differs from that of ersst.v5.201001.nc" in refused(
        capsys, artifacts, folder, output
    )
    other.write_text("<html>404</html>")
    assert "ersst.v5.2010x.nc: is not NetCDF or Zarr" in refused(capsys, artifacts, folder, output)
    assert not output.exists()


@pytest.mark.parametrize(
    ("given", "wanted", "message"),
    [
        ("ersst", "ersst/out.nc", "is inside the input folder"),
        ("ersst/ersst.v5.200902.nc", "ersst/ersst.v5.200902.nc", "is also an input; choose another output"),
        ("ersst/*.grib", "out.nc", "no file matches this pattern"),
        ("ersst/2010/ersst.v5.201003.nc", "out.csv", "is a grid; write its forecasts to .nc or .zarr"),
        ("ersst", "out.csv", "contains grids; write their forecasts to .nc or .zarr"),
        ("nowhere", "out.nc", "no such file"),
        ("empty", "out.nc", "contains no .nc, .nc4, .cdf, .netcdf files"),
    ],
)
def test_an_unsuitable_input_is_refused_with_a_sentence(
    archive: Path, artifacts: Path, capsys: pytest.CaptureFixture[str], given: str, wanted: str, message: str
) -> None:
    (archive.parent / "empty").mkdir(exist_ok=True)
    before = sorted(archive.rglob("*"))
    assert message in refused(capsys, artifacts, archive.parent / given, archive.parent / wanted)
    assert sorted(archive.rglob("*")) == before


def test_an_output_may_be_beside_named_files_but_not_in_an_input_folder(tmp_path: Path) -> None:
    files = [tmp_path / "january.nc", tmp_path / "february.nc"]
    files[0].touch()
    with pytest.raises(ScoringError, match=r"is inside the input folder .*; choose a path outside it"):
        find_source([tmp_path], grid=True).refuse(tmp_path / "results" / "out.nc")
    files[1].touch()
    find_source(files, grid=True).refuse(tmp_path / "out.nc")


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Without the rights of root, whom no folder is closed to."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.parametrize("given", ["", "2010"])
def test_an_unreadable_folder_is_refused_instead_of_skipped(given: str) -> None:
    # Others may come as far as here, other than to what pytest makes.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        archive = Path(name)
        archive.chmod(0o755)
        (archive / "sst.200912.nc").touch()
        closed = archive / "2010"
        closed.mkdir()
        (closed / "sst.201001.nc").touch()
        closed.chmod(0)
        with as_somebody_else(), pytest.raises(FileError, match=f"{closed}: cannot read it: Permission denied"):
            find_source([archive / given], grid=True)
        closed.chmod(0o755)
        assert len(find_source([archive], grid=True).files) == 2
