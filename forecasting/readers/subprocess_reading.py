"""Read a file in a separate process, which may hang or crash without harm.

    python -m forecasting.readers.subprocess_reading

takes a pickled :class:`Request` from standard input and writes a pickled :class:`~forecasting.readers.Reading` or
:class:`~forecasting.errors.FileError` to standard output. The parent limits its time: libraries that read a damaged
HDF5 file may loop forever or crash the process.
"""

import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import FileError
from forecasting.process_limits import limit_memory
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.files import read_content
from forecasting.readers.result.reading import Reading

NAME: Final = "the file"

MEMORY: Final = 2**30
"""Bytes of memory for the process; a small file can claim to hold a billion values."""


@dataclass(frozen=True)
class Request:
    """A file to read, and what to override."""

    path: Path
    options: ReadingOptions


def command() -> list[str]:
    """The command that a parent runs."""
    return [sys.executable, "-m", "forecasting.readers.subprocess_reading"]


def answer(request: Request) -> Reading | FileError:
    """Read the file; an error does not reveal its path."""
    try:
        return read_content(request.path, request.options, name=NAME)
    except FileError as error:
        return FileError(error.message.replace(str(request.path), NAME), index=error.index, remedy=error.remedy)
    except MemoryError:
        return FileError(f"{NAME}: needs too much memory; keep one place or a shorter period")


def main() -> None:
    """Answer one request."""
    # Keep what libraries print out of the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    limit_memory(MEMORY)
    request: Request = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that runs this one
    outcome = answer(request)
    with out:
        pickle.dump(outcome, out)


if __name__ == "__main__":
    main()
