"""Temporary files for data too large for memory, with a limit on all of them together."""

import tempfile
from collections.abc import Iterator
from http import HTTPStatus
from typing import IO, Self

from service.http.problems import ProblemError


class SpoolSpace:
    """The bytes that the temporary files of one caller may take, within what those of all callers may.

    Attributes:
        limit: the limit for the caller, in bytes.
    """

    def __init__(self, limit: int, everyone: "SpoolSpace | None" = None) -> None:
        self.limit = limit
        self._used = 0
        self._everyone = everyone

    def reserve(self, size: int) -> None:
        """Reserve ``size`` bytes.

        Raises:
            ProblemError: 503 if other requests hold too much.
        """
        if self._used + size > self.limit:
            detail = "too many large bodies are being read; try again in a second"
            headers = {"Retry-After": "1"}
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers, reason="overloaded")
        if self._everyone is not None:
            self._everyone.reserve(size)
        self._used += size

    def free(self, size: int) -> None:
        """Free ``size`` bytes."""
        self._used -= size
        if self._everyone is not None:
            self._everyone.free(size)


def _new_file() -> IO[bytes]:
    return tempfile.TemporaryFile()


class Spool:
    """A temporary file, which the system deletes when it is closed."""

    def __init__(self, space: SpoolSpace) -> None:
        self._space = space
        self._size = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._size

    def write(self, piece: bytes | memoryview) -> None:
        """Append ``piece``.

        Raises:
            ProblemError: 503 if there is no space.
        """
        self._space.reserve(len(piece))
        self._size += len(piece)
        if self._file is None:
            self._file = _new_file()
        self._file.write(piece)

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield what was written, ``size`` bytes at a time."""
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(size):
                yield piece

    def close(self) -> None:
        """Delete the file, and free its space."""
        self._space.free(self._size)
        self._size = 0
        if self._file is not None:
            self._file.close()
            self._file = None
