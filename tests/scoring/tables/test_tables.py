"""Tables in, tables out: every station compared with independent code."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.forks import run
from tests.scoring.commands import score
from tests.scoring.independent import checkpoint, forecast
from tests.scoring.tables.sample import MONTHS, long_frame, long_table, times, values, wide_table

COLUMNS = ["station", "issued", "time", "sst", "lower_80", "upper_80", "model", "version", "chosen", "quality",
           "error", "warnings"]  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, parse_dates=["issued", "time"])


@pytest.mark.parametrize("write", [long_table, wide_table])
@pytest.mark.parametrize(("given", "wanted"), [("in.csv", "out.parquet"), ("in.parquet", "out.csv")])
def test_every_station_is_forecast_like_independent_code(
    artifacts: Path, tmp_path: Path, write: Callable[[Path, int], Path], given: str, wanted: str
) -> None:
    table = write(tmp_path / given, 11)
    command = ("--model", "nino12-gru", "--artifacts", artifacts, "--horizon", 2, "--levels", "80", "--chunk", 100)
    assert score(table, tmp_path / wanted, *command) == 0
    forecasts = read(tmp_path / wanted)
    assert list(forecasts.columns) == COLUMNS
    expected = forecast(checkpoint(artifacts, "nino12", "gru"), values(11), "2010-12", 2)
    np.testing.assert_allclose(forecasts["sst"].to_numpy().reshape(11, 2), expected.T, atol=2e-4)
    assert forecasts["station"].tolist() == [f"S{i:03}" for i in range(11) for _ in range(2)]
    assert set(forecasts["issued"].astype(str)) == {"2010-12-01 00:00:00+00:00"}
    assert forecasts["time"].dt.strftime("%Y-%m").tolist() == ["2011-01", "2011-02"] * 11
    assert forecasts["error"].isna().all()
    assert (forecasts["upper_80"] > forecasts["sst"]).all()


def test_a_folder_of_files_is_one_table(artifacts: Path, tmp_path: Path) -> None:
    frame = long_frame(values(6))
    (tmp_path / "in").mkdir()
    for month, some in frame.groupby("time"):
        some.to_parquet(tmp_path / "in" / f"{month:%Y%m}.parquet", index=False)
    long_table(tmp_path / "whole.parquet", 6)
    for name, source in (("a", "in"), ("b", "whole.parquet")):
        assert score(tmp_path / source, tmp_path / f"{name}.csv", "--dataset", "nino12", "--artifacts", artifacts) == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_chunks_and_processes_do_not_change_the_forecasts(artifacts: Path, tmp_path: Path) -> None:
    table = long_table(tmp_path / "in.csv", 30)
    outputs = []
    for name, options in (("a", ()), ("b", ("--chunk", 90)), ("c", ("--chunk", 90, "--processes", 2))):
        assert score(table, tmp_path / f"{name}.csv", "--dataset", "nino12", "--artifacts", artifacts, *options) == 0
        outputs.append(tmp_path / f"{name}.csv")
    assert outputs[1].read_bytes() == outputs[2].read_bytes()
    np.testing.assert_allclose(read(outputs[0])["sst"], read(outputs[1])["sst"], atol=2e-5)


def test_a_bad_station_does_not_affect_the_others(artifacts: Path, tmp_path: Path) -> None:
    frame = long_frame(values(6)).sample(frac=1, random_state=1)
    frame["time"] = frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = frame["sst"].astype(object)
    at = {name: frame.index[frame["station"] == name] for name in frame["station"].unique()}
    text[at["S001"][0]] = "cold"
    text[at["S002"][3]] = 99.0
    frame.loc[at["S003"][7], "time"] = "yesterday"
    text[frame.index[(frame["station"] == "S004") & (frame["time"] == "2010-12-01T00:00:00Z")]] = ""
    frame["sst"] = text
    frame["sst_qc"] = 1
    frame = frame[(frame["station"] != "S005") | (frame["time"] >= "2010-01")]
    frame.to_csv(tmp_path / "in.csv", index=False)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", "--model", "nino12-gru", "--artifacts", artifacts) == 0
    forecasts: Any = read(tmp_path / "out.csv").set_index("station")
    assert "'cold' in column sst is not a number" in forecasts.loc["S001", "error"]
    assert "99 °C, outside the range of sea temperatures" in forecasts.loc["S002", "error"]
    assert "'yesterday' is not a time such as" in forecasts.loc["S003", "error"]
    assert "12 values are too few: nino12-gru needs at least 24" in forecasts.loc["S005", "error"]
    assert forecasts.loc[["S001", "S002", "S003", "S005"], "sst"].isna().all()
    last = forecast(checkpoint(artifacts, "nino12", "gru"), values(6), "2010-12")[0, 0]
    assert forecasts.loc["S000", "sst"] == pytest.approx(last, abs=2e-4)
    # A station that ends earlier is forecast from where it ends.
    assert f"{forecasts.loc['S004', 'issued']:%Y-%m}" == "2010-11"
    earlier = forecast(checkpoint(artifacts, "nino12", "gru"), values(6)[:-1], "2010-11")[0, 4]
    assert forecasts.loc["S004", "sst"] == pytest.approx(earlier, abs=2e-4)
    summary = json.loads((tmp_path / "out.csv.summary.json").read_text())
    assert (summary["stations"], summary["forecast"], sum(summary["missing"].values())) == (6, 2, 4)
    assert "… values are too few: … needs at least …" in summary["missing"]
    assert "row …: … in column sst is not a number; leave it empty if it is missing" in summary["missing"]


def test_kelvin_in_the_header_and_gaps_are_understood(artifacts: Path, tmp_path: Path) -> None:
    sst = values(3)
    sst[30, 1] = np.nan
    frame = long_frame(sst)
    frame["sst [K]"] = frame.pop("sst") + 273.15
    frame["time"] = frame["time"].dt.strftime("%d/%m/%Y")
    frame.to_csv(tmp_path / "in.csv", index=False, sep=";")
    options = ("--model", "nino12-gru", "--artifacts", artifacts, "--dates", "dmy")
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", *options) == 0
    forecasts = read(tmp_path / "out.csv")
    expected = forecast(checkpoint(artifacts, "nino12", "gru"), sst, "2010-12")[0]
    np.testing.assert_allclose(forecasts["sst"], expected, atol=2e-4)
    assert "gap_filled" in forecasts["warnings"][1]


@pytest.mark.long
def test_ten_times_the_rows_need_no_more_memory(artifacts: Path, tmp_path: Path) -> None:
    few, many = (peak_memory(artifacts, tmp_path, stations) for stations in (5_000, 50_000))
    assert many < few * 1.2, (few, many)
    assert len(times()) == MONTHS


def peak_memory(artifacts: Path, folder: Path, stations: int) -> int:
    """Score a table of so many stations in a process of its own; return the most memory that it had, KiB."""
    table = folder / f"{stations}.parquet"
    long_table(table, stations)
    # Not the peak of getrusage, which counts what the parent had when the process started.
    code = (
        "import re, sys; import sst;"
        "status = sst.run(['score', *sys.argv[1:]]);"
        "print(status, *re.findall(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()))"
    )
    command = [sys.executable, "-c", code, str(table), str(table.with_suffix(".csv")), "--dataset", "nino12"]
    command += ["--artifacts", str(artifacts), "--chunk", "50000"]
    status, peak = run(command).stdout.splitlines()[-1].split()
    assert status == "0"
    return int(peak)


def test_a_refusal_leaves_nothing_behind_and_the_corrected_input_is_scored(artifacts: Path, tmp_path: Path) -> None:
    table, output = tmp_path / "in.csv", tmp_path / "out.csv"
    table.write_text("time,sst\n")
    assert score(table, output, "--dataset", "nino12", "--artifacts", artifacts) == 2
    assert list(tmp_path.iterdir()) == [table]
    frame = long_frame(values(2))
    frame.to_csv(table, index=False)
    assert score(table, output, "--dataset", "nino12", "--artifacts", artifacts) == 0


def test_an_unknown_device_is_refused_before_anything_is_written(artifacts: Path, tmp_path: Path) -> None:
    long_frame(values(2)).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(SystemExit, match="2"):
        score(
            tmp_path / "in.csv",
            tmp_path / "out.csv",
            "--dataset",
            "nino12",
            "--artifacts",
            artifacts,
            "--device",
            "tpu",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_file_names_that_are_not_utf8_are_read_as_latin_1(artifacts: Path, tmp_path: Path, ending: str) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.mkdir(folder)  # noqa: PTH102  a name of bytes
    for i, name in enumerate((b"caf\xe9.csv", "é.csv".encode())):
        table = pd.DataFrame({"time": times(), "sst": values(2)[:, i]})
        table.to_csv(os.fsdecode(os.path.join(folder, name)), index=False)  # noqa: PTH118
    output = tmp_path / f"out.{ending}"
    assert score(tmp_path / "in", output, "--dataset", "nino12", "--artifacts", artifacts) == 0
    assert sorted(read(output)["station"]) == ["café", "é"]
