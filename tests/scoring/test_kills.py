"""A command that is killed at any moment, and given again: as if it had never been."""

import os
import shutil
import signal
from pathlib import Path

import pytest
import xarray as xr

from tests.scoring.commands import caught, exists, finish, members, parts, score, snapshot, wait_for, work_folder
from tests.scoring.grids.sample import oisst, opened, save, temperatures
from tests.scoring.tables.sample import long_table

GRID = {"planned": exists("plan.json"), "staged": exists("staged"), "parts": parts(3), "all": parts(20),
        "complete": exists("complete.zarr")}  # fmt: skip
TABLE = {"half staged": exists("staged.half"), "parts": parts(2), "placed": exists("placed")}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(oisst(temperatures(40, 24)), tmp_path_factory.mktemp("grid") / "in.nc")


@pytest.fixture(scope="module")
def undisturbed(grid: Path, artifacts: Path) -> dict[str, bytes]:
    output = grid.with_name("out.zarr")
    assert score(grid, output, *options(artifacts)) == 0
    return snapshot(output)


def options(artifacts: Path) -> tuple[object, ...]:
    return ("--model", "nino12-gru", "--artifacts", artifacts, "--levels", "80", "--horizon", "2", "--chunk", "48")


@pytest.mark.long
@pytest.mark.parametrize(
    ("moment", "group"),
    [("planned", False), ("staged", True), ("parts", False), ("parts", True), ("all", False), ("complete", True)],
)
def test_a_grid_is_byte_for_byte_the_same_after_a_kill(
    grid: Path,
    artifacts: Path,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    moment: str,
    group: bool,
) -> None:
    output = tmp_path / "out.zarr"
    command = (grid, output, *options(artifacts))
    process = caught(output, GRID[moment], *command, "--processes", "2", group=group)
    # What the kill left of its session goes by itself, and leaves everything as it was.
    before = snapshot(work_folder(output))
    wait_for(None, lambda: not members(process.pid))
    assert snapshot(work_folder(output)) == before
    done = len(list((work_folder(output) / "parts").glob("*.part")))
    assert not output.exists()
    # Who scores is no part of what a run is: this time, one process.
    assert score(*command) == 0
    assert snapshot(output) == undisturbed
    assert (f"resuming: {done} of 20 chunks are already finished" in capsys.readouterr().err) == (done > 0)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out.zarr", "out.zarr.summary.json"]


@pytest.mark.parametrize("moment", TABLE)
def test_a_table_is_byte_for_byte_the_same_after_a_kill(artifacts: Path, tmp_path: Path, moment: str) -> None:
    table = long_table(tmp_path / "in.csv", stations=60)
    wanted, output = tmp_path / "wanted.csv", tmp_path / "out.csv"
    common = ("--dataset", "nino12", "--artifacts", artifacts, "--chunk", "200")
    assert score(table, wanted, *common) == 0
    # Placed, all may have been done before the kill.
    caught(output, TABLE[moment], table, output, *common, tries=1 if moment == "placed" else 8)
    if work_folder(output).exists():
        assert score(table, output, *common) == 0
    assert output.read_bytes() == wanted.read_bytes()
    assert not work_folder(output).exists()


@pytest.fixture(scope="module")
def killed(grid: Path, artifacts: Path) -> Path:
    """The work folder of a run that was killed half-way."""
    output = grid.with_name("killed.nc")
    caught(output, parts(3), grid, output, *options(artifacts))
    return work_folder(output)


@pytest.fixture
def cut_off(killed: Path, tmp_path: Path) -> Path:
    """The output of a run that was killed half-way: what was done may be moved."""
    output = tmp_path / "out.nc"
    shutil.copytree(killed, work_folder(output))
    return output


def test_a_netcdf_is_value_for_value_the_same_after_a_kill(cut_off: Path, grid: Path, artifacts: Path) -> None:
    undisturbed = cut_off.with_name("undisturbed.nc")
    assert score(grid, undisturbed, *options(artifacts)) == 0
    assert score(grid, cut_off, *options(artifacts)) == 0
    wanted, forecasts = opened(undisturbed), opened(cut_off)
    xr.testing.assert_identical(forecasts, wanted)
    kept = ("dtype", "_FillValue", "chunksizes", "zlib", "units")
    for name, variable in wanted.variables.items():
        # As text: a fill value that is no number equals nothing.
        assert [str(forecasts[name].encoding.get(key)) for key in kept] == [
            str(variable.encoding.get(key)) for key in kept
        ]


def test_another_input_or_model_does_not_resume_a_run(
    cut_off: Path, grid: Path, artifacts: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    begun = snapshot(work_folder(cut_off))
    other = save(oisst(temperatures(40, 24) + 0.01), tmp_path / "in.nc")
    assert score(other, cut_off, *options(artifacts)) == 2
    assert "the input has changed; undo the change, or start over with --restart" in capsys.readouterr().err
    assert score(grid, cut_off, *options(artifacts), "--model", "nino12-rnn") == 2
    assert "model was nino12-gru and is now nino12-rnn" in capsys.readouterr().err
    after = snapshot(work_folder(cut_off))
    assert after == begun
    assert score(other, cut_off, *options(artifacts), "--restart") == 0


def test_an_existing_output_is_replaced_only_on_request(
    grid: Path, artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.nc"
    output.write_text("precious")
    assert score(grid, output, *options(artifacts)) == 2
    assert "already exists; choose another name, or replace it with --overwrite" in capsys.readouterr().err
    assert output.read_text() == "precious"
    assert not work_folder(output).exists()
    assert score(grid, output, *options(artifacts), "--overwrite") == 0
    assert output.stat().st_size > 1_000


@pytest.mark.long
def test_two_commands_do_not_write_one_output(
    grid: Path, artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.nc"
    first = caught(output, exists("plan.json"), grid, output, *options(artifacts), sent=signal.SIGSTOP)
    second = score(grid, output, *options(artifacts))
    os.kill(first.pid, signal.SIGCONT)
    assert (second, "another command is writing" in capsys.readouterr().err) == (2, True)
    assert finish(first)[0] == 0


@pytest.mark.long
def test_an_interruption_says_how_to_resume(grid: Path, artifacts: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.nc"
    process = caught(output, parts(1), grid, output, *options(artifacts), "--processes", "2", sent=signal.SIGTERM)
    status, _, errors = finish(process)
    assert (status, errors.splitlines()) == (130, ["scoring: interrupted; run the same command again to resume"])
    wait_for(None, lambda: not members(process.pid))
