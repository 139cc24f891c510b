"""NetCDF uploads: each is read in a separate process with limited time."""

import asyncio
import os
import pickle
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions
from forecasting.readers.subprocess_reading import NAME, Request, command
from service.http.problems import ProblemError

PROCESSOR_SECONDS: Final = 20
"""Processor time for reading one file, including the start of the process."""

SECONDS: Final = 60.0
"""Wall-clock time for reading one file, even on a busy machine."""

_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
"""A single column does not benefit from threads, and no other process opens the file."""


class GridFiles:
    """Reads NetCDF files one at a time, as each takes a process and its memory."""

    def __init__(
        self,
        processor_seconds: int = PROCESSOR_SECONDS,
        seconds: float = SECONDS,
        reader: Sequence[str] = tuple(command()),
    ) -> None:
        """Set the limits of reading one file.

        Args:
            processor_seconds: of computing.
            seconds: of wall-clock time.
            reader: the command that reads a file.
        """
        self._processor_seconds = processor_seconds
        self._seconds = seconds
        self._reader = reader
        self._turn = asyncio.Lock()

    async def read(self, content: bytes, options: ReadingOptions) -> Reading:
        """Read a NetCDF file.

        Raises:
            FileError: if it cannot be read: why, and what to do.
            ProblemError: 503 if the server has no disk space or processor time for it.
        """
        try:
            async with self._turn:
                with tempfile.TemporaryDirectory(prefix="sst-") as folder:
                    path = Path(folder) / "upload.nc"
                    await asyncio.to_thread(path.write_bytes, content)
                    outcome = await self._ask(Request(path, options))
        except OSError as error:
            raise _unavailable(f"the server has no room for the NetCDF file: {error.strerror}") from None
        if isinstance(outcome, FileError):
            raise outcome
        return outcome

    async def _ask(self, request: Request) -> Reading | FileError:
        process = await asyncio.create_subprocess_exec(
            *self._reader, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=os.environ | _ENVIRONMENT
        )
        _limit(process.pid, self._processor_seconds)
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(pickle.dumps(request))
        except TimeoutError:
            if is_asleep(process.pid):
                return FileError(
                    f"{NAME}: could not be read within {self._seconds:g} s because it is damaged; write it again, or "
                    "send one place as CSV"
                )
            raise _unavailable(
                f"the server is too busy to read NetCDF: it did not finish within {self._seconds:g} s"
            ) from None
        finally:
            await _end(process)
        if process.returncode == -signal.SIGXCPU:
            return FileError(
                f"{NAME}: took more than {self._processor_seconds} s of processor time to read; it is damaged or "
                "too large; send one place as CSV"
            )
        if process.returncode != 0:
            return FileError(f"{NAME}: is damaged and crashed the reader; write it again, or send one place as CSV")
        outcome: Reading | FileError = pickle.loads(answer)  # noqa: S301  written by a child process
        return outcome


def is_asleep(pid: int) -> bool:
    """Whether a process is idle, neither computing nor waiting for a processor or disk; False if unknown."""
    with suppress(OSError, IndexError):
        # The process name, in brackets, can contain anything.
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "S"
        )
    return False


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{reason}; try again later, or send one place as CSV",
        headers={"Retry-After": "10"},
    )


def _limit(pid: int, processor_seconds: int) -> None:
    """Have SIGXCPU end a process after so many seconds of computing, without a core dump."""
    with suppress(ImportError, AttributeError, OSError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # Shielded, so that a cancelled request leaves no zombie process.
        await asyncio.shield(process.wait())
