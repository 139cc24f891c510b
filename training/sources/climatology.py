"""Rebuild the global climatology that ships: ``python -m training.sources.climatology FOLDER``.

``FOLDER`` holds the extracted Debian package ``ferret-datasets``; ``make climatology`` downloads it. Needs SciPy (the
extra ``[grids]``). See data/README.md for provenance and licences.
"""

import gzip
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage, sparse
from scipy.io import netcdf_file
from scipy.sparse.linalg import spsolve

from forecasting.climatology.annual_cycle import COEFFICIENTS, FREEZING_POINT, HARMONICS, monthly_terms
from forecasting.climatology.global_climatology import (
    CELL_DEGREES,
    COAST_KM,
    FILE,
    GRID_SHAPE,
    MASK_NODES_PER_DEGREE,
    MASK_SHAPE,
    GlobalClimatology,
)
from forecasting.errors import FileError
from forecasting.series.times import Bools, Floats

SST_FILE: Final = "coads_climatology.cdf"
RELIEF_FILE: Final = "etopo5.cdf"
CHANGELOG: Final = "changelog.Debian.gz"

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

    Args:
        monthly: mean SST, °C, ``(12, 90, 180)``; NaN without ships.
        sea: which cells have sea, ``(90, 180)``.

    Returns:
        °C, ``(90, 180, 7)``; NaN on land.
    """
    values = monthly[:, sea].T
    weights = np.isfinite(values).astype(np.float64)
    latitudes = CELL_DEGREES * (np.nonzero(sea)[0] + 0.5) - 90.0
    icy = ((latitudes < _ICE_SOUTH) | (latitudes > _ICE_NORTH))[:, np.newaxis] & np.isnan(values)
    weights[icy] = _ICE_WEIGHT
    values = np.where(icy, FREEZING_POINT, np.nan_to_num(values))
    penalty = sparse.kron(_differences(sea), sparse.diags(_SMOOTHNESS))
    terms = monthly_terms()
    coefficients = _solve(values, weights, penalty)
    for _ in range(1, _PASSES):
        residuals = values - coefficients @ terms.T
        coefficients = _solve(values, weights / (1.0 + (residuals / _USUAL_ERROR) ** 2), penalty)
    cells = np.full((*GRID_SHAPE, COEFFICIENTS), np.nan)
    cells[sea] = coefficients
    return cells


def _solve(values: Floats, weights: Floats, penalty: sparse.csr_matrix) -> Floats:
    """Return the coefficients ``(n, 7)`` of penalised least squares for monthly means and weights, both ``(n, 12)``."""
    terms = monthly_terms()
    count = len(values)
    squares = np.einsum("cm,mi,mj->cij", weights, terms, terms)
    data = sparse.bsr_matrix((squares, np.arange(count), np.arange(count + 1)))
    solution: Floats = spsolve((data + penalty).tocsc(), (weights * values @ terms).ravel())
    return solution.reshape(count, COEFFICIENTS)


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


def build(folder: Path) -> GlobalClimatology:
    """Make the climatology from the files of the extracted package.

    Raises:
        FileError: if a file is missing.
    """
    sst_path, relief_path, changelog = (_find(folder, name) for name in (SST_FILE, RELIEF_FILE, CHANGELOG))
    sea = sea_mask(read_relief(relief_path))
    nodes = CELL_DEGREES * MASK_NODES_PER_DEGREE
    sea_nodes = sea[:-1].reshape(GRID_SHAPE[0], nodes, GRID_SHAPE[1], nodes).sum(axis=(1, 3))
    cells = fit_cells(read_monthly_sst(sst_path), sea_nodes > 0)
    provenance = {
        "source": "COADS monthly climatology of SST on 2 degrees, and ETOPO5 relief, distributed by NOAA PMEL",
        "licence": "public domain",
        "package": _package(changelog),
        f"sha256 of {SST_FILE}": sha256(sst_path.read_bytes()).hexdigest(),
        f"sha256 of {RELIEF_FILE}": sha256(relief_path.read_bytes()).hexdigest(),
        "changes": f"mean and {HARMONICS} harmonics fitted to the months; cells without sea left out",
        "made": datetime.now(UTC).date().isoformat(),
    }
    return GlobalClimatology(cells.astype(np.float32), np.packbits(near_sea(sea), axis=1), provenance)


def _find(folder: Path, name: str) -> Path:
    path = next(folder.rglob(name), None)
    if path is None:
        raise FileError(f"no {name} in {folder}: extract the Debian package ferret-datasets into it")
    return path


def _package(changelog: Path) -> str:
    first_line = gzip.decompress(changelog.read_bytes()).decode().partition("\n")[0]
    return f"Debian ferret-datasets, {first_line.partition(';')[0]}"


def main(folder: Path, path: Path = FILE) -> None:
    """Write the climatology made from the package in ``folder`` to ``path``."""
    build(folder).write(path)
    print(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m training.sources.climatology FOLDER")
    main(Path(sys.argv[1]))
