"""Read a body line by line as it arrives, with no more than one piece and one line of it in memory."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from starlette.types import Receive

from service.http.bodies import part_of

BATCH: Final = 256
"""The most lines that are passed on together."""


class Line(NamedTuple):
    """One line of a body.

    Attributes:
        number: its number in the body, starting at 1.
        content: the line without its end; None if it is too long.
    """

    number: int
    content: bytes | None


async def read_lines(receive: Receive, limit: int) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body in batches, as soon as they arrive. Blank lines are skipped.

    Nothing is received while a batch is processed, so a client that sends too fast has to wait.

    Raises:
        ProblemError: if the client disconnects before sending the whole body.
    """
    cutter = _Cutter(limit)
    more = True
    while more:
        piece, more = part_of(await receive())
        lines = cutter.cut(piece + (b"" if more else b"\n"))
        for begin in range(0, len(lines), BATCH):
            yield lines[begin : begin + BATCH]


class _Cutter:
    """Cuts pieces into lines. A line that is too long is dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._partial = bytearray()
        self._is_long = False
        self._number = 0

    def cut(self, piece: bytes) -> list[Line]:
        """Return the lines that end in ``piece``."""
        *ends, rest = piece.split(b"\n")
        lines = [self._end(end) for end in ends]
        self._keep(rest)
        return [line for line in lines if line.content is None or line.content.strip()]

    def _end(self, end: bytes) -> Line:
        self._keep(end)
        self._number += 1
        line = Line(self._number, None if self._is_long else bytes(self._partial))
        self._partial.clear()
        self._is_long = False
        return line

    def _keep(self, piece: bytes) -> None:
        self._is_long |= len(self._partial) + len(piece) > self._limit
        if self._is_long:
            self._partial.clear()
        else:
            self._partial += piece
