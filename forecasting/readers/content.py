"""Open what is a plain file, and nothing else: no pipe that never ends, and no link where none may be."""

import errno
import os
import stat
from pathlib import Path

from forecasting.errors import FileError


def open_plain(path: Path | str, *, folder: int | None = None, follow: bool = True) -> int:
    """Open a file for reading and return its descriptor, which the caller closes.

    A pipe is refused instead of waited for.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileError(f"{Path(path).name} is a link") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileError(f"{Path(path).name} is not a file")
    return descriptor


def read_plain(path: Path | str, limit: int, *, folder: int | None = None, follow: bool = True) -> bytes:
    """Return the content of a file; see :func:`open_plain`."""
    with os.fdopen(open_plain(path, folder=folder, follow=follow), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise FileError(f"{Path(path).name} is larger than {limit >> 20} MiB")
    return content
