"""Read uploaded NetCDF files, each in a separate process with a limit on computing time."""

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
"""Computing time for reading one file, including the start of the process."""

SECONDS: Final = 60.0
"""Total time for reading one file, even on a busy machine."""

_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
"""No threads, which a single column does not need, and no locks on a file that nobody else uses."""


class GridFiles:
    """Reads NetCDF files one at a time, since each takes a process and its memory."""

    def __init__(
        self,
        processor_seconds: int = PROCESSOR_SECONDS,
        seconds: float = SECONDS,
        reader: Sequence[str] = tuple(command()),
    ) -> None:
        """Create a reader.

        Args:
            processor_seconds: the computing time for one file.
            seconds: the total time for one file.
            reader: the command that reads a file.
        """
        self._processor_seconds = processor_seconds
        self._seconds = seconds
        self._reader = reader
        self._turn = asyncio.Lock()

    async def read(self, content: bytes, options: ReadingOptions) -> Reading:
        """Read a NetCDF file.

        Raises:
            FileError: if the file cannot be read; says why, and what to do.
            ProblemError: 503 if the server is out of disk space or too busy.
        """
        try:
            async with self._turn:
                with tempfile.TemporaryDirectory(prefix="sst-") as folder:
                    path = Path(folder) / "upload.nc"
                    await asyncio.to_thread(path.write_bytes, content)
                    result = await self._run(Request(path, options))
        except OSError as error:
            raise _unavailable(f"the server cannot store a NetCDF file: {error.strerror}") from None
        if isinstance(result, FileError):
            raise result
        return result

    async def _run(self, request: Request) -> Reading | FileError:
        process = await asyncio.create_subprocess_exec(
            *self._reader, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=os.environ | _ENVIRONMENT
        )
        limit_process(process.pid, self._processor_seconds)
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(pickle.dumps(request))
        except TimeoutError:
            if is_asleep(process.pid):
                return FileError(
                    f"{NAME}: could not be read within {self._seconds:g} s, so the file is probably damaged; write "
                    "it again, or send one place as CSV"
                )
            raise _unavailable(
                f"the server is too busy: the NetCDF file was not read within {self._seconds:g} s"
            ) from None
        finally:
            await end_process(process)
        if process.returncode == -signal.SIGXCPU:
            return FileError(
                f"{NAME}: reading took more than {self._processor_seconds} s of computing time, so the file is damaged "
                "or too large; send one place as CSV"
            )
        if process.returncode != 0:
            return FileError(f"{NAME}: is damaged and crashed the reader; write it again, or send one place as CSV")
        result: Reading | FileError = pickle.loads(answer)  # noqa: S301  from a process that this one started
        return result


def is_asleep(pid: int) -> bool:
    """Whether a process is idle, waiting for neither a processor nor a disk; False if that is unknown."""
    with suppress(OSError, IndexError):
        # The name of the process, in brackets, may hold anything.
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


def limit_process(pid: int, processor_seconds: int) -> None:
    """Have a signal end a process after this much computing time, without a core dump."""
    with suppress(ImportError, AttributeError, OSError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))


async def end_process(process: Process) -> None:
    """End a process, if it still runs."""
    if process.returncode is None:
        process.kill()
        # Shielded, so that a cancelled request leaves no zombie process.
        await asyncio.shield(process.wait())
