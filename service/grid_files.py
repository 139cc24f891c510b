"""NetCDF files over HTTP: each is read in a process of its own, which has so much time and no more."""

import asyncio
import os
import pickle
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from http import HTTPStatus
from pathlib import Path
from typing import Final

from forecasting.errors import FileError
from forecasting.readers import Options, Reading
from forecasting.readers.subprocess_reading import NAME, Request, command
from service.errors import ProblemError

SECONDS: Final = 20.0
"""That reading one may take, its process's start included."""

_ENVIRONMENT: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HDF5_USE_FILE_LOCKING": "FALSE"}
"""No threads that a single column has no use for, and no locks on a file that nobody else knows."""


class GridFiles:
    """Reads them, one at a time: each costs a process and its memory."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """``seconds`` is the longest that one may take."""
        self._seconds = seconds
        self._turn = asyncio.Lock()

    async def read(self, content: bytes, options: Options) -> Reading:
        """What is understood of a NetCDF file.

        Raises:
            FileError: if nothing is: why, and what to do.
            ProblemError: 503 where the server has no room for the file.
        """
        try:
            async with self._turn:
                with tempfile.TemporaryDirectory(prefix="sst-") as folder:
                    path = Path(folder) / "upload.nc"
                    await asyncio.to_thread(path.write_bytes, content)
                    found = await self._ask(Request(path, options))
        except OSError as error:
            detail = f"the server has no room to read NetCDF now: {error.strerror}; send one place as CSV"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"}) from None
        if isinstance(found, str):
            raise FileError(found)
        return found

    async def _ask(self, request: Request) -> Reading | str:
        process = await asyncio.create_subprocess_exec(
            *command(), stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=os.environ | _ENVIRONMENT
        )
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await process.communicate(pickle.dumps(request))
        except TimeoutError:
            return f"{NAME}: took over {self._seconds:g} s to read: it is damaged or too large; send one place as CSV"
        finally:
            await _end(process)
        if process.returncode != 0:
            return f"{NAME}: is damaged: what reads it broke down; write it anew, or send one place as CSV"
        found: Reading | str = pickle.loads(answer)  # noqa: S301  of a process of this program's own
        return found


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # Shielded: a request that is given up leaves no zombie behind.
        await asyncio.shield(process.wait())
