"""Chunks that cannot be scored: tried again, recorded, and reported; the others are done."""

import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.timestep import TimeStep
from scoring.job import Failure
from scoring.models import models_for_table
from scoring.work import working
from tests.scoring.commands import (
    caught,
    damaged,
    exists,
    finish,
    members,
    parent,
    parts,
    score,
    snapshot,
    start,
    work_folder,
)
from tests.scoring.grids.sample import oisst, opened, save, temperatures
from tests.scoring.tables.sample import long_table


def test_a_chunk_that_cannot_be_read_is_tried_three_times_and_reported_with_status_3(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = long_table(tmp_path / "in.csv", stations=30)
    wanted, output = tmp_path / "wanted.csv", tmp_path / "out.csv"
    common = ("--model", "nino12-gru", "--artifacts", artifacts, "--chunk", "200")
    assert score(table, wanted, *common) == 0
    caught(output, exists("staged"), table, output, *common)
    capsys.readouterr()
    with damaged(work_folder(output), 2):
        assert score(table, output, *common) == 3
        errors = capsys.readouterr().err
        assert errors.count("retrying 1 failed chunks; chunk 2: IsADirectoryError") == 2
        assert "1 of 6 chunks failed; chunk 2: IsADirectoryError" in errors
        # The others are there, and those of the failed one say why they are not.
        rows, all_rows = output.read_text().splitlines(), wanted.read_text().splitlines()
        without = [i for i, row in enumerate(rows) if "IsADirectoryError" in row]
        assert (len(rows), len(without)) == (31, 5)
        kept = [i for i in range(31) if i not in without]
        assert [rows[i] for i in kept] == [all_rows[i] for i in kept]
        summary = json.loads((tmp_path / "out.csv.summary.json").read_text())
        assert summary["missing"] == {"its chunk failed": 5}
    # Mended, the same command scores that chunk alone, and nothing shows any more.
    assert score(table, output, *common) == 0
    assert "resuming: 5 of 6 chunks are already finished" in capsys.readouterr().err
    assert output.read_bytes() == wanted.read_bytes()
    assert not work_folder(output).exists()


def test_a_reason_that_a_killed_command_has_half_written_is_no_failure(tmp_path: Path) -> None:
    with working(tmp_path / "out.csv", restart=False) as work:
        (work.path / "failed" / ".000002.0badcafe").touch()
        assert work.failures() == {}
        work.record(2, Failure("no such file"))
        assert work.failures() == {2: "no such file"}


def test_nothing_is_written_and_the_status_is_3_if_every_chunk_fails(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output = long_table(tmp_path / "in.csv", stations=3), tmp_path / "out.csv"
    common = ("--model", "nino12-gru", "--artifacts", artifacts)
    caught(output, exists("staged"), table, output, *common)
    with damaged(work_folder(output), 0):
        assert score(table, output, *common) == 3
    assert "every chunk failed, so" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.long
def test_a_process_that_dies_costs_one_retry(artifacts: Path, tmp_path: Path) -> None:
    grid = save(oisst(temperatures(100, 24)), tmp_path / "in.nc")
    wanted, output = tmp_path / "a" / "out.zarr", tmp_path / "b" / "out.zarr"
    wanted.parent.mkdir()
    output.parent.mkdir()
    common = ("--model", "nino12-gru", "--artifacts", artifacts, "--chunk", "24")
    assert score(grid, wanted, *common) == 0
    # Held, so that it cannot be over before the kill.
    command = caught(output, parts(1), grid, output, *common, "--processes", "2", sent=signal.SIGSTOP)
    started = members(command.pid)
    worker = max(pid for pid in started if parent(pid) in started - {command.pid})
    os.kill(worker, signal.SIGKILL)
    os.kill(command.pid, signal.SIGCONT)
    status, _, errors = finish(command)
    assert "retrying 1 failed chunks" in errors
    assert "its worker process ended; if memory ran out, try a smaller --chunk" in errors
    assert status == 0, errors
    assert snapshot(output) == snapshot(wanted)


@pytest.mark.long
def test_a_full_disk_ends_with_status_1_and_the_same_command_resumes(artifacts: Path, tmp_path: Path) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    wanted, output = tmp_path / "wanted.nc", tmp_path / "out.nc"
    common = ("--model", "nino12-gru", "--artifacts", str(artifacts))
    # No file may grow over 32 KiB, which the output would.
    command = [sys.executable, "-m", "scoring", str(grid), str(output), *common]
    limited = ["bash", "-c", 'ulimit -f 32; exec "$@"', "bash", *command]
    stopped = subprocess.run(limited, capture_output=True, text=True, check=False)
    assert stopped.returncode == 1, stopped.stderr
    assert stopped.stderr == "scoring: stopped: [Errno 27] File too large; run the same command again to resume\n"
    assert not output.exists()
    assert score(grid, output, *common) == 0
    assert score(grid, wanted, *common) == 0
    xr.testing.assert_identical(opened(output), opened(wanted))


def test_a_disk_too_small_for_the_input_is_reported(artifacts: Path, tmp_path: Path) -> None:
    grid, table = save(oisst(temperatures(40, 24)), tmp_path / "in.nc"), long_table(tmp_path / "in.csv", 90)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, limits[1]))
    try:
        for given, output in ((grid, tmp_path / "out.zarr"), (table, tmp_path / "out.csv")):
            with pytest.raises(OSError, match="File too large"):
                score(given, output, "--dataset", "nino12", "--artifacts", artifacts)
            assert not work_folder(output).exists()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused_before_anything_is_written(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = long_table(tmp_path / "in.csv", stations=3)
    assert score(table, tmp_path / "out.csv", "--dataset", "nino12", "--artifacts", artifacts, "--device", "cuda") == 2
    assert (
        capsys.readouterr().err == "sst score: device 'cuda' is not available: torch finds 0 GPUs; choose auto or cpu\n"
    )
    assert list(tmp_path.iterdir()) == [table]


def test_a_checkpoint_is_loaded_once_in_a_process(artifacts: Path) -> None:
    model = models_for_table(Catalog.open(artifacts, CPU, lazy=True).select("nino12-rnn", None))
    travelled = pickle.loads(pickle.dumps(model))
    month = TimeStep.parse("month")
    assert travelled.at(month, 1) is model.at(month, 1)


def test_a_damaged_grid_is_refused_with_a_sentence_and_nothing_is_written(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.zarr")
    chunk = next(path for path in sorted((grid / "sst" / "c").rglob("*")) if path.is_file())
    chunk.write_bytes(np.random.default_rng(1).bytes(40))
    output = tmp_path / "out.nc"
    assert score(grid, output, "--dataset", "nino12", "--artifacts", artifacts) == 2
    (errors,) = capsys.readouterr().err.splitlines()
    assert "in.zarr" in errors
    assert not output.exists()


@pytest.mark.long
def test_processes_find_each_other_with_a_long_temporary_path(artifacts: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("job" * 33)
    folder.mkdir()
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    command = start(
        grid,
        tmp_path / "out.zarr",
        "--dataset",
        "nino12",
        "--artifacts",
        artifacts,
        "--processes",
        2,
        TMPDIR=str(folder),
    )
    status, _, errors = finish(command)
    assert status == 0, errors
