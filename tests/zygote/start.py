"""What a command is started with, and how to ask a zygote to start it."""

import contextlib
import ctypes
import json
import multiprocessing.util
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MESSAGE_BYTES = 1 << 20
MAX_FILES = 64

_PR_SET_CHILD_SUBREAPER = 36
_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "TZ", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "MPL")
_sending = threading.Lock()
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the interpreter or a library reads before a program runs.

    A process can be forked only from one that was started with the same. Libraries start with one thread.
    """
    read = {name: value for name, value in environment.items() if value and name.startswith(_READ_AT_START)}
    return _ONE_THREAD | read


@dataclass(frozen=True)
class Start:
    """What a command is started with, apart from its open files.

    Attributes:
        command: the command line, beginning with the interpreter or the ``sst`` script.
        environment: all of it.
        folder: the working directory.
        descriptors: the numbers that the files get, among them 0, 1 and 2.
        group: the process group to join, 0 for a new one.
        session: whether the command leads a new session.
        limits: soft and hard limits by resource.
        umask: the mask for new files.
        ignored: signals that the command ignores.
        blocked: signals that it blocks.
    """

    command: list[str]
    environment: dict[str, str]
    folder: str
    descriptors: list[int]
    group: int
    session: bool
    limits: list[tuple[int, int, int]]
    umask: int
    ignored: list[int]
    blocked: list[int]

    @classmethod
    def here(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        folder: str | Path = "",
        group: int | None = None,
        session: bool = False,
    ) -> "Start":
        """Take everything else from this process, as a child process does."""
        return cls(
            [*command],
            dict(environment),
            str(Path.cwd() / folder),
            [*descriptors],
            os.getpgid(0) if group is None else group,
            session,
            [(number, *resource.getrlimit(number)) for number in _LIMITS],
            _umask(),
            _ignored(),
            [*signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        )

    def send(self, zygote: socket.socket, files: Sequence[int]) -> int:
        """Have the zygote start this command with these files; return the id of the new child of this process."""
        with _sending, _adopting():
            socket.send_fds(zygote, [json.dumps(asdict(self)).encode()], files)
            return int(zygote.recv(MESSAGE_BYTES))


def fork_what_is_spawned(find_zygote: Callable[[], socket.socket | None]) -> None:
    """Fork the processes that this one starts with :mod:`multiprocessing` from a zygote, if there is one for them."""
    spawn_new = multiprocessing.util.spawnv_passfds

    def spawn(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
        command = [os.fsdecode(argument) for argument in args]
        # The tracker of resources needs no library.
        tracker = any("resource_tracker" in argument for argument in command)
        zygote = None if tracker else find_zygote()
        if zygote is None:
            return spawn_new(path, args, passfds)
        files = [0, 1, 2, *map(int, passfds)]
        return Start.here(command, os.environ, files).send(zygote, files)

    multiprocessing.util.spawnv_passfds = spawn


def _umask() -> int:
    return int(_status("Umask"), 8)


def _ignored() -> list[int]:
    """Return the ignored signals, from the kernel: libraries in C change them without Python's knowledge."""
    mask = int(_status("SigIgn"), 16)
    return [int(number) for number in signal.valid_signals() if mask >> (number - 1) & 1]


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Become the parent of descendants whose own parents end in the block."""
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        prctl(_PR_SET_CHILD_SUBREAPER, 0)
