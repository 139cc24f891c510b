"""Read a file in a separate process, which may hang or crash without harm.

    python -m forecasting.readers.subprocess_reading

takes the arguments of :func:`respond`, and the seconds of computing time that it may take, from standard input, and
writes what it returns to standard output, both as :func:`dump` writes them: that is data only, so that neither side can
make the other run code. Libraries that read a damaged HDF5 file may loop forever or crash the process.
"""

import gc
import json
import math
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from forecasting.errors import FileError
from forecasting.process_limits import limit_memory, limit_time, take_output
from forecasting.readers.flags import Marked
from forecasting.readers.options import ReadingOptions
from forecasting.readers.reading import ColumnNames, Grid, Reading, ReadStation
from forecasting.readers.text import sniff_binary
from forecasting.remedies import Remedy, Setting
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import Weather

MODULE: Final = "forecasting.readers.subprocess_reading"
"""What a parent runs with ``python -m``."""

NAME: Final = "the file"

MEMORY: Final = 2**30
"""Bytes of memory for the process; a small file can claim to hold a billion values."""

_CLASSES: Final[dict[str, Any]] = {
    made.__name__: made
    for made in (
        ColumnNames,
        Grid,
        Marked,
        Reading,
        ReadingOptions,
        Remedy,
        Setting,
        SstSeries,
        ReadStation,
        TimeStep,
        Weather,
    )
}
"""Plain dataclasses, the only objects that requests and responses are made of."""

_ALIGNMENT: Final = 8
"""Bytes."""


def respond(path: Path, options: ReadingOptions, limit: int) -> Reading | FileError:
    """Read the file, a text of at most ``limit`` bytes or NetCDF; an error does not reveal its path."""
    from forecasting.readers.files import read_content  # the parent needs neither this nor pandas

    try:
        _refuse_other_files(path, options)
        return read_content(path, options, name=NAME, limit=limit)
    except FileError as error:
        return FileError(error.message.replace(str(path), NAME), index=error.index, remedy=error.remedy)
    except MemoryError:
        return FileError(f"{NAME}: needs too much memory; keep one place or a shorter period")


def _refuse_other_files(path: Path, options: ReadingOptions) -> None:
    """Refuse NetCDF that would make this process read other files for whoever sent it."""
    try:
        if options.format == "netcdf" or sniff_binary(path) is not None:
            from forecasting.readers.grid.store import refuse_other_files  # a text does not need it

            refuse_other_files(path)
    except FileError as error:
        raise FileError.of(error, f"{NAME}: ") from None


def dump(value: object) -> bytes:
    """Return a request or a response as bytes: a line of JSON, then the arrays that it refers to."""
    arrays = bytearray()
    line = json.dumps(_plain(value, arrays)).encode() + b"\n"
    return line.rjust(len(line) + -len(line) % _ALIGNMENT) + arrays


def load(content: bytes | bytearray) -> Any:
    """Return what :func:`dump` was given, with tuples in place of lists."""
    end = content.index(b"\n") + 1
    try:
        return _restored(json.loads(content[:end]), memoryview(content)[end:])
    except (TypeError, LookupError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _plain(value: Any, arrays: bytearray) -> Any:
    """Return a value as JSON: itself, or a list that begins with its kind; append the contents of arrays."""
    match value:
        case np.ndarray() | np.generic():
            begin, array = len(arrays), np.asarray(value)
            arrays += array.tobytes()
            arrays += bytes(-len(arrays) % _ALIGNMENT)
            return ["array", array.dtype.str, array.shape, begin]
        case FileError():
            return ["error", *(_plain(part, arrays) for part in (value.message, value.index, value.remedy))]
        case Path():
            return ["path", str(value)]
        case list() | tuple():
            return ["items", *(_plain(item, arrays) for item in value)]
        case dict():
            return ["pairs", *(_plain(pair, arrays) for pair in value.items())]
        case None | str() | int() | float():
            return value
    return [type(value).__name__, *(_plain(getattr(value, field.name), arrays) for field in fields(value))]


def _restored(value: Any, arrays: memoryview) -> Any:
    if not isinstance(value, list):
        return value
    kind, *content = value
    if kind == "array":
        dtype, shape, begin = content
        array = np.frombuffer(arrays, np.dtype(dtype), math.prod(shape), begin).reshape(shape)
        return array if shape else array[()]
    items = tuple([_restored(item, arrays) for item in content])
    match kind:
        case "path":
            return Path(*items)
        case "items":
            return items
        case "pairs":
            return dict(items)
        case "error":
            message, index, remedy = items
            return FileError(message, index=index, remedy=remedy)
    made = _CLASSES[kind]
    return made(**dict(zip((field.name for field in fields(made)), items, strict=True)))


def main() -> None:
    """Answer one request."""
    out = take_output()
    limit_memory(MEMORY)
    *request, seconds = load(sys.stdin.buffer.read())
    limit_time(seconds)
    # Lists of cells hold no cycles, and looking for some takes a third of the time of a long text.
    gc.disable()
    outcome = respond(*request)
    with out:
        out.write(dump(outcome))


if __name__ == "__main__":
    main()
