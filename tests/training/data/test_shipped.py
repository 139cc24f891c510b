"""Rebuilding the data that ship: the series, the climatology of a planet with one sea, and the land of the map."""

import gzip
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import xarray as xr
from scipy.io import netcdf_file

from forecasting.climatology.annual_cycle import monthly_means, monthly_terms
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import FileError
from forecasting.series.times import Bools, Floats
from tests.conftest import ROOT
from training.data.shipped import (
    LAND_FILE,
    UNITS_PER_DEGREE,
    fit_warming,
    outlines,
    read_ersst,
    simplified,
    svg,
    write_climatology,
    write_ersst,
    write_series,
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:statsmodels", "ignore::DeprecationWarning:bokeh_sampledata")
def test_the_command_makes_the_files_that_ship(tmp_path: Path) -> None:
    write_series(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["neracoos-b01.csv", "nino12.csv"]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (ROOT / "data" / path.name).read_bytes()


MISSING: Final = -1e34
SEA: Final = (slice((20 + 90) * 12, (40 + 90) * 12), np.r_[-10 * 12 : 14 * 12])
"""Nodes: 20 to 40° N, 10° W to 14° E."""

LAKE: Final = (slice((30 + 90) * 12, (33 + 90) * 12), slice(20 * 12, 23 * 12))
"""Nodes: 30 to 33° N, 20 to 23° E."""

WARMING: Final = 0.5
RECENT_SPREAD: Final = 0.4
LEVEL: Final = np.eye(7)[0]
CYCLE: Final = np.array([18.0, -3.0, -2.0, 0.4, 0.3, 0.1, 0.0])
FULL: Final = (31.0, 3.0)
SUMMER_ONLY: Final = (31.0, 9.0)
EMPTY: Final = (31.0, -5.0)
WITH_AN_ERROR: Final = (35.0, 3.0)


def monthly_sst() -> Floats:
    """Return values everywhere, also on land: the cycle, warmer to the south; on the grid of the file, from 20° E."""
    north, east = np.arange(-89.0, 90.0, 2.0), np.arange(21.0, 380.0, 2.0) % 360.0
    sst = np.tile((monthly_terms() @ CYCLE)[:, np.newaxis, np.newaxis], (1, 90, 180))
    sst += 0.2 * (30.0 - north)[:, np.newaxis]
    for latitude, longitude, months in ((*SUMMER_ONLY, [0, 1, 2, 3, 8, 9, 10, 11]), (*EMPTY, list(range(12)))):
        sst[months, np.flatnonzero(north == latitude)[0], np.flatnonzero(east == longitude % 360.0)[0]] = MISSING
    sst[0, north == WITH_AN_ERROR[0], east == WITH_AN_ERROR[1]] += 12.0
    return sst


def relief() -> Floats:
    metres = np.full((2161, 4320), 100.0)
    metres[SEA] = -2_000.0
    metres[LAKE] = -50.0
    return metres


def write(path: Path, name: str, values: Floats, coordinate: str, degrees: Floats) -> None:
    with netcdf_file(path, "w") as file:
        names = ("TIME", "Y", coordinate)[3 - values.ndim :]
        for dimension, size in zip(names, values.shape, strict=True):
            file.createDimension(dimension, size)
        file.createVariable(coordinate, "f8", (coordinate,))[:] = degrees
        variable = file.createVariable(name, "f4", names)
        variable._FillValue = np.float32(MISSING)
        variable[:] = values


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "data").mkdir()
    write(folder / "data" / "coads_climatology.cdf", "SST", monthly_sst(), "COADSX", np.arange(21.0, 380.0, 2.0))
    write(folder / "data" / "etopo5.cdf", "ROSE", relief(), "ETOPO05_X", np.arange(4320) / 12)
    south = np.arange(-88.0, 89.0, 2.0)
    recent = (monthly_terms() @ CYCLE + WARMING)[:, np.newaxis, np.newaxis] + 0.2 * (30.0 - south)[:, np.newaxis]
    recent = np.broadcast_to(recent, (12, 89, 180))
    units = np.round(100 * np.stack([recent, np.full_like(recent, RECENT_SPREAD)])).astype(np.int16)
    np.savez(folder / "ersst.npz", mean=units[0], spread=units[1])
    changelog = gzip.compress(b"ferret-vis (1.2-3) unstable; urgency=medium\n\n  * A change.\n")
    (folder / "changelog.Debian.gz").write_bytes(changelog)
    return folder


@pytest.fixture(scope="module")
def climatology(package: Path, tmp_path_factory: pytest.TempPathFactory) -> GlobalClimatology:
    path = tmp_path_factory.mktemp("made") / "climatology.npz"
    write_climatology(package, path, package / "ersst.npz")
    return GlobalClimatology.read(path)


def test_the_cycle_of_a_cell_with_every_month_is_recovered(climatology: GlobalClimatology) -> None:
    np.testing.assert_allclose(climatology.coefficients(*FULL), CYCLE + LEVEL * (WARMING - 0.2), atol=0.01)


def test_a_value_far_from_the_others_hardly_counts(climatology: GlobalClimatology) -> None:
    expected = CYCLE + LEVEL * (WARMING - 1.0)
    np.testing.assert_allclose(climatology.coefficients(*WITH_AN_ERROR), expected, atol=0.02)


def test_the_spread_is_that_of_recent_months_widened_to_days(climatology: GlobalClimatology) -> None:
    np.testing.assert_allclose(climatology.spread(*FULL), [np.log(1.85 * RECENT_SPREAD), 0, 0], atol=2e-3)


def test_warming_is_that_of_open_sea_and_fills_coasts_and_cells_without_data() -> None:
    sea = np.zeros((90, 180), dtype=np.bool_)
    sea[50:60, 20:40] = True
    open_sea = sea.copy()
    open_sea[50, 20:40] = False
    cells = np.full((90, 180, 7), np.nan)
    cells[sea] = CYCLE
    recent = np.where(sea, (monthly_terms() @ CYCLE + 0.7)[:, np.newaxis, np.newaxis], np.nan)
    recent[:, 50, 20:40] += 3.0
    recent[:3, 55, 30] = np.nan
    warming = fit_warming(recent, cells, sea, open_sea)
    np.testing.assert_allclose(warming[sea], 0.7)
    assert np.isnan(warming[~sea]).all()


def test_recent_months_of_ersst_have_means_and_spreads_and_ice_is_at_the_freezing_point(tmp_path: Path) -> None:
    times = np.arange("2008-01", "2021-01", dtype="datetime64[M]").astype("datetime64[ns]")
    years = times.astype("datetime64[Y]").astype(np.int64) + 1970
    sst = np.tile((years - 2010.0)[:, np.newaxis, np.newaxis], (1, 89, 180))
    sst[years < 2010] = 99.0
    sst[times.astype("datetime64[M]").astype(np.int64) % 12 == 0, 88, 0] = np.nan  # every January
    sst[:, 0, :] = np.nan
    axes = {"time": times, "lat": np.arange(88.0, -89.0, -2.0), "lon": np.arange(0.0, 360.0, 2.0)}
    xr.Dataset({"sst": (("time", "lat", "lon"), sst[:, ::-1])}, axes).to_netcdf(tmp_path / "sst.nc")
    write_ersst(tmp_path / "sst.nc", tmp_path / "ersst.npz")
    mean, spread = read_ersst(tmp_path / "ersst.npz")
    assert mean.shape == spread.shape == (12, 90, 180)
    np.testing.assert_allclose(mean[:, 45, 7], 5.0)
    np.testing.assert_allclose(spread[:, 45, 7], np.std(np.arange(11), ddof=1), atol=0.005)
    assert mean[0, 89, 0] == pytest.approx((5.0 - 1.8) / 2)
    assert mean[1, 89, 0] == pytest.approx(5.0)
    assert np.isnan(mean[:, 0]).all()
    np.testing.assert_allclose(mean[:, 1, 3], 5.0)


@pytest.mark.parametrize("position", [SUMMER_ONLY, EMPTY])
def test_months_without_ships_follow_the_neighbours(
    climatology: GlobalClimatology, position: tuple[float, float]
) -> None:
    expected = monthly_terms() @ CYCLE + WARMING - 0.2
    np.testing.assert_allclose(monthly_means(climatology.coefficients(*position)), expected, atol=0.05)


@pytest.mark.parametrize(
    ("position", "at_sea"),
    [
        ((30.0, 0.0), True),
        ((30.0, 14.2), True),
        ((40.1, 5.0), True),
        ((30.0, 14.5), False),
        ((19.7, 5.0), False),
        ((31.5, 21.5), False),
        ((31.5, 24.0), False),
        ((0.0, 100.0), False),
    ],
)
def test_the_sea_ends_25_km_inland_and_lakes_are_land(
    climatology: GlobalClimatology, position: tuple[float, float], at_sea: bool
) -> None:
    assert climatology.is_sea(*position) == at_sea
    assert np.isfinite(climatology.coefficients(*position)).all() == at_sea


def test_values_over_land_are_left_out(climatology: GlobalClimatology) -> None:
    assert int(np.isfinite(climatology.cells[..., 0]).sum()) == 10 * 12


def test_the_sources_are_named(climatology: GlobalClimatology, package: Path) -> None:
    provenance = climatology.provenance
    assert provenance["package"] == "Debian ferret-datasets, ferret-vis (1.2-3) unstable"
    for name in ("data/coads_climatology.cdf", "data/etopo5.cdf", "ersst.npz"):
        digest = sha256((package / name).read_bytes()).hexdigest()
        assert provenance[f"sha256 of {Path(name).name}"] == digest


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        write_climatology(tmp_path, tmp_path / "climatology.npz")
    expected = f"no coads_climatology.cdf in {tmp_path}: extract the Debian package ferret-datasets into it"
    assert str(error.value) == expected


def drawn(document: str) -> list[Floats]:
    """Return the outlines of a document, degrees east and north."""
    (path,) = re.findall(r' d="([^"]*)"', document)
    lines = []
    for line in path.split("M")[1:]:
        start, _, steps = line.rstrip("z").partition("l")
        points = [np.array(re.findall(r"-?\d+", part), dtype=np.float64).reshape(-1, 2) for part in (start, steps)]
        lines.append(np.concatenate(points).cumsum(axis=0) / (UNITS_PER_DEGREE, -UNITS_PER_DEGREE))
    return lines


def is_inside(lines: list[Floats], east: Floats, north: Floats) -> Bools:
    """Return which positions are within an odd number of outlines."""
    inside = np.zeros(len(east), dtype=np.bool_)
    for line in lines:
        for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
            if y0 != y1:
                crosses = (y0 > north) != (y1 > north)
                inside ^= crosses & (east < x0 + (north - y0) / (y1 - y0) * (x1 - x0))
    return inside


def test_the_map_has_land_where_the_climatology_has() -> None:
    random = np.random.default_rng(0)
    east = random.uniform(-179.9, 179.9, 3_000)
    north = np.rad2deg(np.arcsin(random.uniform(-0.99, 0.99, 3_000)))
    on_land = is_inside(drawn(LAND_FILE.read_text(encoding="utf-8")), east, north)
    assert on_land.mean() == pytest.approx(0.24, abs=0.05)
    assert (on_land != GlobalClimatology.load().is_sea(north, east)).mean() > 0.99


def test_the_map_is_small() -> None:
    assert LAND_FILE.stat().st_size < 60_000


def test_outlines_are_closed_keep_holes_and_leave_out_specks() -> None:
    mask = np.zeros((2161, 4320), dtype=np.bool_)
    mask[1200:1320, 2400:2640] = True  # ten degrees by twenty
    mask[1240:1280, 2480:2560] = False  # with a sea of its own
    mask[600, 600] = True
    lines = drawn(svg(outlines(mask)))
    assert len(lines) == 2
    east, north = np.array([25.0, 30.0, 45.0]), np.array([11.0, 15.0, 15.0])
    assert is_inside(lines, east, north).tolist() == [True, False, False]


def test_simplified_lines_keep_their_corners() -> None:
    sides = [
        [(0, y) for y in range(10)],
        [(x, 10) for x in range(10)],
        [(10, 10 - y) for y in range(10)],
        [(10 - x, 0) for x in range(11)],
    ]
    square = np.array([point for side in sides for point in side], dtype=np.float64)
    corners = {tuple(point) for point in simplified(square)}
    assert {(0, 0), (0, 10), (10, 10), (10, 0)} <= corners
    assert len(corners) < 8
