"""Processes for tests: as :mod:`subprocess` starts them, but with the libraries imported already, which takes seconds.

A zygote is a process that has imported them. It reads :class:`Start` messages from a socket, its standard input, and
forks a process for each, with the arguments, environment, files, limits and signals that a new interpreter would have.
Only the modules are imported already, those of the project included: what a program imports is tested with new
interpreters. The programs that such a process starts through :mod:`multiprocessing` are forked from one of its own.
"""

import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib
import io
import json
import multiprocessing.util
import os
import random
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

MESSAGE_BYTES = 1 << 20
MAX_FILES = 64
IMPORTED = (
    *("alembic.context", "fastapi", "httpx", "matplotlib.figure", "numpy", "pandas", "pydantic_settings"),
    *("sqlalchemy.dialects.sqlite", "torch", "uvicorn", "xarray", "service.app", "training.cli.train"),
)

_PR_SET_CHILD_SUBREAPER = 36
_ROOT = Path(__file__).parents[1]
_PADDING = "-" * 4_096
"""Room for the command lines of forked processes, which are written over that of the zygote."""
_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})
_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "TZ", "OMP_", "OPENBLAS_", "MKL_", "KMP_", "MPL")
_READ_BY_FORKED = ("PYTHONIOENCODING", "PYTHONUNBUFFERED")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_FLAGS = vars(subprocess)["_args_from_interpreter_flags"]()

_sending, _starting = threading.Lock(), threading.Lock()
_zygotes: dict[frozenset[tuple[str, str]], tuple["subprocess.Popen[bytes]", socket.socket]] = {}


def _read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the interpreter or a library reads before a program runs.

    A process can be forked only from one that was started with the same, but for how it writes to its standard streams.
    Libraries start with one thread.
    """
    read = {name: value for name, value in environment.items() if value and name.startswith(_READ_AT_START)}
    return {name: value for name, value in (_ONE_THREAD | read).items() if name not in _READ_BY_FORKED}


@dataclass(frozen=True)
class Start:
    """What a command is started with, apart from its open files."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    descriptors: list[int]
    group: int
    session: bool
    limits: list[tuple[int, int, int]]
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
        # From the kernel: libraries in C ignore signals without Python's knowledge.
        status = Path("/proc/self/status").read_text().splitlines()
        mask = int(next(line.split()[1] for line in status if line.startswith("SigIgn:")), 16)
        return cls(
            [*command],
            dict(environment),
            str(Path.cwd() / folder),
            [*descriptors],
            os.getpgid(0) if group is None else group,
            session,
            [(number, *resource.getrlimit(number)) for number in _LIMITS],
            [int(number) for number in signal.valid_signals() if mask >> (number - 1) & 1],
            [*signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        )

    def send(self, zygote: socket.socket, files: Sequence[int]) -> int:
        """Have the zygote start this command with these files; return the id of the new child of this process."""
        prctl = ctypes.CDLL(None).prctl
        with _sending:
            # This process becomes the parent of what the zygote starts, whose own parent ends.
            prctl(_PR_SET_CHILD_SUBREAPER, 1)
            try:
                socket.send_fds(zygote, [json.dumps(asdict(self)).encode()], files)
                return int(zygote.recv(MESSAGE_BYTES))
            finally:
                prctl(_PR_SET_CHILD_SUBREAPER, 0)


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
            self.pid = start.send(_zygote(_read_at_start(environment)), files)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)


def run(command: Sequence[object], **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, as :func:`subprocess.run` does, and return its output as text."""
    with Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@contextlib.contextmanager
def zygotes() -> Iterator[None]:
    """Fork what this process starts with :mod:`multiprocessing`; end all zygotes at the end of the block."""
    _fork_what_is_spawned(lambda: _zygote(_read_at_start(os.environ)))
    yield
    with _starting:
        for process, requests in _zygotes.values():
            requests.close()
            process.wait()
        _zygotes.clear()


def _zygote(environment: Mapping[str, str]) -> socket.socket:
    """Return the connection to the zygote that was started with these variables, after starting it if need be."""
    key = frozenset(environment.items())
    with _starting:
        if key not in _zygotes:
            requests, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            unset = dict.fromkeys((*_read_at_start(os.environ), *_READ_BY_FORKED), "")
            # A group of its own, since signals to the group are for the commands.
            process = subprocess.Popen(
                [sys.executable, "-c", "from tests.zygote import main; main()", _PADDING],
                stdin=zygote.fileno(), stdout=zygote.fileno(), cwd=_ROOT, env={**os.environ, **unset, **environment},
                process_group=0,
            )  # fmt: skip
            zygote.close()
            _zygotes[key] = process, requests
        return _zygotes[key][1]


def _fork_what_is_spawned(find_zygote: Callable[[], socket.socket | None]) -> None:
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


def main() -> None:
    """Be a zygote, and in each process forked from it, the command that it is for."""
    started_with = _read_at_start(os.environ)
    for name in IMPORTED:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    gc.collect()
    gc.freeze()
    start = _serve(socket.socket(fileno=0))
    spawned = _let_processes_spawn(started_with)
    try:
        _run((spawned or start).command)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _exit(end.code or 0)
    else:
        _exit(0)


def _exit(status: int) -> None:
    """End as the interpreter does, but without clearing all modules, which would copy the memory of the zygote."""
    vars(threading)["_shutdown"]()
    vars(atexit)["_run_exitfuncs"]()
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except (OSError, ValueError):
        # Let the interpreter report it.
        sys.exit(status)
    os._exit(status & 0xFF)


def _serve(requests: socket.socket) -> Start:
    """Fork a process for each message. Returns only in those processes."""
    while True:
        message, files, *_ = socket.recv_fds(requests, MESSAGE_BYTES, MAX_FILES)
        if not message:
            os._exit(0)
        start = Start(**json.loads(message))
        if "training" in start.command:
            # Optimisers import the compiler of torch when they are made, which takes as long as all else.
            importlib.import_module("torch._dynamo")
        if not (pid := _fork_orphan()):
            requests.detach()
            _take_files(start.descriptors, files)
            _become(start)
            return start
        for file in files:
            os.close(file)
        requests.send(str(pid).encode())


def _fork_orphan() -> int:
    """Fork a process whose parent ends at once; return its id, or 0 in it once another process has adopted it."""
    reading_end, writing_end = os.pipe()
    adopted, adopt = os.pipe()
    if not (parent := _fork()):
        if pid := _fork():
            os.write(writing_end, str(pid).encode())
            os._exit(0)
        os.close(adopt)
        os.read(adopted, 1)  # returns when the zygote closes its end
        return 0
    os.waitpid(parent, 0)
    pid = int(os.read(reading_end, 32))
    for file in (reading_end, writing_end, adopted, adopt):
        os.close(file)
    return pid


def _fork() -> int:
    with warnings.catch_warnings():
        # A library has an idle thread, which its child does not need.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _take_files(numbers: Sequence[int], files: Sequence[int]) -> None:
    """Give each file its number, and close all others."""
    above = max(*numbers, *files) + 1
    for number, file in enumerate(files, above):
        os.dup2(file, number)
    for number, file in zip(numbers, range(above, above + len(files)), strict=True):
        os.dup2(file, number)
    for entry in [*Path("/proc/self/fd").iterdir()]:
        if int(entry.name) not in numbers:
            with contextlib.suppress(OSError):  # the folder that has been listed
                os.close(int(entry.name))


def _become(start: Start) -> None:
    """Take over everything that a process inherits, and nothing of the zygote."""
    if start.session:
        os.setsid()
    else:
        os.setpgid(0, start.group)
    for number in signal.valid_signals():
        if number in start.ignored:
            signal.signal(number, signal.SIG_IGN)
        elif number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    tempfile.tempdir = None
    random.seed()
    importlib.import_module("numpy").random.seed()
    if "OMP_NUM_THREADS" not in start.environment:
        importlib.import_module("torch").set_num_threads(len(os.sched_getaffinity(0)))
    _open_streams(start.environment)
    _rename(start.command)
    for limit, soft, hard in start.limits:
        resource.setrlimit(limit, (soft, hard))
    signal.pthread_sigmask(signal.SIG_SETMASK, start.blocked)


def _open_streams(environment: Mapping[str, str]) -> None:
    """Open the standard output and error as an interpreter does that was started with these variables."""
    encoding, _, errors = environment.get("PYTHONIOENCODING", "").partition(":")
    unbuffered = bool(environment.get("PYTHONUNBUFFERED"))
    for number, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        file = io.FileIO(number, "w", closefd=False)
        stream = io.TextIOWrapper(
            cast(BinaryIO, file if unbuffered else io.BufferedWriter(file)),
            encoding or before.encoding,
            before.errors if name == "stderr" or not encoding else errors or "strict",
            line_buffering=name == "stderr" or file.isatty(),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _rename(command: Sequence[str]) -> None:
    """Write a command over that of the zygote, where ``ps`` finds it."""
    status = Path("/proc/self/stat").read_text().rpartition(")")[2]
    begin, end = map(int, status.split()[45:47])
    text = "\0".join(command).encode("utf-8", "surrogateescape")[: end - begin - 1]
    with Path("/proc/self/mem").open("wb", buffering=0) as memory:
        memory.seek(begin)
        memory.write(text.ljust(end - begin, b"\0"))


def _let_processes_spawn(started_with: Mapping[str, str]) -> Start | None:
    """Keep a zygote for what this process starts with :mod:`multiprocessing`; return its start in such a process."""
    requests, zygote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not (child := _fork()):
        os.setpgid(0, 0)  # signals to the group are for the command
        requests.close()
        with Path(os.devnull).open("r+b", buffering=0) as unused:
            for number in range(3):
                os.dup2(unused.fileno(), number)
        return _serve(zygote)
    zygote.close()

    def end() -> None:
        requests.close()
        os.waitpid(child, 0)

    _fork_what_is_spawned(lambda: requests if _read_at_start(os.environ) == started_with else None)
    atexit.register(end)
    return None


def _run(command: Sequence[str]) -> None:
    """Run a command line of Python as ``__main__``."""
    sys.orig_argv = [*command]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(module)["__builtins__"] = builtins
    arguments = command[1:]
    if [*arguments[: len(_FLAGS)]] == _FLAGS:
        arguments = arguments[len(_FLAGS) :]
    if arguments[0] == "-m":
        sys.argv = ["-m", *arguments[2:]]
        sys.path[0] = str(Path.cwd())
        vars(runpy)["_run_module_as_main"](arguments[1])
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        sys.path[0] = ""
        exec(arguments[1], vars(module))
    else:
        sys.argv = [*arguments]
        script = Path(arguments[0])
        sys.path[0] = str(script.parent)
        vars(module)["__file__"] = str(script)
        exec(compile(script.read_bytes(), script, "exec"), vars(module))
