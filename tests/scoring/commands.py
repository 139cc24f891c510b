"""The command, in this process or as one of its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from scoring.arguments import parser
from scoring.cli import main


def score(*arguments: object) -> int:
    """Run the command in this process; its exit status."""
    return main(parser().parse_args(list(map(str, arguments))))


def start(*arguments: object, **environment: str) -> "subprocess.Popen[str]":
    """Run the command as the leader of a session of its own."""
    command = [sys.executable, "-m", "scoring", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | environment,
    )  # fmt: skip


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit status, and what was said."""
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def members(session: int) -> set[int]:
    """Processes that are left of a session."""
    left = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdecimal() else []
        except OSError:
            continue
        if fields and int(fields[3]) == session and fields[0] != "Z":
            left.add(int(entry.name))
    return left


def parent(pid: int) -> int:
    """Process id of a process's parent; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def snapshot(path: Path) -> dict[str, bytes]:
    """Every file of a file or folder, by name."""
    files = [path] if path.is_file() else sorted(inner for inner in path.rglob("*") if inner.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def work_folder(output: Path) -> Path:
    return output.with_name(f".{output.name}.partial")


def wait_for(process: "subprocess.Popen[str] | None", reached: Callable[[], bool]) -> None:
    """Look again and again, a moment apart, until something is so or the process is over."""
    moment = threading.Event()
    while not reached() and (process is None or process.poll() is None):
        moment.wait(0.002)
