"""Draw the land of the global climatology for the page's map: ``python -m training.sources.coast``.

The file has one path: where the climatology has land, which is more than 25 km from the sea. The page draws it with a
line as wide as that strip, so that its edge is the coast.
"""

from pathlib import Path
from typing import Final

import contourpy
import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import MASK_NODES_PER_DEGREE, MASK_SHAPE, GlobalClimatology
from forecasting.series.times import Bools, Floats

FILE: Final = Path(__file__).parents[2] / "service" / "page" / "land.svg"

UNITS_PER_DEGREE: Final = 20
"""Coordinates in the file are whole twentieths of a degree, eastwards from 0° and southwards from the equator."""

_BLOCK_NODES: Final = 3
"""Nodes of the mask in each direction that are averaged, so that its steps do not show."""

_TOLERANCE_DEGREES: Final = 0.05
_LEAST_AREA_DEGREES: Final = 0.06
"""Square degrees. A smaller island is not drawn."""


def land() -> Bools:
    """Return where the shipped climatology has land, ``(2161, 4320)``: from 90° S, and from 180° W."""
    sea = np.unpackbits(GlobalClimatology.load().near_sea, axis=1).astype(np.bool_)
    return np.roll(~sea, MASK_SHAPE[1] // 2, axis=1)


def outlines(mask: Bools) -> list[Floats]:
    """Return the closed outlines of a mask as degrees east and north, ``(n, 2)`` each."""
    share = _block_means(mask)
    edged = np.pad(share, 1)  # closes outlines at the edges of the map
    size = _BLOCK_NODES / MASK_NODES_PER_DEGREE
    first = (_BLOCK_NODES - 1) / 2 / MASK_NODES_PER_DEGREE - size
    east = -180.0 + first + size * np.arange(edged.shape[1])
    north = -90.0 + first + size * np.arange(edged.shape[0])
    generator = contourpy.contour_generator(east, north, edged, line_type=contourpy.LineType.Separate)
    lines: list[Floats] = [np.asarray(line, dtype=np.float64) for line in generator.lines(0.5)]
    return [simplified(line) for line in lines if _area(line) >= _LEAST_AREA_DEGREES]


def svg(lines: list[Floats]) -> str:
    """Return a document with one path of the outlines."""
    box = f"{-180 * UNITS_PER_DEGREE} {-90 * UNITS_PER_DEGREE} {360 * UNITS_PER_DEGREE} {180 * UNITS_PER_DEGREE}"
    path = "".join(map(_path, lines))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}"><path fill-rule="evenodd" d="{path}"/></svg>\n'


def simplified(line: Floats, tolerance: float = _TOLERANCE_DEGREES) -> Floats:
    """Return fewer points of a line, none of the others farther from it than ``tolerance``.

    Douglas and Peucker (1973), Algorithms for the reduction of the number of points required to represent a digitized
    line or its caricature.
    """
    kept = np.zeros(len(line), dtype=np.bool_)
    kept[[0, len(line) // 2, -1]] = True  # the ends of a closed line are the same point
    stretches = [(0, len(line) // 2), (len(line) // 2, len(line) - 1)]
    while stretches:
        first, last = stretches.pop()
        if last - first < 2:
            continue
        distances = _distances(line[first + 1 : last], line[first], line[last])
        farthest = first + 1 + int(distances.argmax())
        if distances.max() > tolerance:
            kept[farthest] = True
            stretches += [(first, farthest), (farthest, last)]
    return line[kept]


def _distances(points: Floats, begin: Floats, end: Floats) -> Floats:
    """Return the distance of points ``(n, 2)`` from a stretch."""
    along = end - begin
    length = float(along @ along)
    place = np.clip((points - begin) @ along / length, 0.0, 1.0) if length else np.zeros(len(points))
    distances: Floats = np.hypot(*(points - begin - place[:, np.newaxis] * along).T)
    return distances


def _block_means(mask: Bools) -> Floats:
    rows, columns = (size // _BLOCK_NODES * _BLOCK_NODES for size in mask.shape)
    shape = (rows // _BLOCK_NODES, _BLOCK_NODES, columns // _BLOCK_NODES, _BLOCK_NODES)
    means: Floats = mask[:rows, :columns].reshape(shape).mean(axis=(1, 3))
    return means


def _area(line: Floats) -> float:
    """Return the area within a closed line, in square degrees."""
    x, y = line.T
    return float(abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2)


def _path(line: Floats) -> str:
    points: npt.NDArray[np.int64] = np.rint(line[:-1] * (UNITS_PER_DEGREE, -UNITS_PER_DEGREE)).astype(np.int64)
    steps = np.diff(points, axis=0)
    steps = steps[steps.any(axis=1)]
    relative = " ".join(f"{x} {y}" for x, y in steps.tolist()).replace(" -", "-")
    return f"M{points[0, 0]} {points[0, 1]}l{relative}z"


if __name__ == "__main__":
    FILE.write_text(svg(outlines(land())), encoding="utf-8")
