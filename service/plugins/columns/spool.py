"""Responses that wait for the end of the body, in memory or in temporary files, with a limit on all files together."""

import tempfile
from collections.abc import Iterator
from http import HTTPStatus
from typing import IO, Final, Self

from service.http.problems import ProblemError

_IN_MEMORY: Final = 2**20
_PIECE: Final = 2**18


class SpoolSpace:
    """The bytes that the temporary files of one caller may take, within what those of all callers may."""

    def __init__(self, limit: int, everyone: "SpoolSpace | None" = None) -> None:
        self.limit = limit
        self._used = 0
        self._everyone = everyone

    def reserve(self, size: int) -> None:
        """Reserve ``size`` bytes."""
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
    return tempfile.SpooledTemporaryFile(_IN_MEMORY)


class HeldResponse:
    """Keeps the pieces of a response, as long as there is space: a little in memory, more in a temporary file."""

    def __init__(self, space: SpoolSpace) -> None:
        self._space = space
        self._file = _new_file()
        self._size = self._reserved = 0
        self._is_full = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._space.free(self._reserved)
        self._file.close()

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Keep a piece; yield what can no longer be kept."""
        size = self._size + len(piece)
        if not self._is_full and size > _IN_MEMORY:
            try:
                self._space.reserve(size - self._reserved)
                self._reserved = size
            except ProblemError:
                yield from self.end()
                self._is_full = True
        if not self._is_full:
            self._file.write(piece)
            self._size = size
        elif piece:
            yield piece

    def end(self) -> Iterator[bytes]:
        """Yield everything that is kept."""
        if not self._is_full:
            self._file.seek(0)
            while piece := self._file.read(_PIECE):
                yield piece

    @property
    def is_in_memory(self) -> bool:
        """Whether the response so far is in memory, and nothing of it has been yielded."""
        return not self._is_full and not self._reserved
