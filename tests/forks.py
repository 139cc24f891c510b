"""Commands of Python in processes forked from one that has imported the libraries, which takes seconds.

What a program imports, and its start itself, are tested with :mod:`subprocess`.
"""

import gc
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self, TextIO

_IMPORTED: Final = (
    *("alembic.context", "fastapi", "httpx", "matplotlib.figure", "numpy", "pandas", "pydantic_settings"),
    *("sqlalchemy.dialects.sqlite", "torch", "uvicorn", "xarray", "service.app", "training.cli.train"),
)
_READ_AT_START: Final = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "TZ", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "MPL")
"""Beginnings of the variables that the interpreter or a library reads before a program runs."""

_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_MESSAGE_BYTES: Final = 1 << 20

_asking = threading.Lock()
_servers: dict[frozenset[tuple[str, str]], tuple["subprocess.Popen[bytes]", socket.socket]] = {}


class Process:
    """A command of Python; what :class:`subprocess.Popen` has too is the same, and streams are text."""

    def __init__(
        self,
        command: Sequence[object],
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        start_new_session: bool = False,
    ) -> None:
        """Start it, as the first of its command line or as its argument."""
        self.args = [str(argument) for argument in command]
        self.returncode: int | None = None
        self._ended, ends = os.pipe()
        theirs, ours, close = [], list[TextIO | None](), [ends]
        for number, stream in enumerate((stdin, stdout, stderr)):
            ours.append(None)
            if stream == subprocess.PIPE:
                reading, writing = os.pipe()
                stream, kept = (reading, writing) if number == 0 else (writing, reading)
                ours[-1] = os.fdopen(kept, "r" if number else "w", encoding="utf-8")
                close.append(stream)
            elif stream == subprocess.DEVNULL:
                close.append(stream := os.open(os.devnull, os.O_RDWR))
            theirs.append(number if stream is None else stream)
        self.stdin, self.stdout, self.stderr = ours
        environment = dict(os.environ if env is None else env)
        message = json.dumps(
            {
                "arguments": self.args[self.args[0] == sys.executable :],
                "environment": environment,
                "folder": str(cwd or Path.cwd()),
                "session": start_new_session,
            }
        )
        with _asking:
            server = _server(environment)
            socket.send_fds(server, [message.encode()], [*theirs, ends])
            self.pid = int(server.recv(_MESSAGE_BYTES))
        for file in close:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr, self.stdin):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Return the status if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return the status."""
        if self.returncode is None:
            if not select.select([self._ended], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = int(os.read(self._ended, 32))
            os.close(self._ended)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it writes, and wait until it has ended."""
        if self.stdin is not None:
            self.stdin.close()
        texts = ["", ""]

        def read(number: int, stream: TextIO) -> None:
            texts[number] = stream.read()

        streams = [(number, stream) for number, stream in enumerate((self.stdout, self.stderr)) if stream is not None]
        readers = [threading.Thread(target=read, args=each) for each in streams]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(timeout)
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        for _, stream in streams:
            stream.close()
        self.wait(timeout)
        return texts[0], texts[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def run(
    command: Sequence[object], env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    with Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.wait(), output, errors)


@contextmanager
def ending_servers() -> Iterator[None]:
    """End at the end of the block what the processes of this one are forked from."""
    yield
    for process, requests in _servers.values():
        requests.close()
        process.wait()
    _servers.clear()


def _server(environment: Mapping[str, str]) -> socket.socket:
    """Return the connection to the process to fork from for these variables, after starting it if need be."""
    read = _ONE_THREAD | {
        name: value for name, value in environment.items() if value and name.startswith(_READ_AT_START)
    }
    key = frozenset(read.items())
    if key not in _servers:
        others = {name: value for name, value in os.environ.items() if not name.startswith(_READ_AT_START)}
        requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(
            [sys.executable, "-c", "from tests.forks import serve; serve()"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            cwd=Path(__file__).parents[1],
            env=others | read,
            process_group=0,  # signals to the group of the tests are for the commands
        )
        theirs.close()
        _servers[key] = process, requests
    return _servers[key][1]


def serve() -> None:
    """Fork a process for each message from the standard input, and be that process."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    requests = socket.socket(fileno=os.dup(0))
    while True:
        message, files, *_ = socket.recv_fds(requests, _MESSAGE_BYTES, 8)
        if not message:
            return
        start = json.loads(message)
        if "training" in start["arguments"]:
            # Optimisers import the compiler of torch when they are made, which takes as long as all else.
            importlib.import_module("torch._dynamo")
        if not _fork():
            if command := _fork():
                _watch(command, requests, files)
            _become(requests, files, **start)
            return
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _fork() -> int:
    with warnings.catch_warnings():
        # A library has an idle thread, which its child does not need.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _watch(command: int, requests: socket.socket, files: Sequence[int]) -> None:
    """Tell the id of a command, and its status when it has ended; never return."""
    requests.send(str(command).encode())
    requests.close()
    for file in files[:-1]:
        os.close(file)
    _, status = os.waitpid(command, 0)
    os.write(files[-1], str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(
    requests: socket.socket,
    files: Sequence[int],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    session: bool,
) -> None:
    """Do as a new interpreter with these arguments."""
    requests.close()
    for number, file in enumerate(files):
        if number < 3:
            os.dup2(file, number)
        os.close(file)
    if session:
        os.setsid()
    # Ignored if the tests run in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    random.seed()
    option, *rest = arguments
    if option == "-m":
        sys.argv, sys.path[0] = rest, folder
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif option == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(rest[0], {"__name__": "__main__"})
    else:
        sys.argv, sys.path[0] = [*arguments], str(Path(option).parent)
        runpy.run_path(option, run_name="__main__")
