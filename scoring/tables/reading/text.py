"""The text of a CSV file in blocks; :func:`forecasting.readers.text.read_text` reads a whole file."""

import codecs
import csv
import gzip
import re
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import Final

import numpy as np

from forecasting.readers.lines import is_row
from forecasting.readers.text import read_text

BLOCK: Final = 2_000_000
"""Bytes per block; Arrow always reads up to 32 blocks ahead."""
_HEAD: Final = 200
"""Lines from which the columns are identified, without comments."""
_START: Final = 65_536
"""Bytes from which it is decided whether a file is text."""
_RETURN: Final = re.compile(rb"\r(?!\n|\Z)")
"""A line ending of classic Mac OS."""
_STRANGE: Final = b'# \t"\r\n'
"""First bytes of lines that may not be rows; the column separator is another."""
_END: Final = ord("\n")
_QUOTE: Final = ord('"')
_GZIP: Final = b"\x1f\x8b"


class Text:
    """A CSV file, plain or gzip-compressed, decoded to UTF-8."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._latin: bool | None = None

    @property
    def is_latin(self) -> bool:
        """Whether the part read so far is not valid UTF-8, and is read as Latin-1."""
        return self._latin is True

    def head(self) -> str:
        """Return the first lines.

        Raises:
            FileError: if the file is not text, or is an error page of a server.
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

    def rows(self, below: int, separator: str) -> "Lines":
        """Return the rows after the first ``below`` lines as a file, without blank lines and comments."""
        return Lines(_rows(block, separator) for block in _below(self._blocks(), below))

    def _blocks(self) -> Iterator[bytes]:
        """Yield blocks of whole lines."""
        rest, mark, returns = b"", codecs.BOM_UTF8, False
        with _open(self._file) as file:
            while piece := file.read(BLOCK - len(rest) % BLOCK):
                if mark:
                    piece = piece.removeprefix(mark)
                    returns, mark = _RETURN.search(piece) is not None, b""
                if returns:
                    piece = piece.replace(b"\r", b"\n")
                whole, end, rest = (rest + piece).rpartition(b"\n")
                yield self._as_utf8(whole + end)
        yield self._as_utf8(rest)

    def _as_utf8(self, lines: bytes) -> bytes:
        # Most files are ASCII and need no second read.
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
    """A file-like object over blocks of bytes, for :mod:`pyarrow`."""

    closed = False

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = b""

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return b""
            self._left = block
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def close(self) -> None:
        """Mark the object as closed."""
        self.closed = True


def _below(blocks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    for block in blocks:
        begin = 0
        while lines and (end := block.find(b"\n", begin)) >= 0:
            begin, lines = end + 1, lines - 1
        if not lines:
            yield block[begin:]


def _rows(lines: bytes, separator: str) -> bytes:
    """Return the lines that are neither blank nor comments."""
    codes = np.frombuffer(lines, dtype=np.uint8)
    begins = np.append(0, np.flatnonzero(codes[:-1] == _END) + 1)[: len(codes)]
    strange = np.zeros(256, dtype=np.bool_)
    strange[list(_STRANGE + separator.encode())] = True
    suspect = begins[strange[codes[begins]]]
    # A quotation mark alone is not suspect: many files quote their text.
    quoted = codes[suspect] == _QUOTE
    suspect = suspect[~quoted | strange[codes[np.minimum(suspect + 1, len(codes) - 1)]]]
    blank = re.compile(rb"[\s\"%s]*(?:#|\n|\Z)" % re.escape(separator.encode()))
    kept, done = [], 0
    for begin in suspect.tolist():
        if blank.match(lines, begin) is None:
            continue
        end = lines.find(b"\n", begin) + 1 or len(lines)
        cells = next(csv.reader([lines[begin:end].decode()], delimiter=separator), [])
        if not is_row([cell.strip() for cell in cells]):
            kept.append(lines[done:begin])
            done = end
    return b"".join((*kept, lines[done:])) if done else lines
