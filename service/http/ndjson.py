"""A body of lines, as it comes in: never more of it in memory than one piece and one line."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Receive

from service.http.problems import ProblemError

BATCH: Final = 256
"""Most lines that are handed on together."""


class Line(NamedTuple):
    """One line of a body.

    Attributes:
        number: from 1, as editors count.
        content: without its end; None where it is longer than allowed.
    """

    number: int
    content: bytes | None


async def read_lines(receive: Receive, limit: int) -> AsyncIterator[list[Line]]:
    """The lines of a body in batches, each as soon as what has arrived holds a line; blank ones are left out.

    Nothing is received while a batch is worked on, so that a client which sends faster than it is answered waits.

    Raises:
        ProblemError: if the client leaves before the body is complete.
    """
    cutter = _Cutter(limit)
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the client left before its body was complete")
        more = message.get("more_body", False)
        lines = cutter.cut(message.get("body", b"") + (b"" if more else b"\n"))
        for begin in range(0, len(lines), BATCH):
            yield lines[begin : begin + BATCH]


class _Cutter:
    """Cuts pieces into lines; of one that is too long nothing is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun = bytearray()
        self._is_long = False
        self._number = 0

    def cut(self, piece: bytes) -> list[Line]:
        """The lines that end in ``piece``."""
        *ends, begin = piece.split(b"\n")
        lines = [self._end(end) for end in ends]
        self._keep(begin)
        return [line for line in lines if line.content is None or line.content.strip()]

    def _end(self, end: bytes) -> Line:
        self._keep(end)
        self._number += 1
        line = Line(self._number, None if self._is_long else bytes(self._begun))
        self._begun.clear()
        self._is_long = False
        return line

    def _keep(self, piece: bytes) -> None:
        self._is_long |= len(self._begun) + len(piece) > self._limit
        if self._is_long:
            self._begun.clear()
        else:
            self._begun += piece
