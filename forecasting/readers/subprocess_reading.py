"""A file that is read in a process of its own, which may hang or die over it.

    python -m forecasting.readers.subprocess_reading

takes a pickled :class:`Request` at its standard input and writes a :class:`~forecasting.readers.Reading`, or the
sentence of the :class:`~forecasting.errors.FileError`, pickled, to its standard output. It is for a parent that lets it
compute for so long and no longer: the libraries that read a damaged HDF5 file may loop for ever, or bring the process
down.
"""

import contextlib
import os
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import FileError
from forecasting.readers.base.options import Options
from forecasting.readers.read import read_content
from forecasting.readers.result.reading import Reading

NAME: Final = "the file"

MEMORY: Final = 2**30
"""Bytes that the process may hold; a small file can say that it holds a billion values."""


@dataclass(frozen=True)
class Request:
    """Where a file lies, and what is said of it."""

    path: Path
    options: Options


def command() -> list[str]:
    """What a parent runs."""
    return [sys.executable, "-m", "forecasting.readers.subprocess_reading"]


def answer(request: Request) -> Reading | str:
    """What was understood of a file, or why nothing was, without a word on where it lies."""
    try:
        return read_content(request.path, request.options, name=NAME)
    except FileError as error:
        return str(error).replace(str(request.path), NAME)
    except MemoryError:
        return f"{NAME}: needs too much memory; keep one place or a shorter time"


def main() -> None:
    """Answer one request."""
    # What libraries print shall not get into the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _bound()
    request: Request = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that runs this one
    found = answer(request)
    with out:
        pickle.dump(found, out)


def _bound() -> None:
    """Take no more memory than is meant for it, and be the first to go where the machine has none left."""
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    main()
