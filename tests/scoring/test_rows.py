"""What batch scoring takes a table's columns for, beside what training does."""

from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.readers.options import Options
from scoring.tables.notes import Notes
from scoring.tables.rows import Stations, take_rows
from scoring.tables.source import read_batches
from tests.scoring.reading import taken


def first_time(path: Path) -> str:
    """Of the first row, UTC."""
    (batch,) = read_batches([path], Options(), Notes())
    (rows,) = take_rows(batch, Options(), Stations())
    return str(np.datetime64(int(rows["time"][0]), "s"))


def test_a_sentinel_of_single_precision_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    values = np.array([14.5, -99.9, 15], dtype=np.float32)
    pd.DataFrame({"time": ["2001-01-01", "2001-01-02", "2001-01-03"], "sst": values}).to_parquet(path)
    np.testing.assert_array_equal(taken(path, Options(missing=(-99.9,)))[0]["in"], [14.5, np.nan, 15])


def test_units_are_those_that_the_header_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": ["2001-01-01", "2001-01-02"], "wtmp_F": [41.0, 50.0]})
    frame.to_parquet(tmp_path / "in.parquet")
    frame.to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "remark.csv").write_text("# units: degF\ntime,sst\n2001-01-01,41\n2001-01-02,50\n")
    for name in ("in.parquet", "in.csv", "remark.csv"):
        (values,) = taken(tmp_path / name)[0].values()
        np.testing.assert_allclose(values, [5, 10])


def test_a_column_of_units_is_held_to_in_every_row(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f"2001-01-{1 + k // 24:02}T{k % 24:02}:00,pier,41,degF" for k in range(300)]
    path.write_text("\n".join(["time,station,sst,unit", *rows, "2001-02-01T00:00,buoy,5,degC"]) + "\n")
    found, stations = taken(path)
    np.testing.assert_allclose(found["pier"], 5)
    assert list(stations.errors) == [1]
    assert "row 301: column unit has 'degC' where the first rows have fahrenheit; keep" in stations.errors[1]


def test_the_header_says_whose_clock_the_times_go_by_and_what_they_count(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("time (UTC+2),sst\n2001-01-01T00:00:00,10\n2001-01-02T00:00:00,10\n")
    assert first_time(path) == "2000-12-31T22:00:00"
    path.write_text("time,sst\nhours since 2001-01-01,degC\n6,10\n12,10\n")
    assert first_time(path) == "2001-01-01T06:00:00"


def test_what_excel_says_of_separators_is_heeded(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sep=|\ntime|sst\n2001-01-01|10\n2001-01-02|11\n")
    assert taken(tmp_path / "in.csv")[0] == {"in": [10, 11]}
