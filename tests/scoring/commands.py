"""Runs of the scoring command, in this process or in a separate one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sst
from scoring.tables.staging import rows_file
from scoring.work import remove
from tests.forks import Process


def score(*arguments: object) -> int:
    """Run the command in this process and return its exit status."""
    return sst.run(["score", *map(str, arguments)])


def start(*arguments: object, **environment: str) -> Process:
    """Start the command in a new process, which leads a new session."""
    command = [sys.executable, "-m", "scoring", *map(str, arguments)]
    return Process(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env=os.environ | environment,
    )  # fmt: skip


def finish(process: Process) -> tuple[int, str, str]:
    """Wait for the process; return its exit status, standard output and standard error."""
    output, errors = process.communicate(timeout=600)
    return process.wait(), output, errors


def members(session: int) -> set[int]:
    """Return the ids of the running processes of a session."""
    pids = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split() if entry.name.isdecimal() else []
        except OSError:
            continue
        if fields and int(fields[3]) == session and fields[0] != "Z":
            pids.add(int(entry.name))
    return pids


def parent(pid: int) -> int:
    """Return the id of the parent of a process; 0 if the process no longer exists."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def snapshot(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of all files in a folder, by name."""
    files = [path] if path.is_file() else sorted(inner for inner in path.rglob("*") if inner.is_file())
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def work_folder(output: Path) -> Path:
    """Return the path of the work folder of an output."""
    return output.with_name(f".{output.name}.partial")


def work_folders(output: Path) -> list[Path]:
    """Return the work folders of all jobs of an output or an archive."""
    return list(output.parent.glob(f".{output.name}*.partial"))


def wait_for(process: Process | None, reached: Callable[[], bool]) -> None:
    """Poll until ``reached`` returns true or the process has ended."""
    pause = threading.Event()
    while not reached() and (process is None or process.poll() is None):
        pause.wait(0.002)


Reached = Callable[[Path], bool]
"""Whether a work folder has got somewhere."""


def exists(name: str) -> Reached:
    return lambda work: (work / name).exists()


def parts(count: int) -> Reached:
    return lambda work: len(list((work / "parts").glob("*.part"))) >= count


def caught(
    output: Path,
    reached: Reached,
    *arguments: object,
    sent: signal.Signals = signal.SIGKILL,
    group: bool = False,
    tries: int = 8,
) -> Process:
    """Start the command, and send it a signal as soon as ``reached`` is true of its work folder.

    On a busy machine, the command may be over by then: it is started again, up to ``tries`` times in all.
    """
    while True:
        process = start(*arguments)
        wait_for(process, lambda: any(map(reached, work_folders(output))))
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(process.pid, sent)
        if sent == signal.SIGKILL:
            finish(process)
        tries -= 1
        if not tries or (work_folders(output) and not output.exists()):
            return process
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        finish(process)
        remove(output)


@contextmanager
def damaged(work: Path, chunk: int) -> Iterator[None]:
    """Damage the staged rows of a chunk that is not finished yet; mend them when the block ends."""
    rows = rows_file(work / "staged", chunk)
    sound = rows.read_bytes()
    rows.unlink()
    rows.mkdir()
    (work / "parts" / f"{chunk:06}.part").unlink(missing_ok=True)
    yield
    rows.rmdir()
    rows.write_bytes(sound)
