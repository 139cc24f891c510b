"""A real Dask scheduler with two workers: one worker is killed, or the scheduler."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from distributed import Client

from tests.forks import Process
from tests.scoring.archive.tables import read
from tests.scoring.commands import finish, score, snapshot, start, wait_for, work_folder
from tests.scoring.grids.sample import daily, oisst, opened, save, temperatures, walks
from tests.scoring.heatwaves import HEATWAVE, START, cells, events_file
from tests.scoring.outlook import sample
from tests.scoring.tables.sample import station, walk

Cluster = tuple[str, Process, Callable[[], Process]]


def dask(*arguments: str) -> Process:
    return Process([sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator["Cluster"]:
    """Address of a scheduler, its process, and what starts a worker of it."""
    file = tmp_path / "scheduler.json"
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    processes = [scheduler]
    try:
        # There before it is written.
        wait_for(scheduler, lambda: file.exists() and file.read_text().endswith("}"))
        address = json.loads(file.read_text())["address"]
        command = ("worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")

        def worker() -> Process:
            processes.append(dask(*command, "--local-directory", str(tmp_path)))
            return processes[-1]

        yield address, scheduler, worker
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


@pytest.mark.long
def test_a_run_waits_for_workers_and_outlives_one(cluster: Cluster, artifacts: Path, tmp_path: Path) -> None:
    address, _, worker = cluster
    grid = save(oisst(temperatures(40, 24)), tmp_path / "in.nc")
    common = ("--dataset", "nino12", "--artifacts", artifacts, "--chunk", "24", "--levels", "80")
    assert score(grid, tmp_path / "alone.zarr", *common) == 0
    output = tmp_path / "out.zarr"
    command = start(grid, output, *common, "--cluster", address)
    assert command.stderr is not None
    assert "has no workers yet; waiting for the first" in command.stderr.readline()
    # Held until both are there, so that it has not done without one of them.
    os.kill(command.pid, signal.SIGSTOP)
    workers = [worker(), worker()]
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2)
    os.kill(command.pid, signal.SIGCONT)
    wait_for(command, lambda: len(list((work_folder(output) / "parts").glob("*.part"))) >= 2)
    workers[0].kill()
    status, _, errors = finish(command)
    assert status == 0, errors
    wanted = {name.partition("/")[2]: content for name, content in snapshot(tmp_path / "alone.zarr").items()}
    files = {name.partition("/")[2]: content for name, content in snapshot(output).items()}
    assert files == wanted


@pytest.mark.long
def test_a_cluster_forecasts_any_sea_as_one_process_does(cluster: Cluster, seas: Path, tmp_path: Path) -> None:
    address, _, worker = cluster
    worker()
    grid = save(daily(walks(40, 8, 4)), tmp_path / "in.nc")
    table = pd.concat([station("a", walk(60)), station("b", walk(40, 2), "MS")])
    table.to_csv(tmp_path / "in.csv", index=False)
    heatwave = save(daily(cells(), START), tmp_path / "heatwave.nc")
    events = events_file(tmp_path, {"name": "warm", "above": 20.0}, HEATWAVE)
    common = ("--artifacts", seas, "--levels", "80", "--chunk", "8", "--events", events, "--overwrite")
    for given, suffix in ((grid, "zarr"), (tmp_path / "in.csv", "csv"), (heatwave, "zarr")):
        alone, output = tmp_path / f"alone.{suffix}", tmp_path / f"out.{suffix}"
        assert score(given, alone, *common) == 0
        assert score(given, output, *common, "--cluster", address) == 0
        wanted = {name.partition("/")[2]: content for name, content in snapshot(alone).items()}
        assert {name.partition("/")[2]: content for name, content in snapshot(output).items()} == wanted
    archives = []
    for name, where in (("alone", ()), ("cluster", ("--cluster", address))):
        archive = tmp_path / f"{name}.archive.parquet"
        assert score(tmp_path / "in.csv", "--append", archive, "--artifacts", seas, "--chunk", "8", *where) == 0
        archives.append(read(archive).drop(columns="issued"))
    pd.testing.assert_frame_equal(archives[0], archives[1])


@pytest.mark.long
def test_a_lost_scheduler_ends_the_run_with_a_sentence_and_the_same_command_resumes(
    cluster: Cluster, artifacts: Path, tmp_path: Path
) -> None:
    address, scheduler, _ = cluster
    grid, output = save(oisst(temperatures(40, 24)), tmp_path / "in.nc"), tmp_path / "out.zarr"
    common = ("--dataset", "nino12", "--artifacts", artifacts, "--chunk", "24")
    command = start(grid, output, *common, "--cluster", address)
    assert command.stderr is not None
    assert "waiting for the first" in command.stderr.readline()
    scheduler.kill()
    status, _, errors = finish(command)
    assert status == 1, errors
    assert errors.endswith(
        f"scoring: stopped: lost the connection to the Dask scheduler at {address}; "
        "run the same command again to resume\n"
    )
    assert "Traceback" not in errors
    assert not list((work_folder(output) / "failed").iterdir())
    assert score(grid, output, *common) == 0


def test_a_missing_scheduler_is_reported_in_a_sentence(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    status = score(grid, tmp_path / "out.nc", "--dataset", "nino12", "--artifacts", artifacts, "--cluster", "nowhere")
    assert status == 2
    assert "no Dask scheduler responds at nowhere" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("lost", ["worker", "scheduler"])
def test_an_outlook_loses_nothing_with_a_worker_or_the_scheduler(
    cluster: Cluster, seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    address, scheduler, worker = cluster
    grid = sample.saved(tmp_path, name="in.zarr")
    common = ("--artifacts", seas, "--horizon", 2, "--chunk", sample.COLUMNS)
    assert sample.outlook(grid, "-o", tmp_path / "alone", *common) == 0
    workers = [worker(), *([worker()] if lost == "worker" else [])]
    command = start("outlook", grid, "-o", tmp_path / "out", *common, "--scheduler", address)
    wait_for(command, lambda: any((tmp_path / "out").glob(".outlook.zarr.partial/parts/*.part")))
    (workers[0] if lost == "worker" else scheduler).kill()
    status, _, errors = finish(command)
    if status == 1 and lost == "scheduler":
        assert f"lost the connection to the Dask scheduler at {address}; run the same command again" in errors
        assert sample.names(tmp_path / "out") == [".outlook.zarr.partial"]
        assert sample.outlook(grid, "-o", tmp_path / "out", *common) == 0
        assert "of 4 chunks are already finished" in capsys.readouterr().err
    else:  # all chunks may have been finished before the scheduler was lost
        assert status == 0, errors
    ours, expected = (opened(tmp_path / name / "latest" / "outlook.zarr") for name in ("out", "alone"))
    for name in expected.data_vars:
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=str(name))
