"""The outlines of land that the page's map draws."""

import re

import numpy as np
import pytest

from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.times import Bools, Floats
from training.data.shipped import LAND_FILE, UNITS_PER_DEGREE, outlines, simplified, svg


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
