"""Processes for tests: as :mod:`subprocess` starts them, but with the libraries imported already."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.zygote.start import Start, fork_what_is_spawned, read_at_start

_ROOT = Path(__file__).parents[2]
_PADDING = "-" * 4_096
"""Room for the command lines of forked processes, which are written over that of the zygote."""

_lock = threading.Lock()
_zygotes: dict[frozenset[tuple[str, str]], tuple["subprocess.Popen[bytes]", socket.socket]] = {}


class Popen(subprocess.Popen[str]):
    """A command of Python in a child process of this one, forked from a zygote instead of started anew.

    It begins some seconds later in its life than a new interpreter, with what those seconds import: tests of the start
    itself use :class:`subprocess.Popen`, which this class is in every other respect.
    """

    _close_pipe_fds: Callable[..., None]

    def _execute_child(
        self, args: Sequence[str | Path], executable: None, preexec_fn: None, close_fds: bool, pass_fds: Sequence[int],
        cwd: Path | None, env: Mapping[str, str] | None, startupinfo: None, creationflags: int, shell: bool,
        *options: Any,
    ) -> None:  # fmt: skip
        *pipes, _, _, _, _, _, session, group = options
        stdin, _, _, stdout, _, stderr = pipes
        environment = os.environ if env is None else env
        command = [str(argument) for argument in args]
        if command[0] != sys.executable:
            command = [sys.executable, *command]
        files = [number if pipe == -1 else pipe for number, pipe in enumerate((stdin, stdout, stderr))]
        start = Start.here(
            command, environment, [0, 1, 2], folder=cwd or "", group=None if group == -1 else group, session=session
        )
        try:
            self.pid = start.send(_zygote(read_at_start(environment)), files)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)


def run(command: Sequence[object], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, as :func:`subprocess.run` does, and return its output as text."""
    with Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _zygote(environment: Mapping[str, str]) -> socket.socket:
    """Return the connection to the zygote that was started with these variables, after starting it if need be."""
    key = frozenset(environment.items())
    with _lock:
        return (_zygotes.get(key) or _zygotes.setdefault(key, _start_zygote(environment)))[1]


def _start_zygote(environment: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", socket.socket]:
    requests, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    unset = dict.fromkeys(read_at_start(os.environ), "")
    # A group of its own, since signals to the group are for the commands.
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.zygote.zygote import main; main()", _PADDING],
        stdin=zygote.fileno(), stdout=zygote.fileno(), cwd=_ROOT, env={**os.environ, **unset, **environment},
        process_group=0,
    )  # fmt: skip
    zygote.close()
    return process, requests


def fork_spawned_processes() -> None:
    """Fork what this process starts with :mod:`multiprocessing` from a zygote too."""
    fork_what_is_spawned(lambda: _zygote(read_at_start(os.environ)))


def end_zygotes() -> None:
    """End all zygotes; the processes that they were forked to go on."""
    with _lock:
        for process, requests in _zygotes.values():
            requests.close()
            process.wait()
        _zygotes.clear()
