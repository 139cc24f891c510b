"""The work folder ``.OUTPUT.partial/`` beside an output: what is done so far, so that a killed run can go on.

    lock        held by the one command that may write here
    plan.json   what the run is; see ``plan``
    staged/     the input as the chunks need it
    parts/      forecasts of finished chunks
    failed/     why others could not be scored
    placed      which file was put under the output's name, once one was

Everything appears by a rename once it is complete. Only the command writes here, and only while it holds the lock:
whatever outlives it has nothing to write with.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scoring.errors import ScoringError
from scoring.job import Counts, Failure, Part
from scoring.plan import Plan

_PATIENCE: Final = 2.0
"""Seconds for a command that was killed to be gone."""


class WorkFolder:
    """The work folder of an output, while :func:`locked` holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._make()

    @property
    def staged(self) -> Path:
        """The staged input."""
        return self.path / "staged"

    def begin(self, plan: Plan, output: Path) -> None:
        """Take up ``plan``, be it new or begun before.

        Raises:
            ScoringError: if another was begun and not brought to its end.
        """
        file = self.path / "plan.json"
        is_of_use = self.staged.exists() and not self.has_placed(output)
        if file.exists() and not is_of_use and plan.differences(file.read_text()):
            self.clear()
        if not file.exists():
            write_whole(file, plan.to_json().encode())
            return
        differences = plan.differences(file.read_text())
        if differences:
            raise ScoringError(
                f"{self.path} holds a run that was cut off and cannot go on: {'; '.join(differences)}; restore that, "
                "or begin anew with --restart"
            )

    def clear(self) -> None:
        """Forget what was begun."""
        for inner in self.path.iterdir():
            if inner.name != "lock":
                remove(inner)
        self._make()

    def _make(self) -> None:
        for name in ("parts", "failed"):
            (self.path / name).mkdir(exist_ok=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder to fill, which is :attr:`staged` afterwards; what an earlier try left is removed."""
        half = self.path / "staged.half"
        remove(half)
        half.mkdir()
        yield half
        _sync(half)
        half.rename(self.staged)

    def finished(self) -> dict[int, Counts]:
        """What became of each chunk that is done."""
        return {int(file.stem): _read_counts(file) for file in sorted((self.path / "parts").glob("*.part"))}

    def save(self, chunk: int, part: Part) -> None:
        """Keep the forecasts of a chunk, which is finished then."""
        counts = json.dumps(vars(part.counts)).encode()
        write_whole(self._part(chunk), counts + b"\n" + part.content)
        (self.path / "failed" / f"{chunk:06}").unlink(missing_ok=True)

    def content(self, chunk: int) -> bytes:
        """The forecasts of a chunk that is finished."""
        return self._part(chunk).read_bytes().partition(b"\n")[2]

    def _part(self, chunk: int) -> Path:
        return self.path / "parts" / f"{chunk:06}.part"

    def record(self, chunk: int, failure: Failure) -> None:
        """Keep why a chunk could not be scored."""
        write_whole(self.path / "failed" / f"{chunk:06}", failure.reason.encode())

    def place(self, complete: Path, output: Path) -> None:
        """Put what is ``complete`` in this folder under the name of the output, in place of what may be there."""
        _sync(complete)
        stat = complete.stat()
        write_whole(self.path / "placed", f"{stat.st_dev} {stat.st_ino}".encode())
        if output.is_dir() or (complete.is_dir() and output.exists()):
            replaced = self.path / "replaced"
            remove(replaced)
            output.rename(replaced)
        complete.rename(output)
        _fsync(output.parent)

    def failures(self) -> dict[int, str]:
        """Why chunks could not be scored."""
        return {int(file.name): file.read_text() for file in sorted((self.path / "failed").iterdir())}

    def has_placed(self, output: Path) -> bool:
        """Whether what stands under the output's name was put there by this run."""
        try:
            stat = output.stat()
            return (self.path / "placed").read_text() == f"{stat.st_dev} {stat.st_ino}"
        except OSError:
            return False

    def remove_if_empty(self) -> None:
        """Remove the folder if no run was begun in it."""
        if not (self.path / "plan.json").exists():
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the run is over."""
        # Out of the way at once, so that no half of it can be taken for a run.
        gone = self.path.with_name(f"{self.path.name}.done")
        remove(gone)
        self.path.rename(gone)
        remove(gone)


@contextmanager
def locked(output: Path, *, restart: bool) -> Iterator[WorkFolder]:
    """The work folder of ``output``, made if there is none.

    Raises:
        ScoringError: if another command works on it.
    """
    path = output.with_name(f".{output.name}.partial")
    path.mkdir(exist_ok=True)
    with _held(path / "lock", output):
        remove(path.with_name(f"{path.name}.done"))
        work = WorkFolder(path)
        if restart:
            work.clear()
        yield work


@contextmanager
def _held(file: Path, output: Path) -> Iterator[None]:
    with file.open("w") as lock:
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ScoringError(f"another command is writing {output}; wait for it, or end it") from None
                time.sleep(0.05)
        if not file.exists() or not os.path.samestat(os.fstat(lock.fileno()), file.stat()):
            raise ScoringError(f"another command has just finished {output}; see whether it is what you want")
        yield


def _read_counts(part: Path) -> Counts:
    with part.open("rb") as file:
        return Counts(**json.loads(file.readline()))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears under its name only when it is complete, and stays after a power cut."""
    half = path.with_name(f"{path.name}.half")
    with half.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    half.rename(path)


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    for inner in [path, *path.rglob("*")] if path.is_dir() else [path]:
        _fsync(inner)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
