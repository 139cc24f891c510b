"""Faults of the disk, of a connection and of the process, at a chosen call of a job.

A job is anything that processes do which were started with :attr:`Faults.environment`: its calls that change a folder,
or send to a port, are counted, and any of them can fail or be the last.
"""

import ctypes
import errno
import itertools
import mmap
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest
from hypothesis import settings

Kind = Literal["one call fails", "the disk is full", "the process dies"]
"""What happens at the chosen call. A disk that is full stays so for the calls after it, until the fault ends."""

FAILING: Final[tuple[Kind, ...]] = ("one call fails", "the disk is full")
KINDS: Final[tuple[Kind, ...]] = (*FAILING, "the process dies")

_NUMBERS: Final = {"one call fails": errno.EIO, "the disk is full": errno.ENOSPC, "the process dies": -1}
_SYNCS: Final = ("fsync", "fdatasync")
_WRITES: Final = ("write", "pwrite", "pwrite64", "writev", "sendfile", "sendfile64", "ftruncate", "ftruncate64")
_REMOVES: Final = ("unlink", "unlinkat")
_RENAMES: Final = ("rename", "renameat", "renameat2")
_FIELDS: Final = ("port", "first", "last", "fault", "clock", "counted", "injected", "logged")
_LOG: Final = 1 << 20
_ALL_AFTER: Final = 2**62


class _Control(ctypes.Structure):
    """What the processes share with the test, as in ``faults.c``."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in _FIELDS),
        ("folder", ctypes.c_char * 256),
        ("log", ctypes.c_char * _LOG),
    )


class Call(NamedTuple):
    """A call that was counted; ``to`` is the new path of a rename, or empty."""

    name: str
    path: str
    to: str


@dataclass(frozen=True)
class Faults:
    """The faults of a job, and a count of its calls."""

    environment: dict[str, str]
    shared: Any

    @classmethod
    def of(cls, library: Path, control: Path, folder: Path, port: int = 0) -> "Faults":
        """Watch the calls that change ``folder``, which is a real path, or send to a port on loopback."""
        control.write_bytes(bytes(ctypes.sizeof(_Control)))
        with control.open("r+b") as file:
            shared = _Control.from_buffer(mmap.mmap(file.fileno(), 0))
        shared.folder, shared.port = os.fsencode(folder), port
        return cls({"LD_PRELOAD": str(library), "FAULTS_CONTROL": str(control)}, shared)

    @contextmanager
    def at(self, number: int, kind: Kind) -> Iterator[None]:
        """Let the fault happen at the call with a number, counted from 1; with 0, count only."""
        self.shared.counted = self.shared.injected = self.shared.logged = 0
        ctypes.memset(ctypes.addressof(self.shared) + _Control.log.offset, 0, _LOG)
        self.shared.fault = _NUMBERS[kind]
        self.shared.last = _ALL_AFTER if kind == "the disk is full" else number
        self.shared.first = number or _ALL_AFTER
        try:
            yield
        finally:
            self.shared.first = _ALL_AFTER

    @property
    def injected(self) -> int:
        """How many calls have failed since :meth:`at` was called."""
        return int(self.shared.injected)

    @property
    def calls(self) -> list[Call]:
        """The calls since :meth:`at` was called."""
        return [Call(*line.split("\t")) for line in os.fsdecode(self.shared.log).splitlines()]

    def describe(self, number: int) -> str:
        """Return which call has a number, for messages."""
        return "".join(f"call {number}: {call}" for call in self.calls[number - 1 : number])

    @property
    def unsynced(self) -> list[str]:
        """The files that a loss of power could have cut off: they were renamed, or left, before they were synced.

        A file that is renamed, itself or with its folder, must be on the disk before.
        """
        lost, dirty = list[str](), dict[str, None]()
        for call in self.calls:
            if call.name in _SYNCS:
                dirty.pop(call.path, None)
            elif call.name in _WRITES:
                dirty[call.path] = None
            elif call.name in _REMOVES:
                dirty.pop(call.path, None)
            elif call.name in _RENAMES:
                moved = [path for path in dirty if f"{path}/".startswith(f"{call.path}/")]
                lost += [call.to + path.removeprefix(call.path) for path in moved]
                for path in moved:
                    del dirty[path]
        return [*lost, *dirty]

    def move_clock(self, seconds: int) -> None:
        """Move the clock of the processes forward."""
        self.shared.clock += seconds


def compiled(folder: Path) -> Path:
    """Compile the library that counts calls, and return its path; skips the test without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here, which the library that injects faults needs: apt install gcc libc6-dev")
    library = folder / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    return library


def numbers(count: int, share: int = 1) -> Iterator[int]:
    """Yield the calls of a job that are to fail, without end: all, or some that are evenly spread.

    Of about ``count`` calls, there are as many as the profile of Hypothesis has examples, divided by ``share``, which
    is the larger the longer a job takes.
    """
    return itertools.count(1, -(-count * share // settings().max_examples))
