"""What batch scoring takes a table's columns for, beside what training does."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as papq
import pytest

from forecasting.errors import FileError
from forecasting.readers.options import ReadingOptions
from forecasting.series.timestep import TimeStep
from scoring.tables.source import BLOCK, Notes, read_batches
from scoring.tables.staging import StagedTable
from tests.scoring.tables.series import series_of, values_by_station


def test_a_sentinel_of_single_precision_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    values = np.array([14.5, -99.9, 15], dtype=np.float32)
    pd.DataFrame({"time": ["2001-01-01", "2001-01-02", "2001-01-03"], "sst": values}).to_parquet(path)
    np.testing.assert_array_equal(
        values_by_station(path, ReadingOptions(missing=(-99.9,)))[0]["in"], [14.5, np.nan, 15]
    )


def test_units_are_those_that_the_header_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"time": ["2001-01-01", "2001-01-02"], "wtmp_F": [41.0, 50.0]})
    frame.to_parquet(tmp_path / "in.parquet")
    frame.to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "remark.csv").write_text("# units: degF\ntime,sst\n2001-01-01,41\n2001-01-02,50\n")
    for name in ("in.parquet", "in.csv", "remark.csv"):
        (values,) = values_by_station(tmp_path / name)[0].values()
        np.testing.assert_allclose(values, [5, 10])


def test_a_column_of_units_applies_to_every_row(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f"2001-01-{1 + i // 24:02}T{i % 24:02}:00,pier,41,degF" for i in range(300)]
    path.write_text("\n".join(["time,station,sst,unit", *rows, "2001-02-01T00:00,buoy,5,degC"]) + "\n")
    values, stations = values_by_station(path)
    np.testing.assert_allclose(values["pier"], 5)
    assert list(stations.errors) == [1]
    assert "row 301: column unit has 'degC', but the first rows have fahrenheit; keep" in stations.errors[1]


def test_the_header_gives_the_time_zone_and_the_unit_of_times(tmp_path: Path) -> None:
    for name, content, wanted in (
        ("a", "time (UTC+2),sst\n2001-01-01T00:00:00,10\n2001-01-02T00:00:00,10\n", "2000-12-31T22"),
        ("b", "time,sst\nhours since 2001-01-01,degC\n6,10\n12,10\n", "2001-01-01T06"),
    ):
        path = tmp_path / f"{name}.csv"
        path.write_text(content)
        series, _ = series_of([path], tmp_path / name, TimeStep.parse("day"))
        assert series[name].start == np.datetime64(wanted, "s")


def test_the_separator_line_of_excel_is_used(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sep=|\ntime|sst\n2001-01-01|10\n2001-01-02|11\n")
    assert values_by_station(tmp_path / "in.csv")[0] == {"in": [10, 11]}


def test_stations_are_named_after_files_without_their_extensions(tmp_path: Path) -> None:
    names = ("buoy.41001.csv", "buoy.41002.csv.gz", "41003", "41004.CSV", "v2.pq", "pier.dat")
    for name in names:
        content = b"time,sst\n2001-01-01,10\n2001-01-02,11\n"
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    series, errors = series_of([tmp_path / name for name in names], tmp_path / "staged", TimeStep.parse("day"))
    assert list(series) == ["buoy.41001", "buoy.41002", "41003", "41004", "v2", "pier"]
    assert errors == {}


def test_files_with_the_same_name_are_one_station_and_are_named_if_times_repeat(tmp_path: Path) -> None:
    files = [tmp_path / folder / f"{name}.csv" for name in ("a", "b") for folder in ("x", "y")]
    for file, day in zip(files, (1, 3, 1, 1), strict=True):
        file.parent.mkdir(exist_ok=True)
        file.write_text("time,sst\n" + "".join(f"2001-01-{day + i:02},10\n" for i in range(2)))
    series, errors = series_of(files, tmp_path / "staged", TimeStep.parse("day"))
    assert len(series["a"].values) == 4
    assert errors["b"].startswith("2 of 4 times are repeated")
    assert errors["b"].endswith(f"Keep one; its rows come from '{files[2]}' and '{files[3]}'")
    (note,) = StagedTable.read(tmp_path / "staged").notes
    together = f"read as one station, a, together with {files[1]} of the same name"
    assert note == f"{files[0]}: {together}; so are the files of 1 other station"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(("form", "first"), [("%d/%m/%Y", "2001-02-01"), ("%m/%d/%Y", "2001-02-01")])
def test_the_whole_file_decides_the_order_of_dates(tmp_path: Path, ending: str, form: str, first: str) -> None:
    days = pd.date_range(first, periods=40)
    frame = pd.DataFrame({"station": [f"S{i:04}" for i in range(300)] * 40, "sst": 10.0})
    frame["date"] = np.repeat(days.strftime(form), 300)
    path = tmp_path / f"in.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)
    series, errors = series_of([path], tmp_path / "staged", TimeStep.parse("day"))
    assert errors == {}
    assert {str(member.start) for member in series.values()} == {"2001-02-01T00:00:00"}
    assert {len(member.values) for member in series.values()} == {40}


def test_ambiguous_dates_in_a_block_have_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    days = [f"{1 + i // 24 % 28:02}/02/2001 {i % 24:02}:00" for i in range(28 * 24)] + ["01/03/2001 00:00"]
    buoy = "a buoy with a name that fills the blocks of a file sooner than a short one would do"
    late = [f"{buoy} {i % 900},0{1 + i // 900}/03/2001 00:00,10" for i in range(8_100)] * 3
    path.write_text("\n".join(["station,time,sst", *(f"pier,{day},10" for day in days), *late, ""]))
    assert path.stat().st_size > BLOCK
    series, _ = series_of([path], tmp_path / "staged", TimeStep.parse("hour"))
    assert len(series["pier"].values) == 28 * 24 + 1


def test_ambiguous_dates_throughout_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("time,sst\n" + "".join(f"0{1 + i % 9}/0{1 + i // 9}/2001,10\n" for i in range(80)) * 5)
    with pytest.raises(
        FileError, match=r"no other line settles which; .*, or set the order with dates='dmy' or dates='mdy'"
    ):
        values_by_station(path)


def test_columns_that_are_not_places_are_ignored_and_reported(tmp_path: Path) -> None:
    files = [tmp_path / "in.csv", tmp_path / "in.parquet"]
    frame = pd.DataFrame({"time": ["2001-01-01", "2001-01-02"], "pier": 10.0, "wharf": 11.0, "air_temp": 5.0})
    frame.to_csv(files[0], index=False)
    frame.to_parquet(files[1], index=False)
    for file in files:
        notes = Notes()
        assert list(values_by_station(file, notes=notes)[0]) == ["pier", "wharf"]
        assert notes.sentences() == (f"{file}: ignored columns that are not named after a place: air_temp",)


def test_wrong_numbers_and_files_are_reported_as_in_training(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("time;sst\n2001-01-01;3,25\n2001-01-02;3.5\n")
    _, stations = values_by_station(path)
    assert stations.errors == {0: "row 1: '3,25' in column sst is not a number; write it with a decimal point"}
    for content, message in (
        (b"<html>no</html>", "is a web page; download the data itself"),
        (b'Error {\n    code=404;\n    message="Not Found";\n}\n', "an error message of an ERDDAP server: Not Found"),
        ("time,sst\n2001-01-01,3".encode("utf-16"), "is encoded in UTF-16"),
        (b"PK\x03\x04 and so on", "is a ZIP archive or an Excel workbook"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=message):
            values_by_station(path)


@pytest.mark.parametrize("by", ["lat", "time"])
def test_places_are_stations_if_times_would_repeat(tmp_path: Path, by: str) -> None:
    days = pd.date_range("2001-01-01", periods=300).strftime("%Y-%m-%d")
    frame = pd.concat([pd.DataFrame({"time": days, "lat": lat, "lon": -9.5, "sst": lat / 4}) for lat in (44.0, 45.0)])
    frame.loc[frame.index == 7, "lon"] = np.nan
    path = tmp_path / "in.csv"
    frame.sort_values(by, kind="stable").to_csv(path, index=False)
    series, errors = series_of([path], tmp_path / "a", TimeStep.parse("day"))
    assert errors == {}
    assert {name: np.nanmax(member.values) for name, member in series.items()} == {"44N 9.5W": 11, "45N 9.5W": 11.25}
    assert [int(np.isnan(member.values).sum()) for member in series.values()] == [1, 1]


def test_a_drifting_buoy_is_one_station(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    days = pd.date_range("2001-01-01", periods=30).strftime("%Y-%m-%d")
    pd.DataFrame({"time": days, "lat": np.arange(30) / 10, "lon": 9, "sst": 10.0}).to_csv(path, index=False)
    series, _ = series_of([path], tmp_path / "a", TimeStep.parse("day"))
    assert len(series["in"].values) == 30


def test_blanks_around_cells_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("station, time, sst\nA, 2001-01-01, 10\nA , 2001-01-02, 11\n")
    series, errors = series_of([path], tmp_path / "a", TimeStep.parse("day"))
    assert errors == {}
    np.testing.assert_array_equal(series["A"].values, [10, 11])


def test_flags_of_another_scheme_are_reported_and_not_used(tmp_path: Path) -> None:
    path, other = tmp_path / "qartod.csv", tmp_path / "other.csv"
    path.write_text("time,sst,sst_qc\n2001-01-01,10,1\n2001-01-02,11,4\n")
    other.write_text("time,sst,sst_qc\n2001-01-01,10,5\n2001-01-02,11,4\n")
    notes = Notes()
    values, _ = values_by_station(path, notes=notes)
    np.testing.assert_array_equal(values["qartod"], [10, np.nan])
    values, _ = values_by_station(other, notes=notes)
    assert values["other"] == [10, 11]
    (message,) = notes.sentences()
    assert "sst_qc was not used, as 5 are not QARTOD flags" in message


def test_the_memory_of_a_parquet_file_does_not_grow_with_its_row_groups(tmp_path: Path) -> None:
    path, rows = tmp_path / "in.parquet", 100_000
    random = np.random.default_rng(1)
    times = np.datetime64("2001-01-01", "s") + 3_600 * np.arange(rows)
    with papq.ParquetWriter(path, pa.schema({"time": pa.timestamp("s"), "sst": pa.float64()})) as file:
        for _ in range(30):
            file.write_table(pa.table({"time": times, "sst": random.normal(15, 1, rows)}, schema=file.schema))
    before = pa.total_allocated_bytes()
    kept = [pa.total_allocated_bytes() - before for _ in read_batches([path], ReadingOptions(), Notes())]
    assert max(kept) < path.stat().st_size / 4


def test_row_groups_of_a_station_each_are_read_together_to_find_the_values(tmp_path: Path) -> None:
    path, times = tmp_path / "in.parquet", np.datetime64("2001-01-01", "s") + 3_600 * np.arange(24)
    frames = [
        pd.DataFrame({"station": pd.Categorical([name] * 24, ["buoy", "pier"]), "time": times, "value": value})
        for name, value in (("buoy", np.nan), ("pier", 15.0))
    ]
    schema = pa.Schema.from_pandas(frames[0])
    with papq.ParquetWriter(path, schema) as file:
        for frame in frames:
            file.write_table(pa.Table.from_pandas(frame, schema))
    np.testing.assert_array_equal(values_by_station(path)[0]["pier"], [15.0] * 24)


@pytest.mark.parametrize(
    ("names", "last", "message"),
    [
        (["time", "sst", "sst"], pa.array([11.0]), "has several columns called sst; keep one of them"),
        (["time", "depth", "sst"], pa.array([[11.0, 12.0]]), "column sst holds lists or structs; write one value"),
    ],
)
def test_columns_of_parquet_that_no_table_can_have_are_refused(
    tmp_path: Path, names: list[str], last: pa.Array, message: str
) -> None:
    path = tmp_path / "in.parquet"
    papq.write_table(pa.table([pa.array(["2001-01-01"]), pa.array([1.0]), last], names=names), path)
    with pytest.raises(FileError, match=message):
        values_by_station(path)
