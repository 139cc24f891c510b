"""A process that has imported the libraries, which takes seconds, and is forked for each command that a test runs.

It reads :class:`Start` messages from a socket, its standard input. Each command runs in a process with the arguments,
environment, files, limits and signals that a new interpreter would have. Only the modules are imported already, those
of the project included: what a program imports is tested with new interpreters.
"""

import atexit
import builtins
import contextlib
import gc
import importlib
import io
import json
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
from collections.abc import Sequence
from pathlib import Path

import alembic.context
import fastapi
import httpx
import matplotlib.figure
import numpy as np
import pandas as pd
import pydantic_settings
import sqlalchemy.dialects.sqlite
import torch
import uvicorn
import xarray

from tests.zygote.start import MAX_FILES, MESSAGE_BYTES, Start, fork_what_is_spawned, read_at_start

LIBRARIES = (alembic, fastapi, httpx, matplotlib.figure, np, pd, pydantic_settings, sqlalchemy, torch, uvicorn, xarray)

PROGRAMS = ("service.app", "training.cli.train")

_started_with = read_at_start(os.environ)
_FLAGS = vars(subprocess)["_args_from_interpreter_flags"]()


def main() -> None:
    """Be a zygote, and in each process forked from it, the command that it is for."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    for program in PROGRAMS:
        importlib.import_module(program)
    gc.collect()
    gc.freeze()
    start = _serve(socket.socket(fileno=0))
    spawned = _let_processes_spawn()
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
    _set_signals(start.ignored)
    os.umask(start.umask)
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environment)
    tempfile.tempdir = None
    random.seed()
    np.random.seed()
    if "OMP_NUM_THREADS" not in start.environment:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
    if sys.stdout.isatty() and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    _rename(start.command)
    for number, soft, hard in start.limits:
        resource.setrlimit(number, (soft, hard))
    signal.pthread_sigmask(signal.SIG_SETMASK, start.blocked)


def _set_signals(ignored: Sequence[int]) -> None:
    for number in signal.valid_signals():
        if number in ignored:
            signal.signal(number, signal.SIG_IGN)
        elif number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _rename(command: Sequence[str]) -> None:
    """Write a command over that of the zygote, where ``ps`` finds it."""
    status = Path("/proc/self/stat").read_text().rpartition(")")[2]
    begin, end = map(int, status.split()[45:47])
    text = "\0".join(command).encode("utf-8", "surrogateescape")[: end - begin - 1]
    with Path("/proc/self/mem").open("wb", buffering=0) as memory:
        memory.seek(begin)
        memory.write(text.ljust(end - begin, b"\0"))


def _let_processes_spawn() -> Start | None:
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

    fork_what_is_spawned(lambda: requests if read_at_start(os.environ) == _started_with else None)
    atexit.register(end)
    return None


def _run(command: Sequence[str]) -> None:
    """Run a command line of Python as ``__main__``."""
    sys.orig_argv = [*command]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
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
        exec(arguments[1], vars(main))
    else:
        sys.argv = [*arguments]
        script = Path(arguments[0])
        sys.path[0] = str(script.parent)
        vars(main)["__file__"] = str(script)
        exec(compile(script.read_bytes(), script, "exec"), vars(main))
