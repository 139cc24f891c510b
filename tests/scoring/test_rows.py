"""What batch scoring takes a table's columns for, beside what training does."""

from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.readers.options import Options
from scoring.tables.rows import Stations, take_rows
from scoring.tables.source import read_batches


def taken(path: Path, options: Options | None = None) -> tuple[dict[str, list[float]], Stations]:
    """°C by station, and the stations."""
    stations, options = Stations(), options or Options()
    found: dict[str, list[float]] = {}
    for batch in read_batches([path], options):
        for rows in take_rows(batch, options, stations):
            for number in np.unique(rows["station"]).tolist():
                found.setdefault(stations.names[number], []).extend(rows["sst"][rows["station"] == number].tolist())
    return found, stations


def test_a_sentinel_of_single_precision_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    values = np.array([14.5, -99.9, 15], dtype=np.float32)
    pd.DataFrame({"time": ["2001-01-01", "2001-01-02", "2001-01-03"], "sst": values}).to_parquet(path)
    np.testing.assert_array_equal(taken(path, Options(missing=(-99.9,)))[0]["in"], [14.5, np.nan, 15])
