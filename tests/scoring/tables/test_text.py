"""CSV in the wild: encodings, line endings and lines that are not rows, as training reads them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from forecasting.errors import FileError
from forecasting.readers.options import ReadingOptions
from forecasting.series.timestep import TimeStep
from scoring.tables.source import Notes
from tests.scoring.tables.series import series_of, values_by_station

LATIN = "time,station,Water temp (°F)\n2001-01-01,Málaga,41\n2001-01-02,Málaga,50\n".encode("latin-1")


@pytest.mark.parametrize("content", [LATIN, gzip.compress(LATIN)], ids=["plain", "gzip"])
def test_latin_1_is_read_in_header_and_cells(tmp_path: Path, content: bytes) -> None:
    path, notes = tmp_path / "in.csv", Notes()
    path.write_bytes(content)
    values, _ = values_by_station(path, notes=notes)
    np.testing.assert_allclose(values.pop("Málaga"), [5, 10])
    assert not values
    assert notes.sentences() == (f"{path}: not valid UTF-8; read as Latin-1",)


def test_the_encoding_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path, notes = tmp_path / "in.csv", Notes()
    rows = [f"2001-01-01T00:{i // 60:02}:{i % 60:02},Málaga,10" for i in range(300)]
    path.write_bytes("\n".join(["time,station,sst", *rows, ""]).encode("utf-8-sig"))
    assert values_by_station(path, notes=notes)[0] == {"Málaga": [10] * 300}
    assert notes.sentences() == ()
    with path.open("ab") as file:
        file.write("2001-02-01,Cádiz,10\n".encode("latin-1"))
    assert list(values_by_station(path)[0]) == ["MÃ¡laga", "Cádiz"]


def test_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(gzip.compress(LATIN)[:-12])
    with pytest.raises(FileError, match="damaged or truncated gzip file"):
        values_by_station(path)


LOGGER = [
    '"Plot Title: Reef; 5"',
    '#,"Date Time, GMT-07:00","Temp, °F (LGR S/N: 123)",Coupler Detached',
    *(f"{i},03/{i:02}/18 12:00:00 AM,50," for i in range(1, 30)),
]


@pytest.mark.parametrize("title", [0, 1])
def test_an_onset_loggers_export_is_read(tmp_path: Path, title: int) -> None:
    path = tmp_path / "in.csv"
    path.write_text("\n".join([*LOGGER[title:], ""]))
    series, errors = series_of([path], tmp_path / "staged", TimeStep.parse("day"), ReadingOptions(dates="mdy"))
    assert errors == {}
    assert series["in"].start == np.datetime64("2018-03-01T07", "s")
    np.testing.assert_allclose(series["in"].values, np.full(29, 10))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(tmp_path: Path, end: str) -> None:
    path = tmp_path / "in.csv"
    rows = [f"2001-01-01T00:{i // 60:02}:{i % 60:02},41" for i in range(300)]
    path.write_bytes(end.join(["# units: degF", "time,sst", *rows, ""]).encode())
    np.testing.assert_allclose(values_by_station(path)[0]["in"], [5] * 300)


def test_a_file_that_is_not_csv_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("time,sst\n2001-01-01," + "1" * 200_000 + "\n")
    with pytest.raises(FileError, match="is not CSV: line 2: field larger than field limit"):
        values_by_station(path)


def test_comments_and_blank_lines_are_skipped_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    text = [f'"buoy",2001-01-01T00:{i // 60:02}:{i % 60:02},{i}' for i in range(900)]
    for at, line in enumerate(
        ["# a comment", "", ",,", '"# so, too"', " , , ", '"","",""', "  # this, and that", "\t"]
    ):
        text.insert(50 + at * 100, line)
    path.write_text("\n".join(["# head", "station,time,sst", *text, "", "# end of data, 900 rows"]))
    assert values_by_station(path)[0] == {"buoy": list(range(900))}


def test_other_rows_are_kept_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f",2001-01-01T00:{i // 60:02}:{i % 60:02},5" for i in range(300)]
    path.write_text("\n".join(["station,time,sst", *rows, '" #7",2001-01-02,6', '"A""B",2001-01-02,7']))
    assert values_by_station(path)[0] == {"": [5] * 300, 'A"B': [7]}
    path.write_text("\n".join(["station,time,sst", *rows, "the end"]))
    with pytest.raises(FileError, match=r"in\.csv: row 301 \('the end'\) has 1 column, but the first row has 3"):
        values_by_station(path)


ROW = ",".join(str(10 + i) for i in range(12))


@pytest.mark.parametrize(
    ("lines", "step", "station", "values"),
    [
        ([f"year,site,{','.join(map(str, range(1, 13)))}", f"2001,pier,{ROW}", f"2002,pier,{ROW}"], "month", "pier",
         [*range(10, 22), *range(10, 22)]),
        (["2001 2002", *(f"{year} {ROW.replace(',', ' ')}" for year in (2001, 2002)), "-9.99"], "month", "in",
         [*range(10, 22), *range(10, 22)]),
        (["#STN YY MM DD hh mm WTMP", "#  yr mo dy hr mn degC", *(f"41 2001 1 {i} 0 0 {9 + i}" for i in range(1, 5))],
         "day", "41", [10, 11, 12, 13]),
        (["#YY MM DD hh mm DEPTH OTMP SAL", "#yr mo dy hr mn m degC psu",
          *(f"2001 1 {i} 0 0 1 {9 + i} 35" for i in range(1, 5))], "day", "in", [10, 11, 12, 13]),
        (["date   sst", *(f"2001-01-0{i}   {9 + i}" for i in range(1, 5))], "day", "in", [10, 11, 12, 13]),
        (["A pier", "", "date,temp", *(f"2001-01-0{i},{9 + i}" for i in range(1, 5))], "day", "in", [10, 11, 12, 13]),
    ],
)  # fmt: skip
def test_other_tables_than_plain_csv_are_read_as_in_training(
    tmp_path: Path, lines: list[str], step: str, station: str, values: list[float]
) -> None:
    path = tmp_path / "in.csv"
    path.write_text("\n".join([*lines, ""]))
    series, errors = series_of([path], tmp_path / "staged", TimeStep.parse(step))
    assert errors == {}
    assert list(series) == [station]
    assert series[station].values.tolist() == values


def test_decimal_commas_are_read_if_commas_do_not_separate_columns(tmp_path: Path) -> None:
    path, notes = tmp_path / "in.csv", Notes()
    path.write_text("\n".join(["Zeit;sst;sst_qc", *(f"2001-01-0{i};{9 + i},5;1" for i in range(1, 5)), ""]))
    assert values_by_station(path, notes=notes)[0] == {"in": [10.5, 11.5, 12.5, 13.5]}
    assert notes.sentences() == (f"{path}: numbers have decimal commas",)
