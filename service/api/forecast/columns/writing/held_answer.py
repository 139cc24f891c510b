"""An answer that waits for the end of the body: a little in memory, the rest in a temporary file."""

from collections.abc import Iterator
from typing import Final, Self

from service.api.forecast.columns.spool import Spool, SpoolSpace
from service.http.problems import ProblemError

_IN_MEMORY: Final = 2**20
_PIECE: Final = 2**18


class HeldAnswer:
    """Keeps the pieces of an answer, as long as there is space for them."""

    def __init__(self, space: SpoolSpace) -> None:
        self._spool = Spool(space)
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_full = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Keep a piece; yield what can no longer be kept."""
        if self._is_full:
            if piece:
                yield piece
            return
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size <= _IN_MEMORY:
            return
        try:
            self._spool.write(b"".join(self._pieces))
        except ProblemError:
            self._is_full = True
            yield from self._all()
        self._pieces.clear()
        self._size = 0

    def end(self) -> Iterator[bytes]:
        """Yield everything that is kept."""
        if not self._is_full:
            yield from self._all()

    @property
    def is_in_memory(self) -> bool:
        """Whether the answer so far is in memory, and nothing of it has been yielded."""
        return not self._is_full and not self._spool.size

    def whole(self) -> bytes:
        """Return everything that is kept in memory."""
        return b"".join(self._pieces)

    def _all(self) -> Iterator[bytes]:
        yield from self._spool.pieces(_PIECE)
        yield b"".join(self._pieces)
