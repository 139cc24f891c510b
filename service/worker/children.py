"""Processes that read what clients send. One that hangs, crashes or takes too much memory does no harm.

They limit their own memory and computing time, see :mod:`forecasting.process_limits`.
"""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

_PASSED: Final = ("DYLD_LIBRARY_PATH", "HDF5_PLUGIN_PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")
"""Variables without which some installations of Python or HDF5 do not work."""

_SET: Final = {
    # Arrow's usual pool reserves a gigabyte, which would count. Nobody else uses the file that HDF5 reads.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

_BUFFER: Final = 2**20
"""Bytes that are received ahead."""


class Child:
    """A process that reads what clients send, with an empty folder, no settings and no secrets."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self.stdin, self.stdout = process.stdin, process.stdout
        self.is_reusable = True

    @classmethod
    async def start(cls, arguments: Sequence[str]) -> "Child":
        """Start Python with ``arguments``, such as ``-m`` and the name of a module."""
        variables = {name: os.environ[name] for name in _PASSED if name in os.environ} | _SET
        variables["PYTHONPATH"] = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
        with tempfile.TemporaryDirectory(prefix="sst-") as folder:
            return cls(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-P", *arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=variables,
                    cwd=folder, limit=_BUFFER,
                )
            )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        # asyncio learns of the end only in a later turn of the loop.
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    async def wait(self) -> int:
        """Wait until the process has ended; returns its exit status, or the negative number of a signal."""
        return await self._process.wait()

    async def end(self) -> None:
        """End the process, if it still runs."""
        self.stdin.close()
        if self._process.returncode is None:
            self._process.kill()
            # Shielded, so that a cancelled request leaves no zombie process.
            await asyncio.shield(self._process.wait())


class Children:
    """Lends processes, some at once, of which a caller may have a share."""

    def __init__(self, arguments: Sequence[str], *, at_once: int, max_idle: int = 0, caller_share: float = 1.0) -> None:
        """Limit the processes that run at once, and those that wait to be lent again.

        ``arguments`` are those of :meth:`Child.start`.
        """
        self._arguments, self._max_idle = arguments, max_idle
        self._share = max(1, int(at_once * caller_share))
        self._turns = asyncio.Semaphore(at_once)
        # A caller's lives as long as one of its requests.
        self._turns_of_callers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._idle: list[Child] = []

    @asynccontextmanager
    async def lend(self, caller: str = "") -> AsyncGenerator[Child]:
        """Lend a process, which ends afterwards unless it is reusable."""
        turns = self._turns_of_callers.get(caller)
        if turns is None:
            turns = self._turns_of_callers[caller] = asyncio.Semaphore(self._share)
        async with turns, self._turns:
            # When memory is short, the kernel ends these processes first.
            self._idle = [child for child in self._idle if child.is_alive]
            child = self._idle.pop() if self._idle else await Child.start(self._arguments)
            try:
                yield child
            finally:
                if child.is_reusable and len(self._idle) < self._max_idle:
                    self._idle.append(child)
                else:
                    await child.end()

    async def close(self) -> None:
        """End the processes that wait."""
        while self._idle:
            await self._idle.pop().end()
