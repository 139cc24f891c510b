"""``python -m research.studies.neighbours GRID …``: what the cells around a cell know of its forecasts' errors.

Each file has daily SST on regular latitudes and longitudes; cells with a missing day count as land. The best network of
``ocean-daily`` on held-out seas forecasts each cell from every tenth day. Its errors are regressed on predictors from
around the cell, with one set of coefficients for each lead. The grid is cut into four blocks. In the last 40 % of the
time, each is corrected by coefficients from the first 60 % of the other blocks, without the cells and days near it; and
with several grids, by those from the first 60 % of the others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from scipy.ndimage import map_coordinates, uniform_filter

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import Coefficients
from forecasting.models.base import climatology_at
from forecasting.models.universal.network import UniversalForecaster
from forecasting.series.times import DAY, Floats, Times
from research.studies.daily_places import open_daily
from research.studies.options import study_parser
from scoring.grids.field import Indices

LEADS: Final = (1, 3, 7)
LONGEST: Final = {60: 100, 365: 730}  # days to forecast from, by the fewest
FIRST, EVERY = 364, 10  # first day to forecast from, and days from one to the next
TRAINING, MARGIN_DAYS, MARGIN_CELLS = 0.6, 30, 2
RECENT, RIDGE = 60, 1e-3  # days whose mean departures are from; added to each predictor's sum of squares, of 1
DRIFT_DAYS, DRIFT_LAG, DRIFT_BOX = 20, 4, 7  # the drift is fitted to changes over 4 days, of 20 days and 7 × 7 cells
DRIFT_NOISE, FARTHEST = 0.02, 9.0  # °C a cell that pulls the drift to 0, and cells upstream

OWN: Final = ("departure", "change 1", "change 3", "change 7", "forecast")
RING_1, RING_2 = ([f"ring {distance} {name}" for name in OWN] for distance in (1, 2))
UPSTREAM_DAYS: Final = (2, 4, 7, 14, 21)
UPSTREAM: Final = [f"upstream {days}" for days in UPSTREAM_DAYS]
ALL: Final = [*OWN, *RING_1, *RING_2, *UPSTREAM]
SETS: Final = {
    "own": OWN,
    "rings": [*RING_1, *RING_2],
    "ring 2": RING_2,
    "upstream 14": ["upstream 14"],
    "upstream": UPSTREAM,
    "rings, upstream": [*RING_1, *RING_2, *UPSTREAM],
    "all": ALL,
}


class Study(NamedTuple):
    """Sums of products of predictors and, last, errors: ``(2 periods, leads, cells, names, names)``."""

    products: Floats
    cells: Indices
    gradient: Floats


def box_sum(field: Floats, size: int) -> Floats:
    """Return the sums over boxes of ``size`` × ``size`` cells, ``(…, latitudes, longitudes)``; NaN counts as 0."""
    return np.asarray(uniform_filter(np.nan_to_num(field), size, mode="constant", axes=(-2, -1))) * size**2


def box_mean(field: Floats, size: int) -> Floats:
    """Return the means over the sea in boxes, as :func:`box_sum`."""
    return box_sum(field, size) / np.maximum(box_sum(np.isfinite(field).astype(float), size), 0.5)


def ring(field: Floats, distance: int) -> Floats:
    """Return the mean of the cells at a distance minus that of the cell itself; 0 if all of them are land."""
    outer, inner, sea = 2 * distance + 1, 2 * distance - 1, np.isfinite(field).astype(float)
    count = box_sum(sea, outer) - box_sum(sea, inner)
    mean = (box_sum(field, outer) - box_sum(field, inner)) / np.maximum(count, 0.5)
    return np.where(count > 0.5, mean, field) - field


def gradients(field: Floats) -> list[Floats]:
    """Return the gradients to the north and east, °C a cell, one-sided at coasts; 0 if both neighbours are land."""
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    rows, columns = np.diff(padded[..., 1:-1], axis=-2), np.diff(padded[..., 1:-1, :])
    both = [np.stack([rows[..., 1:, :], rows[..., :-1, :]]), np.stack([columns[..., 1:], columns[..., :-1]])]
    return [np.nan_to_num(pair).sum(axis=0) / np.maximum(np.isfinite(pair).sum(axis=0), 1) for pair in both]


def drift(anomaly: Floats) -> tuple[Floats, Floats]:
    """Return where water comes from, cells a day to the north and east, by least squares of changes on gradients."""
    means = np.stack([anomaly[day : day + DRIFT_LAG].mean(axis=0) for day in range(len(anomaly) - DRIFT_LAG)])
    change = (anomaly[DRIFT_LAG:] - anomaly[:-DRIFT_LAG]) / DRIFT_LAG
    c, n, e = (part - box_mean(part, DRIFT_BOX) for part in (change, *(g + 0 * change for g in gradients(means))))
    pairs = ((n, n), (e, e), (n, e), (n, c), (e, c))
    nn, ee, ne, nc, ec = (box_mean((a * b).mean(axis=0), DRIFT_BOX) for a, b in pairs)
    nn, ee = nn + DRIFT_NOISE**2, ee + DRIFT_NOISE**2
    return (ee * nc - ne * ec) / (nn * ee - ne**2), (nn * ec - ne * nc) / (nn * ee - ne**2)


def upstream(field: Floats, speeds: tuple[Floats, Floats], days: int) -> Floats:
    """Return the values where the water was so many days ago, minus those of the cells; 0 from land."""
    moves = [np.clip(speed * days, -FARTHEST, FARTHEST) for speed in speeds]
    at = [index + move for index, move in zip(np.indices(field.shape), moves, strict=True)]
    layers = (np.isfinite(field).astype(float), np.nan_to_num(field))
    sea, value = (map_coordinates(layer, at, order=1, mode="nearest") for layer in layers)
    return np.where(sea > 0.3, value / np.maximum(sea, 0.3), field) - field


def forecast(
    network: UniversalForecaster, sst: Floats, times: Times, at_sea: Coefficients, origins: Indices, fewest: int
) -> Floats:
    """Forecast from origins, each with at least ``fewest`` days before, °C ``(leads, origins, cells)``."""
    made, size = [], network.pass_size(LONGEST[fewest])
    together = (LONGEST[fewest] - fewest) // EVERY + 1
    for some in np.split(origins, range(together, len(origins), together)):
        values = sst[some[0] + 1 - fewest : some[-1] + 1].T
        at, last = some - some[0] + fewest - 1, np.full(len(values), times[some[-1]].astype(float))
        parts = [slice(begin, begin + size) for begin in range(0, len(values), size)]
        answers = [network.backtest(values[p], last[p], at_sea[p], at, max(LEADS))[..., 0] for p in parts]
        made.append(np.concatenate(answers).swapaxes(0, 1))
    return np.moveaxis(np.concatenate(made)[..., np.asarray(LEADS) - 1], -1, 0)


def study(path: Path, network: UniversalForecaster, fewest: int) -> Study:
    """Forecast the past of a grid, and multiply predictors and errors."""
    with xr.open_dataset(path) as data:
        grid = next(value for value in data.data_vars.values() if value.ndim == 3).transpose("time", ...).load()
    times, field = grid["time"].to_numpy().astype("datetime64[s]"), grid.to_numpy().astype(float)
    sea = np.isfinite(field).all(axis=0)
    field[:, ~sea] = np.nan
    axes = (grid[name].to_numpy().astype(float) for name in grid.dims[1:])
    at_sea = climatology_at(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)[sea])
    origins = np.arange(FIRST, len(field) - 14, EVERY)
    changes = np.full((len(LEADS), len(origins), *sea.shape), np.nan)
    changes[..., sea] = forecast(network, field[:, sea], times, at_sea, origins, fewest) - field[origins][:, sea]
    errors = np.stack([field[origins + lead] - field[origins] for lead in LEADS]) - changes
    field[:, sea] -= evaluate(at_sea.astype(float), times + DAY // 2).T
    departure = field[origins] - np.stack([field[t - RECENT + 1 : t + 1].mean(axis=0) for t in origins])
    own = [departure, *(field[origins] - field[origins - days] for days in (1, 3, 7)), changes]
    drifts = [drift(field[t - DRIFT_DAYS - DRIFT_LAG + 1 : t + 1]) for t in origins]
    moved = [np.stack([*map(upstream, field[origins], drifts, [days] * len(drifts))]) for days in UPSTREAM_DAYS]
    predictors = [*own, *(ring(value, distance) for distance in (1, 2) for value in own), *moved, errors]
    first = origins[int(len(origins) * TRAINING)]
    periods = (origins < first - MARGIN_DAYS, origins >= first)
    products = np.empty((2, len(LEADS), sea.sum(), len(predictors), len(predictors)))
    for lead in range(len(LEADS)):
        columns = np.stack([np.broadcast_to(value, errors.shape)[lead][:, sea] for value in predictors], axis=-1)
        products[:, lead] = [np.einsum("tcp,tcq->cpq", columns[p], columns[p], optimize=True) for p in periods]
    steepness = np.hypot(*gradients(departure))[periods[0]][:, sea]
    return Study(products, np.stack(np.nonzero(sea)), np.sqrt((steepness**2).mean(axis=0)))


def corrected(products: Floats, learned: Floats, names: Sequence[str]) -> Floats:
    """Return the sums of squared errors of cells ``(cells,)`` after a correction, from products ``(cells, n, n)``."""
    chosen = [ALL.index(name) for name in names]
    total = (learned / learned[:, -1:, -1:]).sum(axis=0)
    size = np.sqrt(total.diagonal()[chosen])
    ridge = total[np.ix_(chosen, chosen)] / np.outer(size, size) + RIDGE * np.eye(len(chosen))
    weights = np.linalg.solve(ridge, total[chosen, -1] / size) / size
    signed = np.zeros(len(total))
    signed[chosen], signed[-1] = -weights, 1
    return np.asarray(products @ signed @ signed)


def ratios(one: Study, others: Sequence[Study], names: Sequence[str]) -> str:
    """Return cells of a table: the RMSE with a correction over that without, by third of the cells and lead."""
    training, test = one.products
    after = np.empty(test.shape[:2])
    north, east = one.cells > np.median(one.cells, axis=1, keepdims=True)
    for cells in [half & side for half in (north, ~north) for side in (east, ~east)] if not others else [east | True]:
        inside = one.cells[:, cells]
        beyond = np.maximum(
            one.cells - inside.max(axis=1, keepdims=True), inside.min(axis=1, keepdims=True) - one.cells
        )
        near = (beyond <= MARGIN_CELLS).all(axis=0)
        learned = np.concatenate([study.products[0] for study in others] or [training[:, ~near]], axis=1)
        after[:, cells] = [corrected(test[lead, cells], learned[lead], names) for lead in range(len(LEADS))]
    low, high = np.quantile(one.gradient, (1 / 3, 2 / 3))
    least, largest = one.gradient <= low, one.gradient > high
    thirds = (least | True, least, ~(least | largest), largest)
    rows = [np.sqrt(after[:, t].sum(axis=1) / test[:, t, -1, -1].sum(axis=1)) for t in thirds]
    return " | ".join(" / ".join(f"{ratio:.3f}" for ratio in row) for row in rows)


def main() -> None:
    """Print a row for each grid, source of coefficients, and set of predictors."""
    parser = study_parser(__doc__)
    parser.add_argument("grids", nargs="+", type=Path, metavar="GRID", help="NetCDF file of daily SST")
    parser.add_argument("--context", type=int, choices=LONGEST, default=365, help="fewest days to forecast from")
    options = parser.parse_args()
    release = open_daily(options)
    network = release.networks[release.best_on_held_out]
    studies = {path.stem: study(path, network, options.context) for path in options.grids}
    print("| grid | coefficients | predictors | all cells | least gradients | between | largest |")
    print("|---" * 7 + "|")
    for name, one in studies.items():
        others = [other for other in studies.values() if other is not one]
        for label, names in SETS.items():
            print(f"| {name} | other blocks | {label} | {ratios(one, [], names)} |")
            if others:
                print(f"| {name} | other grids | {label} | {ratios(one, others, names)} |")


if __name__ == "__main__":
    main()
