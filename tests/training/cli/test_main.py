"""The training command, as a user runs it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import sst
from forecasting.releases.release import current_version, versions
from tests.conftest import NINO12
from tests.forks import Process
from tests.processes import spawned, wait_until

TINY = ("--epochs", "1", "--hidden", "2", "--horizon", "1", "--from-scratch")


@pytest.mark.long
def test_the_accuracy_table_is_printed_and_the_release_serves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sst.run(["train", "--data", str(NINO12), "--name", "nino12", "--out", str(tmp_path), *TINY]) == 0
    printed = capsys.readouterr().out
    assert "732 values, one a month, from 1950-01-01 to 2010-12-01" in printed
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    assert [row.split("|")[1].strip() for row in rows] == [
        *("Model", "-" * 28, "RNN", "LSTM", "GRU"),
        *("persistence", "climatology", "damped anomaly persistence", "linear autoregression"),
    ]
    assert ", chosen on the validation part, is " in printed
    assert f"{current_version(tmp_path / 'nino12')} is now serving" in printed


@pytest.mark.long
def test_old_releases_are_kept_on_request_and_can_serve_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--out", str(tmp_path)]
    arguments = ["--data", str(NINO12), "--name", "nino12", *folder, *TINY, "--cells", "rnn", "--keep", "1"]
    for _ in range(3):
        assert sst.run(["train", *arguments]) == 0
    older, newer = versions(tmp_path / "nino12")
    assert sst.run(["rollback", "nino12", *folder]) == 0
    assert f"{older} is now serving" in capsys.readouterr().out
    assert current_version(tmp_path / "nino12") == older
    assert sst.run(["rollback", "nino12", *folder]) == 2
    assert "no release older" in capsys.readouterr().err
    assert sst.run(["rollback", "nino12", newer, *folder]) == 0


def csv(folder: Path, *rows: str) -> Path:
    path = folder / "series.csv"
    path.write_text("\n".join(("time,sst", *rows)) + "\n")
    return path


def days(n: int) -> list[str]:
    return [f"2001-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(n)]


TWO = ["2001-01-01,15", "2001-01-02,15"]


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([f"{day},15" for day in days(20)], [], "20 values are too few to train on"),
        (["2001-01-01,15", "2001-01-02,15", "2001-01-09,15", "2001-03-01,15"], [], "not regular"),
        (["2001-01-01,", "2001-01-02,"], [], "every value of the series is missing"),
        (["2001-01-01,15", "2001-01-02,-999", "2001-01-03,14"], [], "line 3 is -999 °C"),
        (["2001-01-01,290", "2001-01-02,291"], [], "look like kelvin"),
        ([f"{day},15" for day in days(252)], ["--horizon", "57"], "a horizon of 57 need at least 285"),
        (TWO, ["--sample", "1"], "--sample 1: draw two or more cells"),
        (["2001-01-01,15"], ["--value-column", "wtmp"], "no column 'wtmp'; its columns are time, sst"),
        (["2001-01-01,15"], ["--time-column", "when"], "no column 'when'"),
        (TWO, ["--window", "1"], "--window 1 is out of range: choose a value from 2 to 1000"),
        (TWO, ["--cells", "transformer"], "cells are rnn, lstm, gru"),
        (TWO, ["--device", "tpu"], "unknown device 'tpu': choose auto, cpu, cuda or cuda:N"),
        (TWO, ["--device", "cuda:64"], "device 'cuda:64' is not available: torch finds"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_in_one_sentence_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[str], options: list[str], sentence: str
) -> None:
    arguments = ["--data", str(csv(tmp_path, *rows)), "--name", "x", "--out", str(tmp_path / "out"), *options]
    with pytest.raises(SystemExit) as ended:
        sys.exit(sst.run(["train", *arguments]))
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert str(tmp_path / "series.csv") in printed or options
    assert not (tmp_path / "out").exists()


def test_an_invalid_name_is_refused_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sst.run(["train", "--data", str(tmp_path / "absent.csv"), "--name", "../x", "--out", str(tmp_path)]) == 2
    assert "is not a valid dataset name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert sst.run(["train", "--data", str(NINO12), "--name", "nino12", "--out", str(tmp_path / "file"), *TINY]) == 2
    assert f"cannot write the release to {tmp_path / 'file' / 'nino12'}: " in capsys.readouterr().err


def test_a_full_disk_is_reported_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--data", str(NINO12), "--name", "nino12", "--out", str(tmp_path), *TINY, "--cells", "gru", "--quiet"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_240, limits[1]))
    try:
        assert sst.run(["train", *command]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refusal = f"sst train: cannot write the release to {tmp_path / 'nino12'}: File too large\n"
    assert capsys.readouterr().err == refusal
    assert not versions(tmp_path / "nino12")


@pytest.mark.long
@pytest.mark.parametrize(("interrupt", "begun"), [(signal.SIGINT, 0), (signal.SIGINT, 1), (signal.SIGTERM, 1)])
def test_an_interrupted_run_leaves_the_earlier_release_in_place(
    artifacts: Path, tmp_path: Path, interrupt: signal.Signals, begun: int
) -> None:
    shutil.copytree(artifacts / "nino12", tmp_path / "nino12")
    before = sorted(path.name for path in (tmp_path / "nino12").rglob("*"))
    command = [sys.executable, "-m", "training", "--data", str(NINO12), "--name", "nino12", "--out", str(tmp_path)]
    process = Process(
        [*command, "--epochs", "9999", "--workers", "2", "--from-scratch"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # the file has been read, and training begins

    def has_begun() -> bool:
        assert process.poll() is None, "training ended before it was interrupted"
        return len(spawned(process.pid)) >= begun

    wait_until(has_begun, "no process was started to train in")
    process.send_signal(interrupt)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "interrupted; nothing was published or replaced" in errors
    assert "Traceback" not in errors
    assert sorted(path.name for path in (tmp_path / "nino12").rglob("*")) == before
