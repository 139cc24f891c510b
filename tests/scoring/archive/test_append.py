"""``sst score --append``: each run adds one file to an archive, and changes none."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecasting.readers import read_csv
from forecasting.releases.catalog import load_forecaster
from tests.conftest import NINO12
from tests.scoring.archive.tables import append, appended, files, growing, read, until
from tests.scoring.commands import caught, damaged, exists, finish, score, snapshot, work_folders
from tests.scoring.grids.sample import oisst, save, temperatures
from tests.scoring.tables.sample import long_table, station, walk


def test_each_morning_adds_a_file_and_keeps_those_before(seas: Path, tmp_path: Path) -> None:
    archive, table = tmp_path / "archive.parquet", growing()
    assert append(until(table, 40, tmp_path / "in.csv"), archive, seas) == 0
    first = snapshot(archive)
    assert append(until(table, 41, tmp_path / "in.csv"), archive, seas) == 0
    assert len(files(archive)) == 2
    assert snapshot(archive).items() > first.items()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["archive.parquet", "in.csv"]


def test_a_row_says_what_was_issued_and_when(seas: Path, tmp_path: Path) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(), 40, tmp_path / "in.csv")
    before = pd.Timestamp.now("UTC").floor("s")
    assert append(given, archive, seas) == 0
    after = pd.Timestamp.now("UTC")
    assert score(given, tmp_path / "out.csv", "--artifacts", seas, "--horizon", 3, "--levels", "50,80,95") == 0
    expected = pd.read_csv(tmp_path / "out.csv", parse_dates=["issued", "time"])
    rows = read(archive)
    assert rows["issued"].nunique() == 1
    assert before <= rows["issued"][0] <= after
    assert rows["observed_until"].tolist() == expected["issued"].tolist()
    assert rows["time"].tolist() == expected["time"].tolist()
    same = ["station", "model", "version", "chosen", "sst", "lower_50", "upper_50", "lower_80", "upper_95", "quality"]
    pd.testing.assert_frame_equal(rows[same], expected[same], check_dtype=False)
    assert rows["lead"].tolist() == [1, 2, 3] * 2
    assert set(rows["asked"]) == {"best"}
    assert set(rows["step"]) == {"day"}
    assert rows["replayed"].all()
    last = pd.read_csv(given).groupby("station")["sst"].last().repeat(3)
    np.testing.assert_allclose(rows["baseline_persistence"], last, atol=1e-6)
    (file,) = files(archive)
    assert file.parent.name == f"issued_month={rows['issued'][0]:%Y-%m}"


def test_a_forecast_from_todays_readings_is_not_replayed(seas: Path, tmp_path: Path) -> None:
    days = pd.date_range(end=pd.Timestamp.now("UTC").floor("D"), periods=40).strftime("%Y-%m-%d")
    station("a", walk(40)).assign(time=days).to_csv(tmp_path / "in.csv", index=False)
    assert append(tmp_path / "in.csv", tmp_path / "archive.parquet", seas) == 0
    assert not read(tmp_path / "archive.parquet")["replayed"].any()


def test_a_model_of_a_place_has_the_baselines_of_its_own_past(artifacts: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive.parquet"
    assert score(NINO12, "--append", archive, "--artifacts", artifacts, "--model", "nino12-gru", "--horizon", 2) == 0
    rows = read(archive)
    forecast = load_forecaster("nino12-gru", artifacts).forecast(read_csv(NINO12), 2)
    assert set(forecast.baselines) == {"persistence", "climatology", "damped", "linear"}
    for name, values in forecast.baselines.items():
        np.testing.assert_allclose(rows[f"baseline_{name}"], values, atol=1e-5)
    assert rows["baseline_usual_change"].isna().all()
    assert set(zip(rows["usual_years"], rows["usual_source"], strict=True)) == {("1950-2010", "series")}
    assert set(rows["step"]) == {"month"}


def test_the_same_job_twice_adds_nothing_and_says_so(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(), 40, tmp_path / "in.csv")
    assert append(given, archive, seas) == 0
    before = snapshot(archive)
    capsys.readouterr()
    # Another name and other chunks: the same forecasts.
    copy = tmp_path / "copy.csv"
    copy.write_bytes(given.read_bytes())
    for arguments in ((given,), (copy, "--chunk", 1)):
        assert append(arguments[0], archive, seas, *arguments[1:]) == 0
        output = capsys.readouterr().out
        assert output.count("\n") == 1
        assert "already holds these forecasts, in " in output
    assert snapshot(archive) == before
    assert not work_folders(archive)
    assert append(given, archive, seas, "--model", "gru") == 0
    assert set(read(archive)["asked"]) == {"best", "gru"}


@pytest.mark.long
def test_processes_add_the_rows_that_one_process_adds(seas: Path, tmp_path: Path) -> None:
    given = until(growing(4), 40, tmp_path / "in.csv")
    assert append(given, tmp_path / "one.parquet", seas, "--chunk", 40) == 0
    assert append(given, tmp_path / "two.parquet", seas, "--chunk", 40, "--processes", 2) == 0
    first, second = (read(tmp_path / f"{name}.parquet").drop(columns="issued") for name in ("one", "two"))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize("moment", ["parts/000001.part", "placed"])
def test_a_killed_run_leaves_no_half_file_and_the_next_completes_it(seas: Path, tmp_path: Path, moment: str) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(6), 40, tmp_path / "in.csv")
    tries = 1 if moment == "placed" else 8
    caught(archive, exists(moment), given, *appended(archive, seas), "--chunk", 40, tries=tries)
    for file in files(archive):
        assert len(pd.read_parquet(file)) == 18
    assert append(given, archive, seas, "--chunk", 40) == 0
    assert len(read(archive)) == 18
    assert not work_folders(archive)


def test_the_empty_folder_of_a_month_that_a_killed_run_left_is_used(seas: Path, tmp_path: Path) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(6), 40, tmp_path / "in.csv")
    (archive / "issued_month=2020-01").mkdir(parents=True)
    assert append(given, archive, seas) == 0
    assert len(read(archive)) == 18


def test_the_work_of_a_killed_run_does_not_stop_the_run_of_the_next_morning(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table, given = tmp_path / "archive.parquet", growing(6), tmp_path / "in.csv"
    until(table, 40, given)
    caught(archive, exists("parts/000000.part"), given, *appended(archive, seas), "--chunk", 40)
    assert append(until(table, 41, given), archive, seas, "--chunk", 40) == 0
    assert "discarding an unfinished run: the input has changed" in capsys.readouterr().err
    assert set(read(archive)["observed_until"].dt.strftime("%m-%d")) == {"02-10"}


def test_a_failed_chunk_adds_nothing_until_the_same_command_succeeds(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(6), 40, tmp_path / "in.csv")
    caught(archive, exists("staged"), given, *appended(archive, seas), "--chunk", 40)
    (work,) = work_folders(archive)
    with damaged(work, 2):
        assert append(given, archive, seas, "--chunk", 40) == 3
        assert f"nothing was added to {archive}" in capsys.readouterr().err
        assert not archive.exists()
    assert append(given, archive, seas, "--chunk", 40) == 0
    assert len(read(archive)) == 18


@pytest.mark.long
def test_two_jobs_at_once_both_add_their_forecasts(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, table = tmp_path / "archive.parquet", growing()
    given, other = until(table, 40, tmp_path / "in.csv"), until(table, 41, tmp_path / "other.csv")
    first = caught(archive, exists("plan.json"), given, *appended(archive, seas), sent=signal.SIGSTOP)
    assert append(other, archive, seas) == 0
    # The same job waits, and is refused.
    assert append(given, archive, seas) == 2
    assert "another command is writing" in capsys.readouterr().err
    os.kill(first.pid, signal.SIGCONT)
    assert finish(first)[0] == 0
    assert len(files(archive)) == 2
    assert set(read(archive)["observed_until"].dt.strftime("%m-%d")) == {"02-09", "02-10"}


def test_nothing_is_added_and_the_status_is_3_if_no_station_can_be_forecast(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, given = tmp_path / "archive.parquet", until(growing(), 5, tmp_path / "in.csv")
    assert append(given, archive, seas) == 3
    assert "nothing could be forecast: a forecast needs at least" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [given]


def test_a_path_that_cannot_be_an_archive_is_refused(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = until(growing(), 40, tmp_path / "in.csv")
    archive, file, other = tmp_path / "archive.parquet", tmp_path / "file.parquet", tmp_path / "other"
    file.touch()
    other.mkdir()
    (other / "notes.txt").touch()
    cases: list[tuple[list[object], str]] = [
        ([given, "--append", file], "is a file, and --append adds to a folder of Parquet files"),
        ([given, "--append", other], "is a folder with other files; choose another name"),
        ([given, "--append", tmp_path / "a.csv"], "an archive is a folder of Parquet files; name it a.parquet"),
        ([given, "--append", tmp_path / "no" / "a.parquet"], "does not exist; create it first"),
        ([given, "--append", archive, "--overwrite"], "an archive only grows; leave it out"),
        ([given, tmp_path / "out.csv", "--append", archive], "--append replaces OUTPUT"),
        ([save(oisst(temperatures()), tmp_path / "in.nc"), "--append", archive], "is a grid, but --append takes"),
    ]  # fmt: skip
    for arguments, reason in cases:
        assert score(*arguments, "--artifacts", seas) == 2, arguments
        assert reason in capsys.readouterr().err
    assert not archive.exists()
    assert not work_folders(archive)


def test_an_existing_output_points_to_the_archive(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output = long_table(tmp_path / "in.csv", 2), tmp_path / "out.csv"
    output.touch()
    assert score(table, output, "--dataset", "nino12", "--artifacts", artifacts) == 2
    assert "or keep the forecasts of every run with --append ARCHIVE.parquet" in capsys.readouterr().err
