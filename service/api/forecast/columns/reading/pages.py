"""Checks the pages of a Parquet file before it is read: a small page may say that it is large once decompressed.

Each page begins with a header in Thrift's compact protocol, whose second and third fields are its sizes.
"""

from typing import Final

import pyarrow.parquet as papq

MAX_PAGE: Final = 16 * 2**20
"""Bytes of a page once it is decompressed; writers make pages of about one."""

_MAX_PAGES: Final = 100_000

_BYTES_OF_FIXED: Final = {3: 1, 7: 8}
"""Bytes of a number of fixed size, by type: a byte, a double."""
_BOOLEANS: Final = (1, 2)
_INTEGERS: Final = (4, 5, 6)
_BINARY: Final = 8
_LISTS: Final = (9, 10)
_STRUCT: Final = 12
_MAX_DEPTH: Final = 8


class FileRefusedError(Exception):
    """A Parquet file that is refused, with the reason.

    Attributes:
        is_large: whether it, or a part of it, is too large; otherwise it is not valid.
    """

    def __init__(self, reason: str, *, is_large: bool = False) -> None:
        super().__init__(reason)
        self.is_large = is_large


def check_pages(content: memoryview, metadata: papq.FileMetaData, columns: frozenset[str]) -> None:
    """Refuse a file with a page of these ``columns`` that is too large.

    Raises:
        FileRefusedError: if a page is not inside the file or too large, or there are too many.
    """
    count = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for place in range(row_group.num_columns):
            column = row_group.column(place)
            if column.path_in_schema not in columns:
                continue
            begin = column.data_page_offset
            if column.has_dictionary_page and column.dictionary_page_offset is not None:
                begin = min(begin, column.dictionary_page_offset)
            end = begin + column.total_compressed_size
            if begin < 4 or end > len(content) or column.total_compressed_size < 0:
                raise FileRefusedError("a column is outside it")
            while begin < end:
                count += 1
                if count > _MAX_PAGES:
                    raise _too_large(f"it has more than {_MAX_PAGES} pages: write larger ones")
                begin = _Header(content, begin, end).next_page()


def _too_large(reason: str) -> FileRefusedError:
    return FileRefusedError(reason, is_large=True)


class _Header:
    """Reads the header of one page."""

    def __init__(self, content: memoryview, begin: int, end: int) -> None:
        self._content = content
        self._at = begin
        self._end = end

    def next_page(self) -> int:
        """Return where the next page begins.

        Raises:
            FileRefusedError: if the page is too large, or is not inside its column.
        """
        sizes = self._read_struct(0)
        plain, stored = sizes.get(2), sizes.get(3)
        if plain is None or stored is None or plain < 0 or stored < 0 or self._at + stored > self._end:
            raise FileRefusedError("a page is outside its column")
        if plain > MAX_PAGE:
            raise _too_large(f"a page has {plain} bytes; the limit is {MAX_PAGE}: write smaller pages")
        return self._at + stored

    def _byte(self) -> int:
        if self._at >= self._end:
            raise FileRefusedError("the header of a page is truncated")
        value = self._content[self._at]
        self._at += 1
        return value

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise FileRefusedError("a number in the header of a page is too long")

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _read_struct(self, depth: int) -> dict[int, int]:
        """Return the integers among the fields of a struct, by their number."""
        if depth > _MAX_DEPTH:
            raise FileRefusedError("the header of a page is nested too deeply")
        numbers: dict[int, int] = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 0x0F
            if kind in _INTEGERS:
                numbers[field] = self._signed()
            elif kind not in _BOOLEANS:
                self._skip(kind, depth)
        return numbers

    def _skip(self, kind: int, depth: int) -> None:
        """Skip a value; booleans in lists take a byte each."""
        if kind in _INTEGERS:
            self._varint()
        elif kind in _BYTES_OF_FIXED:
            self._at += _BYTES_OF_FIXED[kind]
        elif kind == _BINARY:
            size = self._varint()
            self._at += size
        elif kind == _STRUCT:
            self._read_struct(depth + 1)
        elif kind in _LISTS:
            self._skip_list(depth)
        else:
            raise FileRefusedError("the header of a page holds an unknown type")

    def _skip_list(self, depth: int) -> None:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._varint()
        if count > self._end - self._at:
            raise FileRefusedError("a list in the header of a page is too long")
        for _ in range(count):
            if head & 0x0F in _BOOLEANS:
                self._byte()
            else:
                self._skip(head & 0x0F, depth + 1)
