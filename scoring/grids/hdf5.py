"""Files that HDF5 writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path


class HdfFile:
    """A file for HDF5, which does not see its errors; :meth:`check` raises the first.

    After an error of the system, HDF5 reports some of it to standard error, goes on, and may end the process.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise OSError if anything could not be written."""
        if self._error is not None:
            raise self._error

    def write(self, data: bytes | memoryview) -> int:
        """Write all of ``data``, unless something could not be written before."""
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view) and self._error is None:
            try:
                written += self._file.write(view[written:])
            except OSError as error:
                self._error = error
        return len(view)

    def truncate(self, size: int) -> int:
        """Change the size of the file."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def read(self, size: int = -1) -> bytes:
        """Read from the current position."""
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Change the position, and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current position."""
        return self._file.tell()

    def flush(self) -> None:
        """Do nothing: nothing is held back."""


@contextmanager
def written_by_hdf5(path: Path, begun: bytes | memoryview = b"") -> Iterator[HdfFile]:
    """Yield a new file for HDF5 with the content that is ``begun``."""
    with FileIO(path, "w+") as raw:
        file = HdfFile(raw)
        file.write(begun)
        file.check()
        try:
            yield file
        finally:
            # What HDF5 raises, if it does, is about this error.
            file.check()
