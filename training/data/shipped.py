"""Rebuild the data that ship. See data/README.md for provenance and licences.

- ``python -m training.data.shipped series [FOLDER]`` writes ``data/*.csv`` from the packages that contain the original
  data, ``statsmodels`` and ``bokeh_sampledata`` (the extra ``[dev]``).
- ``python -m training.data.shipped ersst FILE`` writes the part of ERSST v5 that the global climatology needs, from
  NOAA's ``sst.mnmean.nc``.
- ``python -m training.data.shipped climatology FOLDER`` makes the global climatology from that part and the extracted
  Debian package ``ferret-datasets``, which ``make climatology`` downloads.
- ``python -m training.data.shipped land`` draws the land of the climatology for the map on the page.
"""

import gzip
import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import contourpy
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage, sparse
from scipy.io import netcdf_file
from scipy.sparse.linalg import spsolve

from forecasting.climatology.annual_cycle import FREEZING_POINT, HARMONICS, monthly_means, monthly_terms
from forecasting.climatology.global_climatology import (
    CELL_DEGREES,
    COAST_KM,
    FILE,
    GRID_SHAPE,
    MASK_NODES_PER_DEGREE,
    MASK_SHAPE,
    SPREAD_COEFFICIENTS,
    YEARS,
    GlobalClimatology,
)
from forecasting.errors import FileError
from forecasting.series.times import Bools, Floats

SST_FILE: Final = "coads_climatology.cdf"
RELIEF_FILE: Final = "etopo5.cdf"
CHANGELOG: Final = "changelog.Debian.gz"
ERSST_FILE: Final = Path(__file__).parents[2] / "data" / "ersst-v5-2010-2020.npz"

_SMOOTHNESS: Final = np.array([0.1, 0.3, 0.3, 1.0, 1.0, 2.0, 2.0])
"""Penalty on the squared difference between neighbouring cells, relative to the squared error of one monthly value.

Chosen by hiding months of cells with twelve: larger values supply hidden months hardly better, and blur coasts more.
"""

_USUAL_ERROR: Final = 0.7
"""°C. A value that misses the fit by r counts as 1 / (1 + (r / 0.7)²): few ships went to polar seas, and some erred."""

_PASSES: Final = 5

_ICE_WEIGHT: Final = 0.3
_ICE_SOUTH: Final = -60.0
_ICE_NORTH: Final = 44.0
"""Beyond these latitudes, a month without ships counts as 0.3 of a value at the freezing point: there is ice."""

_LEAST_SEA_NODES: Final = 5_000
"""The oceans, the Caspian and the Black Sea have more; lakes and depressions below sea level have fewer."""

_CASPIAN: Final = (slice((36 + 90) * 12, (49 + 90) * 12), slice(45 * 12, 56 * 12))
_CASPIAN_METRES: Final = -28.0

_NODE_KM: Final = 40_008 / 360 / MASK_NODES_PER_DEGREE

_WARMING_SMOOTHNESS: Final = 10.0
"""Penalty on the squared difference of the warming of neighbouring cells, relative to that of a cell.

Chosen by the error of the level at satellite pixels in 14 regions; see docs/decisions/0029-recent-climatology.md.
"""

_SPREAD_SMOOTHNESS: Final = 1.0
"""The same for the spread: values from 0.1 to 10 do equally well."""

_DAYS_TO_MONTHS: Final = 1.85
"""Standard deviation of daily anomalies at a place, relative to that of the monthly means of ERSST.

The geometric mean over 14 regions with daily series: 1.2 to 2 on open sea, 2 to 4 in creeks.
"""

_LEAST_SPREAD: Final = 0.1
"""°C: what ERSST varies by at least; it hardly does beside ice."""

_ERSST_UNIT: Final = 0.01
_NO_DATA: Final = np.iinfo(np.int16).min


def sea_mask(relief: npt.NDArray[np.float32]) -> Bools:
    """Return where there is sea, from elevations in metres, both ``(2161, 4320)``: below 0 m and part of a large basin.

    The surface of the Caspian is at −28 m.
    """
    below = relief < 0.0
    below[_CASPIAN] = relief[_CASPIAN] < _CASPIAN_METRES
    twice = np.concatenate([below, below], axis=1)  # so that basins across 0° are whole in one of the copies
    labels, _ = ndimage.label(twice, np.ones((3, 3)))
    large = np.bincount(labels.ravel()) >= _LEAST_SEA_NODES
    large[0] = False
    whole = large[labels]
    columns = MASK_SHAPE[1]
    joined: Bools = whole[:, :columns] | whole[:, columns:]
    return joined


def near_sea(sea: Bools, distance_km: float = COAST_KM) -> Bools:
    """Return which nodes have sea within a distance, along the sphere; ``sea`` is ``(2161, 4320)``."""
    latitudes = np.arange(MASK_SHAPE[0]) / MASK_NODES_PER_DEGREE - 90.0
    kilometres = _NODE_KM * np.maximum(np.cos(np.deg2rad(latitudes)), 1e-3)
    near = np.zeros_like(sea)
    reach = int(distance_km / _NODE_KM)
    for offset in range(-reach, reach + 1):
        across = np.sqrt(distance_km**2 - (offset * _NODE_KM) ** 2)
        for row in range(max(0, -offset), min(len(sea), len(sea) - offset)):
            width = min(2 * int(across / kilometres[row]) + 1, MASK_SHAPE[1] - 1)
            near[row] |= ndimage.maximum_filter1d(sea[row + offset], width, mode="wrap")
    return near


def fit_cells(monthly: Floats, sea: Bools) -> Floats:
    """Fit the annual cycle in every cell of the sea, together with its neighbours.

    Minimises the squared errors of the monthly means plus a penalty on the differences between neighbouring cells.
    Months and cells without ships thereby follow their neighbours. Values far from the fit lose weight in each pass.
    """
    values = monthly[:, sea].T
    weights = np.isfinite(values).astype(np.float64)
    latitudes = CELL_DEGREES * (np.nonzero(sea)[0] + 0.5) - 90.0
    icy = ((latitudes < _ICE_SOUTH) | (latitudes > _ICE_NORTH))[:, np.newaxis] & np.isnan(values)
    weights[icy] = _ICE_WEIGHT
    values = np.where(icy, FREEZING_POINT, np.nan_to_num(values))
    penalty = sparse.kron(_differences(sea), sparse.diags(_SMOOTHNESS))
    terms = monthly_terms()
    coefficients = _solve(values, weights, penalty, terms)
    for _ in range(1, _PASSES):
        residuals = values - coefficients @ terms.T
        coefficients = _solve(values, weights / (1.0 + (residuals / _USUAL_ERROR) ** 2), penalty, terms)
    return _on_grid(coefficients, sea)


def _on_grid(values: Floats, sea: Bools) -> Floats:
    """Return values of the cells of the sea ``(n, k)`` on the grid, ``(90, 180, k)``; NaN on land."""
    cells = np.full((*GRID_SHAPE, values.shape[1]), np.nan)
    cells[sea] = values
    return cells


def _solve(values: Floats, weights: Floats, penalty: sparse.csr_matrix, terms: Floats) -> Floats:
    """Return the coefficients ``(n, k)`` of penalised least squares."""
    count = len(values)
    squares = np.einsum("cm,mi,mj->cij", weights, terms, terms)
    data = sparse.bsr_matrix((squares, np.arange(count), np.arange(count + 1)))
    solution: Floats = spsolve((data + penalty).tocsc(), (weights * values @ terms).ravel())
    return solution.reshape(count, terms.shape[1])


def fit_warming(recent: Floats, cells: Floats, sea: Bools, open_sea: Bools) -> Floats:
    """Return how much warmer the annual mean of recent years is than the fitted cycle, °C ``(90, 180)``; NaN on land.

    Only cells without land say so, because a coarse grid has other coasts than ships. The others follow their
    neighbours.
    """
    warming = (recent - np.moveaxis(monthly_means(cells), -1, 0)).mean(axis=0)[sea]
    weights = (np.isfinite(warming) & open_sea[sea]).astype(np.float64)
    penalty = _WARMING_SMOOTHNESS * _differences(sea)
    solved = _solve(np.nan_to_num(warming)[:, np.newaxis], weights[:, np.newaxis], penalty, np.ones((1, 1)))
    return _on_grid(solved, sea)[..., 0]


def fit_spread(monthly: Floats, sea: Bools) -> Floats:
    """Fit the logarithm of the standard deviation of daily anomalies in every cell, with its neighbours."""
    values = np.log(_DAYS_TO_MONTHS * np.maximum(monthly, _LEAST_SPREAD))[:, sea].T
    penalty = sparse.kron(_differences(sea), _SPREAD_SMOOTHNESS * sparse.identity(SPREAD_COEFFICIENTS))
    weights, terms = np.isfinite(values).astype(np.float64), monthly_terms()[:, :SPREAD_COEFFICIENTS]
    return _on_grid(_solve(np.nan_to_num(values), weights, penalty, terms), sea)


def _differences(sea: Bools) -> sparse.csr_matrix:
    """Return the quadratic form that sums the squared differences between neighbouring cells of the sea."""
    numbers = np.where(sea, np.cumsum(sea).reshape(sea.shape) - 1, -1)
    pairs = np.concatenate(
        [
            np.stack([numbers, np.roll(numbers, -1, axis=1)]).reshape(2, -1),
            np.stack([numbers[:-1], numbers[1:]]).reshape(2, -1),
        ],
        axis=1,
    )
    first, second = pairs[:, (pairs >= 0).all(axis=0)]
    rows = np.arange(len(first))
    shape = (len(first), int(sea.sum()))
    steps = sparse.csr_matrix((np.ones(len(rows)), (rows, first)), shape)
    steps -= sparse.csr_matrix((np.ones(len(rows)), (rows, second)), shape)
    return steps.T @ steps


def read_monthly_sst(path: Path) -> Floats:
    """Read the monthly means of COADS on the grid of the climatology, °C, ``(12, 90, 180)``; NaN without ships."""
    with netcdf_file(path, mmap=False) as file:
        sst = file.variables["SST"]
        values = np.where(sst.data == sst._FillValue, np.nan, sst.data).astype(np.float64)
        longitudes = file.variables["COADSX"].data % 360.0
    return values[:, :, np.argsort(longitudes)]


def read_relief(path: Path) -> npt.NDArray[np.float32]:
    """Read elevations of ETOPO5 in metres, ``(2161, 4320)``, on the nodes of the mask."""
    with netcdf_file(path, mmap=False) as file:
        relief: npt.NDArray[np.float32] = file.variables["ROSE"].data.astype(np.float32)
    return relief


def write_ersst(source: Path, path: Path = ERSST_FILE) -> None:
    """Write means and standard deviations of the calendar months of recent years of ERSST v5 to ``path``."""
    import xarray as xr

    with xr.open_dataset(source) as dataset:
        first, last = YEARS
        sst = dataset["sst"].sel(time=slice(f"{first}", f"{last}")).sortby("lat").load()
    # Some copies leave months with ice blank, as land is always.
    months = sst.fillna(FREEZING_POINT).where(sst.notnull().any("time")).groupby("time.month")
    mean, spread = (
        np.where(np.isnan(values), _NO_DATA, np.round(values / _ERSST_UNIT)).astype(np.int16)
        for values in (months.mean(), months.std(ddof=1))
    )
    provenance = {
        "source": "NOAA Extended Reconstructed SST, version 5, monthly, 2 degrees",
        "licence": "public domain",
        "period": f"{sst.time.values[0]:.7} to {sst.time.values[-1]:.7}",
        "sha256": sha256(source.read_bytes()).hexdigest(),
    }
    np.savez_compressed(path, mean=mean, spread=spread, provenance=np.array(json.dumps(provenance)))
    print(path)


def read_ersst(path: Path = ERSST_FILE) -> tuple[Floats, Floats]:
    """Read means and standard deviations of calendar months on the grid of the climatology, °C ``(12, 90, 180)`` each.

    A cell has the mean of the nodes at its corners that have data; NaN if none has.
    """
    with np.load(path, allow_pickle=False) as arrays:
        mean, spread = (np.where(arrays[n] == _NO_DATA, np.nan, arrays[n] * _ERSST_UNIT) for n in ("mean", "spread"))
    return _of_corners(mean), np.sqrt(_of_corners(spread**2))


def _of_corners(nodes: Floats) -> Floats:
    """Return means of the nodes, ``(12, 89, 180)`` from 88° S and 0° E, at the corners of each cell."""
    beside = np.pad(np.pad(nodes, ((0, 0), (1, 1), (0, 0)), constant_values=np.nan), ((0, 0), (0, 0), (0, 1)), "wrap")
    corners = np.stack([beside[:, :-1, :-1], beside[:, 1:, :-1], beside[:, :-1, 1:], beside[:, 1:, 1:]])
    known = np.isfinite(corners).sum(axis=0)
    means = np.full(known.shape, np.nan)
    np.divide(np.nansum(corners, axis=0), known, out=means, where=known > 0)
    return means


def build(folder: Path, ersst: Path = ERSST_FILE) -> GlobalClimatology:
    """Make the climatology from the files of the extracted package and the part of ERSST in ``ersst``."""
    sst_path, relief_path, changelog = (_find(folder, name) for name in (SST_FILE, RELIEF_FILE, CHANGELOG))
    sea = sea_mask(read_relief(relief_path))
    nodes = CELL_DEGREES * MASK_NODES_PER_DEGREE
    sea_nodes = sea[:-1].reshape(GRID_SHAPE[0], nodes, GRID_SHAPE[1], nodes).sum(axis=(1, 3))
    has_sea = sea_nodes > 0
    cells = fit_cells(read_monthly_sst(sst_path), has_sea)
    recent, spread = read_ersst(ersst)
    open_sea = sea_nodes == nodes**2
    frozen = open_sea & np.isnan(recent).all(axis=0) & (cells[..., 0] < 0.0)  # elsewhere, ERSST leaves out a bay
    recent[:, frozen], spread[:, frozen] = FREEZING_POINT, 0.0
    cells[..., 0] += fit_warming(recent, cells, has_sea, open_sea)
    first_line = gzip.decompress(changelog.read_bytes()).decode().partition("\n")[0]
    provenance = {
        "source": "COADS monthly climatology of SST on 2 degrees, and ETOPO5 relief, distributed by NOAA PMEL; level "
        "and spread of ERSST v5 by NOAA NCEI, 2010 to 2020",
        "licence": "public domain",
        "package": f"Debian ferret-datasets, {first_line.partition(';')[0]}",
        f"sha256 of {SST_FILE}": sha256(sst_path.read_bytes()).hexdigest(),
        f"sha256 of {RELIEF_FILE}": sha256(relief_path.read_bytes()).hexdigest(),
        f"sha256 of {ersst.name}": sha256(ersst.read_bytes()).hexdigest(),
        "changes": f"mean and {HARMONICS} harmonics fitted to the months; cells without sea left out; annual means "
        "raised by their smoothed difference from ERSST v5",
        "made": datetime.now(UTC).date().isoformat(),
    }
    grids = (cells.astype(np.float32), fit_spread(spread, has_sea).astype(np.float32))
    return GlobalClimatology(*grids, np.packbits(near_sea(sea), axis=1), provenance)


def _find(folder: Path, name: str) -> Path:
    path = next(folder.rglob(name), None)
    if path is None:
        raise FileError(f"no {name} in {folder}: extract the Debian package ferret-datasets into it")
    return path


def write_climatology(folder: Path, path: Path = FILE, ersst: Path = ERSST_FILE) -> None:
    """Write the climatology made from the package in ``folder`` and from ``ersst`` to ``path``."""
    build(folder, ersst).write(path)
    print(path)


LAND_FILE: Final = Path(__file__).parents[2] / "service" / "plugins" / "page" / "static" / "land.svg"

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
    areas = [abs(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2 for x, y in (line.T for line in lines)]
    return [simplified(line) for line, area in zip(lines, areas, strict=True) if area >= _LEAST_AREA_DEGREES]


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
    share = np.clip((points - begin) @ along / length, 0.0, 1.0) if length else np.zeros(len(points))
    distances: Floats = np.hypot(*(points - begin - share[:, np.newaxis] * along).T)
    return distances


def _block_means(mask: Bools) -> Floats:
    rows, columns = (size // _BLOCK_NODES * _BLOCK_NODES for size in mask.shape)
    shape = (rows // _BLOCK_NODES, _BLOCK_NODES, columns // _BLOCK_NODES, _BLOCK_NODES)
    means: Floats = mask[:rows, :columns].reshape(shape).mean(axis=(1, 3))
    return means


def _path(line: Floats) -> str:
    points: npt.NDArray[np.int64] = np.rint(line[:-1] * (UNITS_PER_DEGREE, -UNITS_PER_DEGREE)).astype(np.int64)
    steps = np.diff(points, axis=0)
    steps = steps[steps.any(axis=1)]
    relative = " ".join(f"{x} {y}" for x, y in steps.tolist()).replace(" -", "-")
    return f"M{points[0, 0]} {points[0, 1]}l{relative}z"


def nino12() -> pd.DataFrame:
    """Return ERSST v3b, Niño 1+2 region mean by NOAA, monthly 1950–2010, from ``statsmodels.datasets.elnino``."""
    from statsmodels.datasets import elnino

    years = elnino.load_pandas().data.set_index("YEAR")
    times = pd.date_range(f"{years.index[0]:.0f}-01-01", periods=years.size, freq="MS")
    return pd.DataFrame({"time": times.strftime("%Y-%m-%d"), "sst": years.to_numpy().reshape(-1)})


def neracoos_b01() -> pd.DataFrame:
    """Return NERACOOS buoy B01 (B01_sbe37_all), half-hourly 2016–2017, from ``bokeh_sampledata``; faults included."""
    from bokeh_sampledata.sea_surface_temperature import sea_surface_temperature as table

    return pd.DataFrame(
        {"time": pd.DatetimeIndex(table.index).strftime("%Y-%m-%dT%H:%M:%SZ"), "sst": table["temperature"].to_numpy()}
    )


def write_series(folder: Path = Path("data")) -> None:
    """Write both files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("nino12", nino12), ("neracoos-b01", neracoos_b01)):
        make().to_csv(folder / f"{name}.csv", index=False)
        print(folder / f"{name}.csv")


def write_land() -> None:
    """Write the land of the shipped climatology: one path, where it is more than 25 km to the sea.

    The page draws it with a line as wide as that strip, so that its edge is the coast.
    """
    LAND_FILE.write_text(svg(outlines(land())), encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["series", *folder]:
            write_series(*map(Path, folder))
        case ["ersst", file]:
            write_ersst(Path(file))
        case ["climatology", folder]:
            write_climatology(Path(folder))
        case ["land"]:
            write_land()
        case _:
            sys.exit("usage: python -m training.data.shipped series [FOLDER] | ersst FILE | climatology FOLDER | land")
