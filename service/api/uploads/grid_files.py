"""NetCDF files over HTTP: each is read in a process of its own, which may compute for so long and no longer."""

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
from forecasting.readers import Options, Reading
from forecasting.readers.subprocess_reading import NAME, Request, command
from service.http.problems import ProblemError

PROCESSOR_SECONDS: Final = 20
"""That reading one may compute for, its process's start included."""

SECONDS: Final = 60.0
"""That it may take, on a busy machine too."""

_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
"""No threads that a single column has no use for, and no locks on a file that nobody else knows."""


class GridFiles:
    """Reads them, one at a time: each costs a process and its memory."""

    def __init__(
        self,
        processor_seconds: int = PROCESSOR_SECONDS,
        seconds: float = SECONDS,
        reader: Sequence[str] = tuple(command()),
    ) -> None:
        """With limits to reading one.

        Args:
            processor_seconds: that it may compute for.
            seconds: that it may take in all.
            reader: the command that does it.
        """
        self._processor_seconds = processor_seconds
        self._seconds = seconds
        self._reader = reader
        self._turn = asyncio.Lock()

    async def read(self, content: bytes, options: Options) -> Reading:
        """What is understood of a NetCDF file.

        Raises:
            FileError: if nothing is: why, and what to do.
            ProblemError: 503 where the server has no room for the file, or no processor.
        """
        try:
            async with self._turn:
                with tempfile.TemporaryDirectory(prefix="sst-") as folder:
                    path = Path(folder) / "upload.nc"
                    await asyncio.to_thread(path.write_bytes, content)
                    found = await self._ask(Request(path, options))
        except OSError as error:
            raise _unavailable(f"the server has no room to read NetCDF now: {error.strerror}") from None
        if isinstance(found, str):
            raise FileError(found)
        return found

    async def _ask(self, request: Request) -> Reading | str:
        process = await asyncio.create_subprocess_exec(
            *self._reader, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=os.environ | _ENVIRONMENT
        )
        _limit(process.pid, self._processor_seconds)
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(pickle.dumps(request))
        except TimeoutError:
            if is_asleep(process.pid):
                return (
                    f"{NAME}: was not read in {self._seconds:g} s, and what reads it waits for nothing: it is damaged; "
                    "write it anew, or send one place as CSV"
                )
            raise _unavailable(
                f"the server is too busy to read NetCDF now: it had not done so after {self._seconds:g} s"
            ) from None
        finally:
            await _end(process)
        if process.returncode == -signal.SIGXCPU:
            return (
                f"{NAME}: took over {self._processor_seconds} s of computing to read: it is damaged or too large; send "
                "one place as CSV"
            )
        if process.returncode != 0:
            return f"{NAME}: is damaged: what reads it broke down; write it anew, or send one place as CSV"
        found: Reading | str = pickle.loads(answer)  # noqa: S301  of a process of this program's own
        return found


def is_asleep(pid: int) -> bool:
    """Whether a process neither computes nor waits for a processor or a disk; False where that cannot be told."""
    with suppress(OSError, IndexError):
        # Its name, in brackets, may hold anything.
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] == "S"
        )
    return False


def _unavailable(said: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{said}; try again in a while, or send one place as CSV",
        headers={"Retry-After": "10"},
    )


def _limit(pid: int, processor_seconds: int) -> None:
    """End a process by a signal of its own once it has computed for so long, without a dump of its memory."""
    with suppress(ImportError, AttributeError, OSError):
        import resource

        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CPU, (processor_seconds, processor_seconds + 1))


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # Shielded: a request that is given up leaves no zombie behind.
        await asyncio.shield(process.wait())
