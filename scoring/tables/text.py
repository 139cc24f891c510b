"""The text of a CSV file, piece by piece, as :func:`forecasting.readers.text.read_text` has it of a whole one."""

import codecs
import gzip
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Final

from forecasting.readers.text import read_text

BLOCK: Final = 2_000_000
"""Bytes that are read at once; Arrow reads up to 32 such blocks ahead, whatever it is told."""
_HEAD: Final = 200
"""Lines that tell what the columns hold, comments not counted."""
_START: Final = 65_536
"""Bytes that tell whether it is text."""
_GZIP: Final = b"\x1f\x8b"


class Text:
    """A CSV file, gzip or not, as UTF-8."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._latin: bool | None = None

    @property
    def is_latin(self) -> bool:
        """Whether it was found to be no UTF-8, so far, and is read as Latin-1."""
        return self._latin is True

    def head(self) -> str:
        """Its first lines.

        Raises:
            FileError: if it is no text, or is what a server sent in place of data.
        """
        with _open(self._file) as file:
            read_text(file.read(_START))
        lines: list[bytes] = []
        rows = 0
        for line in (line for block in self._blocks() for line in block.splitlines(keepends=True)):
            lines.append(line)
            rows += bool(line.strip()) and not line.startswith(b"#")
            if rows == _HEAD:
                break
        return b"".join(lines).decode()

    def below(self, lines: int) -> "Lines":
        """What stands below so many lines, as a file."""
        return Lines(_below(self._blocks(), lines))

    def _blocks(self) -> Iterator[bytes]:
        """Whole lines, many at once."""
        rest, mark = b"", codecs.BOM_UTF8
        with _open(self._file) as file:
            while piece := file.read(BLOCK - len(rest) % BLOCK):
                whole, end, rest = (rest + piece.removeprefix(mark)).rpartition(b"\n")
                mark = b""
                yield self._as_utf8(whole + end)
        yield self._as_utf8(rest)

    def _as_utf8(self, lines: bytes) -> bytes:
        # Most files are ASCII, and are read once.
        if lines.isascii():
            return lines
        if self._latin is None:
            self._latin = not _is_utf8(self._file)
        return lines.decode("latin-1").encode() if self._latin else lines


def _is_utf8(file: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _open(file) as content:
            while block := content.read(BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _open(file: Path) -> BufferedIOBase:
    with file.open("rb") as raw:
        packed = raw.read(2) == _GZIP
    return gzip.open(file) if packed else file.open("rb")


class Lines:
    """What :mod:`pyarrow` asks of a file, over blocks."""

    closed = False

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def read(self, size: int) -> bytes:
        """Some bytes, at most so many; none at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._left = block
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def close(self) -> None:
        """Nothing is open."""
        self.closed = True


def _below(blocks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for block in blocks:
        begin = 0
        while lines and (end := block.find(b"\n", begin)) >= 0:
            begin, lines = end + 1, lines - 1
        if not lines:
            yield block[begin:]
