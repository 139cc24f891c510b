import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from forecasting.climatology.annual_cycle import evaluate, maximum_monthly_mean, monthly_means
from forecasting.climatology.global_climatology import FILE, GlobalClimatology
from forecasting.errors import RequestError
from tests.conftest import ROOT

Position = tuple[float, float]

POSITIONS: dict[str, tuple[float, float, bool]] = {
    "Scripps pier": (32.867, -117.257, True),
    "Venice lagoon": (45.43, 12.33, True),
    "Puget Sound": (47.6, -122.35, True),
    "Sea of Azov": (46.0, 36.8, True),
    "Caspian Sea": (42.0, 51.0, True),
    "Persian Gulf": (26.5, 51.5, True),
    "Hudson Bay": (59.0, -85.0, True),
    "Pacific atoll": (1.9, -157.4, True),
    "North Pole": (90.0, 0.0, True),
    "London": (51.5, -0.1, False),
    "Moscow": (55.7, 37.6, False),
    "Denver": (39.7, -105.0, False),
    "Manaus, on the Amazon": (-3.1, -60.0, False),
    "South Pole": (-90.0, 0.0, False),
    "Lake Superior": (47.5, -88.0, False),
    "Lake Ladoga": (61.0, 31.5, False),
    "Lake Victoria": (-1.0, 33.0, False),
    "Dead Sea": (31.5, 35.5, False),
    "Lake Eyre": (-28.5, 137.3, False),
}
"""Degrees north and east, and whether a position is at sea."""

COLDEST_AND_WARMEST: dict[str, tuple[Position, float, float, float]] = {
    "Ligurian Sea": ((43.625, 9.125), 13.2, 24.0, 1.0),
    "North Sea": ((56.0, 3.0), 5.5, 15.5, 1.0),
    "Baltic proper": ((58.0, 20.0), 1.5, 17.0, 1.5),
    "Black Sea": ((43.0, 34.0), 8.0, 24.0, 1.0),
    "Hawaii": ((21.3, -157.9), 24.0, 26.8, 0.7),
    "Niño 3.4": ((0.0, -145.0), 25.8, 27.6, 0.8),
    "Great Barrier Reef": ((-18.0, 147.0), 23.0, 28.7, 1.0),
    "Persian Gulf": ((26.5, 51.5), 20.5, 33.0, 1.5),
    "Ross Sea": ((-75.0, 175.0), -1.8, -0.5, 1.0),
}


@pytest.fixture(scope="module")
def climatology() -> GlobalClimatology:
    return GlobalClimatology.load()


@pytest.mark.parametrize(("latitude", "longitude", "is_sea"), POSITIONS.values(), ids=list(POSITIONS))
def test_bays_and_coasts_are_at_sea_and_cities_and_lakes_on_land(
    climatology: GlobalClimatology, latitude: float, longitude: float, is_sea: bool
) -> None:
    assert climatology.is_sea(latitude, longitude) == is_sea
    assert (np.isfinite(climatology.coefficients(latitude, longitude)) == is_sea).all()


@pytest.mark.parametrize(
    ("position", "coldest", "warmest", "tolerance"), COLDEST_AND_WARMEST.values(), ids=list(COLDEST_AND_WARMEST)
)
def test_known_seas_have_their_usual_months(
    climatology: GlobalClimatology, position: Position, coldest: float, warmest: float, tolerance: float
) -> None:
    means = monthly_means(climatology.coefficients(*position))
    assert means.min() == pytest.approx(coldest, abs=tolerance)
    assert means.max() == pytest.approx(warmest, abs=tolerance)


def test_the_seasons_of_the_hemispheres_are_opposite(climatology: GlobalClimatology) -> None:
    means = monthly_means(climatology.coefficients([40.0, -40.0], [-40.0, -40.0]))
    assert means.argmax(axis=1).tolist() == [7, 1]
    assert means.argmin(axis=1).tolist() in ([1, 7], [2, 7], [1, 8], [2, 8])


def test_every_position_at_sea_has_a_plausible_cycle(climatology: GlobalClimatology) -> None:
    north, east = np.meshgrid(np.arange(-89.5, 90.0), np.arange(-179.5, 180.0), indexing="ij")
    sea, cycles = climatology.is_sea(north, east), climatology.coefficients(north, east)
    assert 0.65 < (sea * np.cos(np.deg2rad(north))).sum() / np.cos(np.deg2rad(north)).sum() < 0.78
    np.testing.assert_array_equal(sea, np.isfinite(cycles).all(axis=-1))
    means = monthly_means(cycles[sea])
    assert means.min() >= -1.8
    assert means.max() < 34.0
    assert np.ptp(means, axis=1).max() < 28.0
    assert maximum_monthly_mean(cycles[sea & (np.abs(north) > 78.0)]).max() < 7.0


def test_days_vary_by_a_plausible_amount_at_every_position_at_sea(climatology: GlobalClimatology) -> None:
    north, east = np.meshgrid(np.arange(-89.5, 90.0), np.arange(-179.5, 180.0), indexing="ij")
    logarithms = climatology.spread(north, east)
    np.testing.assert_array_equal(climatology.is_sea(north, east), np.isfinite(logarithms).all(axis=-1))
    spread = np.exp(logarithms[..., 0])
    assert 0.15 < np.nanmin(spread) < 0.3
    assert 2.5 < np.nanmax(spread) < 5.0
    assert 0.6 < np.nanmedian(spread) < 1.0
    calm, eddies = np.exp(climatology.spread([-10.0, 40.0], [-28.0, -60.0])[:, 0])
    assert eddies > 2 * calm


def test_longitudes_may_be_counted_from_the_dateline_or_from_greenwich(climatology: GlobalClimatology) -> None:
    np.testing.assert_array_equal(climatology.coefficients(0.0, -140.0), climatology.coefficients(0.0, 220.0))
    np.testing.assert_array_equal(climatology.coefficients(10.0, -180.0), climatology.coefficients(10.0, 180.0))
    np.testing.assert_array_equal(climatology.coefficients(0.0, 0.0), climatology.coefficients(0.0, 360.0))


@pytest.mark.parametrize("meridian", [0.0, 180.0])
def test_the_cycle_is_continuous_across_meridians(climatology: GlobalClimatology, meridian: float) -> None:
    beside = climatology.coefficients(-30.0, [meridian + 1e-4, (meridian - 1e-4) % 360.0])
    np.testing.assert_allclose(beside[0], beside[1], atol=1e-3)


def test_it_is_interpolated_between_cells(climatology: GlobalClimatology) -> None:
    corners = climatology.coefficients([31.0, 31.0, 33.0, 33.0], [201.0, 203.0, 201.0, 203.0])
    np.testing.assert_allclose(corners[0], climatology.cells[60, 100], atol=1e-5)
    between = climatology.coefficients(31.5, 202.5)
    np.testing.assert_allclose(between, [0.1875, 0.5625, 0.0625, 0.1875] @ corners, atol=1e-4)


def test_the_outermost_cells_reach_to_the_poles(climatology: GlobalClimatology) -> None:
    longitudes = np.arange(0.0, 360.0, 10.0)
    outermost, inner, pole = (climatology.coefficients(latitude, longitudes) for latitude in (89.0, 87.0, 90.0))
    assert np.nanmax(np.abs(outermost - inner)) > 1e-3
    np.testing.assert_allclose(pole, outermost, atol=1e-5)


def test_cells_on_land_are_left_out_of_the_interpolation(climatology: GlobalClimatology) -> None:
    assert np.isnan(climatology.cells[62, 122]).all()  # 34 to 36° N, 116 to 114° W
    scripps = climatology.coefficients(32.867, -117.257)
    near = climatology.cells[60:63, 120:122].reshape(-1, 7)
    assert np.nanmin(near[:, 0]) <= scripps[0] <= np.nanmax(near[:, 0])


def test_positions_keep_their_shape(climatology: GlobalClimatology) -> None:
    cycles = climatology.coefficients(np.array([[-10.0], [52.5]]), np.array([-30.0, 13.4, 170.0]))
    assert (cycles.shape, cycles.dtype) == ((2, 3, 7), np.dtype(np.float32))
    assert climatology.coefficients(0.0, -30.0).shape == (7,)
    assert climatology.coefficients([], []).shape == (0, 7)
    assert climatology.is_sea(0.0, -30.0).shape == ()
    assert evaluate(cycles, np.array(["2020-01-01"], dtype="datetime64[s]")).shape == (2, 3, 1)


@pytest.mark.parametrize(
    ("latitude", "longitude", "sentence"),
    [
        (90.1, 0.0, "latitude must be from -90 to 90 degrees, not 90.1"),
        (-91, 0, "latitude must be from -90 to 90 degrees, not -91"),
        ([10.0, float("nan")], 0.0, "latitude must be from -90 to 90 degrees, not nan"),
        (0.0, [0.0, 360.5], "longitude must be from -180 to 360 degrees, not 360.5"),
        (0.0, -180.01, "longitude must be from -180 to 360 degrees, not -180.01"),
        (0.0, float("inf"), "longitude must be from -180 to 360 degrees, not inf"),
    ],
)
def test_a_wrong_position_is_named(
    climatology: GlobalClimatology, latitude: float, longitude: float, sentence: str
) -> None:
    for lookup in (climatology.is_sea, climatology.coefficients, climatology.spread):
        with pytest.raises(RequestError) as error:
            lookup(latitude, longitude)
        assert str(error.value) == sentence
        assert error.value.field == sentence.split()[0]


def test_it_is_read_once(climatology: GlobalClimatology) -> None:
    assert GlobalClimatology.load() is climatology


def test_the_file_is_small_ships_with_the_package_and_names_its_sources(climatology: GlobalClimatology) -> None:
    assert FILE.stat().st_size < 250_000
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert FILE.relative_to(ROOT / "forecasting").as_posix() in settings["package-data"]["forecasting"]
    assert {"source", "licence", "package", "changes", "made"} < set(climatology.provenance)
    digests = [value for name, value in climatology.provenance.items() if name.startswith("sha256 of ")]
    assert [len(digest) for digest in digests] == [64, 64, 64]


def test_a_written_climatology_is_read_back(climatology: GlobalClimatology, tmp_path: Path) -> None:
    path = tmp_path / "climatology.npz"
    climatology.write(path)
    again = GlobalClimatology.read(path)
    np.testing.assert_array_equal(again.cells, climatology.cells)
    np.testing.assert_array_equal(again.spread_cells, climatology.spread_cells)
    np.testing.assert_array_equal(again.near_sea, climatology.near_sea)
    assert json.dumps(again.provenance) == json.dumps(climatology.provenance)
