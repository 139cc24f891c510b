"""Bodies that arrive piece by piece: what a piece holds, what is refused, and the lines of NDJSON."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.types import Message, Receive

from service.http.problems import ProblemError

BATCH: Final = 256
"""The most lines that are passed on together."""


def part_of(message: Message) -> tuple[bytes, bool]:
    """Return the piece of a body that a message holds, and whether more follow.

    Raises:
        ProblemError: 400 if the client disconnected instead.
    """
    if message["type"] == "http.disconnect":
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the client disconnected before sending the whole body")
    return message.get("body", b""), message.get("more_body", False)


def too_large(limit: int) -> ProblemError:
    """Return the refusal of a body over the limit."""
    detail = f"the body is too large: send at most {limit} bytes"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, reason="body_too_large")


def refuse_compression(headers: dict[bytes, bytes], kind: str) -> None:
    """Raise ProblemError (415) if the headers announce a compressed body, which a ``kind`` of body may not be."""
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
        detail = f"a compressed {kind} body is not supported: send it without Content-Encoding"
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": "identity"})


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
