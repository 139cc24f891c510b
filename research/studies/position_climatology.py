"""``python -m research.studies.position_climatology FOLDER``: the climatology of positions against real series.

The folder has ``places.csv`` (place, step, region, kind, latitude, longitude), ``day.parquet``, ``hour.parquet`` and
``month.parquet`` (place, time, sst). Only values of the years of the climatology count, from places with at least two
values of each calendar month. A region is the mean of its places, whatever their steps.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from forecasting.climatology.annual_cycle import annual_terms, evaluate, monthly_means
from forecasting.climatology.global_climatology import FILE, YEARS, GlobalClimatology
from forecasting.events.baseline import Baseline, Position
from forecasting.series.times import Floats, Times
from research.studies.options import study_parser

_STEPS: Final = ("day", "hour", "month")
_LEAST_VALUES: Final = {"day": 15, "hour": 15 * 24, "month": 1}
"""Values that a month needs, by step."""

_LEAST_MONTHS: Final = 2
_YEARS_OF_DAYS: Final = 2.5
_DAYS_PER_YEAR: Final = 365.25


def main() -> None:
    """Print a row for each kind and region."""
    parser = study_parser(__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--climatology", type=Path, default=FILE, metavar="NPZ", help="to measure (default: bundled)")
    options = parser.parse_args()
    climatology = GlobalClimatology.read(options.climatology)
    places = pd.read_csv(options.folder / "places.csv")
    rows = [row for step in _STEPS for row in _rows(places[places["step"] == step], options.folder, step, climatology)]
    best = pd.DataFrame(rows).drop_duplicates("place")
    table = best.groupby(["kind", "region"]).agg(
        places=("place", "size"), level=("level", "mean"), rms=("level", _rms), shape=("shape", _rms),
        warmest=("warmest", _rms), above=("above", "mean"), below=("below", "mean"), own=("own", "mean"),
    )  # fmt: skip
    print(f"| kind | region | {' | '.join(table.columns)} |")
    print("|---" * (2 + len(table.columns)) + "|")
    for (kind, region), row in zip(table.index, table.to_numpy().tolist(), strict=True):
        print(f"| {' | '.join([kind, region, *(f'{value:.3g}' for value in row)])} |")


def _rows(places: pd.DataFrame, folder: Path, step: str, climatology: GlobalClimatology) -> list[dict[str, object]]:
    values = pd.read_parquet(folder / f"{step}.parquet").set_index("place")
    rows = []
    for place in places.to_dict("records"):
        position = Position(float(place["latitude"]), float(place["longitude"]))
        coefficients = climatology.coefficients(*position).astype(np.float64)
        own = values.loc[[place["place"]]]
        times = pd.DatetimeIndex(own["time"])
        recent = (times.year >= YEARS[0]) & (times.year <= YEARS[1])
        series = pd.Series(own["sst"].to_numpy(np.float64)[recent], times[recent])
        means = series.resample("MS").mean()[series.resample("MS").count() >= _LEAST_VALUES[step]]
        months = means.groupby(pd.DatetimeIndex(means.index).month)
        if np.isnan(coefficients[0]) or len(months) < 12 or months.size().min() < _LEAST_MONTHS:
            continue
        errors = monthly_means(coefficients) - months.mean().to_numpy(np.float64)
        warmest = monthly_means(coefficients).max() - float(months.mean().max())
        row = {name: place[name] for name in ("place", "kind", "region")}
        row |= {"level": errors.mean(), "shape": errors.std(), "warmest": warmest}
        days = series.resample("D").mean().dropna()
        if step != "month" and len(days) >= _YEARS_OF_DAYS * _DAYS_PER_YEAR:
            row |= _shares(days.to_numpy(np.float64), days.index.to_numpy("datetime64[s]"), position, coefficients)
        rows.append(row)
    return rows


def _shares(sst: Floats, times: Times, position: Position, coefficients: Floats) -> dict[str, float]:
    """Return the percentage of days beyond each threshold, and above that about the cycle of the series itself."""
    spread = Baseline.of_position(position, "marine_heatwave").at(times)
    reach = spread[1] - spread[0]
    anomaly, terms = sst - evaluate(coefficients, times), annual_terms(times)
    own = sst - terms @ np.linalg.lstsq(terms, sst, rcond=None)[0]
    shares = {"above": anomaly > reach, "below": anomaly < -reach, "own": own > reach}
    return {name: 100 * float(share.mean()) for name, share in shares.items()}


def _rms(errors: "pd.Series[float]") -> float:
    return float(np.sqrt((errors**2).mean()))


if __name__ == "__main__":
    main()
