"""Read uploaded files: short texts in a thread, NetCDF and long texts each in a process with limited computing time."""

import asyncio
import re
import signal
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from forecasting import readers
from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions
from forecasting.readers.subprocess_reading import MODULE, NAME, dump, load
from forecasting.readers.text import is_longer, sniff_binary
from forecasting.remedies import Setting
from service.api.dependencies import app_state
from service.engine.serving import Serving
from service.http.problems import Place, ProblemError, choices_of
from service.settings import Settings
from service.worker.children import Child, Children

PROCESSOR_SECONDS: Final = 20
"""Computing time for reading one file, after the start of the process."""

MAX_RESPONSE: Final = 2**27
"""Bytes of the response of a process: sixteen million values, and gaps count."""


class FileReader(Children):
    """Reads NetCDF and long texts one at a time, since each takes a process and its memory."""

    def __init__(self, processor_seconds: int = PROCESSOR_SECONDS, reader: Sequence[str] = ("-m", MODULE)) -> None:
        """Limit the computing time for one file; ``reader`` has the arguments of Python."""
        super().__init__(reader, at_once=1)
        self._processor_seconds = processor_seconds

    async def read(self, content: bytes, options: ReadingOptions, limit: int) -> Reading:
        """Read a file of at most ``limit`` bytes of text."""
        try:
            async with self.lend() as child:
                child.is_reusable = False
                with tempfile.TemporaryDirectory(prefix="sst-") as folder:
                    path = Path(folder) / "upload"
                    await asyncio.to_thread(path.write_bytes, content)
                    result = await self._read(child, dump([path, options, limit, self._processor_seconds]))
        except OSError as error:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the server cannot store the file: {error.strerror}; try again later, or send a shorter period as CSV",
                headers={"Retry-After": "10"},
            ) from None
        if isinstance(result, FileError):
            raise result
        return result

    async def _read(self, child: Child, request: bytes) -> Reading | FileError:
        response, status = bytearray(), 0
        child.stdin.write(request)
        child.stdin.close()
        while len(response) <= MAX_RESPONSE and (piece := await child.stdout.read(2**20)):
            response += piece
        if len(response) <= MAX_RESPONSE:
            status = await child.wait()
        if status == -signal.SIGXCPU:
            return FileError(
                f"{NAME}: reading took more than {self._processor_seconds} s of computing time, so the file is damaged "
                "or too large; send one place or a shorter period as CSV"
            )
        if len(response) > MAX_RESPONSE:
            return FileError(f"{NAME}: holds too many values, or too long gaps; keep one place or a shorter period")
        with suppress(ValueError):
            if status == 0:
                result = await asyncio.to_thread(load, response)
                if isinstance(result, Reading | FileError):
                    return result
        return FileError(f"{NAME}: is damaged and crashed the reader; write it again, or send one place as CSV")


FileReaderDep = Annotated[FileReader, app_state("file_reader")]


async def read_upload(
    headers: Mapping[bytes, bytes],
    content: bytes,
    options: ReadingOptions,
    reader: FileReader,
    serving: Serving,
    settings: Settings,
) -> Reading:
    """Read a short text in a worker thread, and NetCDF and long texts in a process that ends with the request."""
    netcdf = require_file(headers, content) or options.format == "netcdf"
    try:
        reading = None if netcdf else await serving.worker.run(read_short_text, content, options, settings)
        return reading or await reader.read(content, options, settings.max_body_bytes)
    except FileError as error:
        raise unreadable_file(error) from None


SHORT_TEXT: Final = 5 * 2**20
"""Bytes of text up to which a file is read in a thread. It takes a second or so, and a process as long to start.

A thread cannot be stopped, so that longer files are read in a process.
"""

_NOT_THE_FILE: Final = re.compile(rb"multipart/.*|application/(.*\+)?json", re.IGNORECASE | re.DOTALL)


def require_file(headers: Mapping[bytes, bytes], content: bytes) -> bool:
    """Return whether a body is NetCDF instead of text."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip()
    if _NOT_THE_FILE.fullmatch(media_type):
        raise _unsupported(
            f"{media_type.decode('latin-1')[:64]!r} is not the media type of a file; send the file itself as the body"
        )
    try:
        return sniff_binary(content) is not None
    except FileError as error:
        raise _unsupported(f"the file {error}") from None


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def unreadable_file(error: FileError) -> ProblemError:
    """Return the problem of a file that cannot be read: 422, with the place and the remedy."""
    message = error.written(in_query)
    places = [Place(location="body", message=message)]
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, message, places, choices=choices_of(error))


def read_short_text(content: bytes, options: ReadingOptions, settings: Settings) -> Reading | None:
    """Read a text file; None if it is longer than :data:`SHORT_TEXT`."""
    if is_longer(content, SHORT_TEXT):
        return None
    # The first use imports pandas, which a service that only gets JSON never needs.
    return readers.read_content(content, options, limit=settings.max_body_bytes)


def in_query(setting: Setting) -> str:
    """Write an option of reading as a query parameter: ``units=kelvin``."""
    return f"{setting.option}={setting.text}"
