"""Locks and whole files, as processes share them."""

import subprocess
import sys
from pathlib import Path

import pytest

from forecasting.disk import locked, replacing, write_whole
from tests.conftest import ROOT
from tests.processes import wait_until

HOLD = """
import sys
from pathlib import Path
from forecasting.disk import locked
try:
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
except FileNotFoundError:
    print("gone")
"""


def start(path: Path) -> "subprocess.Popen[str]":
    """Start a process that locks ``path``, says so, and holds the lock."""
    command = [sys.executable, "-c", HOLD, str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.fixture(params=["file", "folder"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / str(request.param)
    path.mkdir() if request.param == "folder" else path.touch()
    return path


def test_a_lock_keeps_others_out_until_its_process_is_killed(path: Path) -> None:
    with start(path) as holder:
        assert said(holder) == "held\n"
        for patience in (0, 0.1):
            with locked(path, patience) as is_held:
                assert not is_held
        holder.kill()
    with locked(path) as is_held:
        assert is_held


def test_who_waits_for_a_file_that_is_replaced_does_not_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    with locked(path):
        waiting = start(path)
        opened = Path(f"/proc/{waiting.pid}/fd")
        wait_until(lambda: any(each.resolve() == path for each in opened.iterdir()), "the process opened no lock")
        path.unlink()
        path.touch()
    with waiting:
        assert said(waiting) == "gone\n"


def test_an_error_leaves_the_earlier_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write_whole(path, b"earlier")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"earlier"
    assert [*tmp_path.iterdir()] == [path]
