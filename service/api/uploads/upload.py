"""Read a file in the body of a request."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions
from service.api.uploads.answer import read_short_text, require_file, unreadable_file
from service.api.uploads.grid_files import GridFiles
from service.engine.serving import Serving
from service.settings import Settings


def _grid_files(request: Request) -> GridFiles:
    grid_files: GridFiles = request.app.state.grid_files
    return grid_files


GridFilesDep = Annotated[GridFiles, Depends(_grid_files)]


async def read_upload(
    headers: Mapping[bytes, bytes],
    content: bytes,
    options: ReadingOptions,
    grid_files: GridFiles,
    serving: Serving,
    settings: Settings,
) -> Reading:
    """Read a short text in a worker thread; NetCDF and long texts in a separate process, which ends with the request.

    Raises:
        ProblemError: 415 if the body is not a file, 422 if it cannot be read, 503 if the server is too busy.
    """
    netcdf = require_file(headers, content) or options.format == "netcdf"
    try:
        reading = None if netcdf else await serving.run_in_worker(read_short_text, content, options, settings)
        return reading or await grid_files.read(content, options, settings.max_body_bytes)
    except FileError as error:
        raise unreadable_file(error) from None
