"""A real Dask scheduler with two workers, one of which is killed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scoring.commands import finish, score, snapshot, start, wait_for, work_folder
from tests.scoring.grids import oisst, save, temperatures


def dask(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list["subprocess.Popen[str]"]]]:
    """Address of a scheduler, and its two workers."""
    file = tmp_path / "scheduler.json"
    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    wait_for(scheduler, file.exists)
    address = json.loads(file.read_text())["address"]
    one = ("worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard")
    workers = [dask(*one, "--local-directory", str(tmp_path)) for _ in range(2)]
    yield address, workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def test_a_run_outlives_a_worker_of_its_cluster(
    cluster: tuple[str, list["subprocess.Popen[str]"]], artifacts: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    grid = save(oisst(temperatures(40, 24)), tmp_path / "in.nc")
    common = ("--artifacts", artifacts, "--chunk", "24", "--levels", "80")
    assert score(grid, tmp_path / "alone.zarr", *common) == 0
    output = tmp_path / "out.zarr"
    command = start(grid, output, *common, "--cluster", address)
    wait_for(command, lambda: len(list((work_folder(output) / "parts").glob("*.part"))) >= 2)
    workers[0].kill()
    status, _, said = finish(command)
    assert status == 0, said
    wanted = {name.partition("/")[2]: content for name, content in snapshot(tmp_path / "alone.zarr").items()}
    found = {name.partition("/")[2]: content for name, content in snapshot(output).items()}
    assert found == wanted


def test_without_a_scheduler_a_sentence_says_so(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = save(oisst(temperatures()), tmp_path / "in.nc")
    status = score(grid, tmp_path / "out.nc", "--artifacts", artifacts, "--cluster", "nowhere")
    assert status == 2
    assert "no Dask scheduler answers at nowhere" in capsys.readouterr().err
