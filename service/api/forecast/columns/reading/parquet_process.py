"""Reads a Parquet file in a process of its own: a damaged one can end the process that decodes it.

    python -m service.api.forecast.columns.reading.parquet_process ROWS < FILE

writes an Arrow stream of so many rows at a time. If the file has columns that no request has, that is the schema alone.
A file that is refused ends with :data:`REFUSED`, and the reason on standard error.
"""

import json
import mmap
import os
import struct
import sys
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as papq

from service.api.forecast.columns.reading.pages import FileRefusedError, check_pages

REFUSED: Final = 3

NAMES: Final = ("id", "time", "sst", "latitude", "longitude")
INDEX: Final = "__index_level_"
"""Begins the names of columns that pandas adds for the index of a DataFrame; they are ignored."""

_MAX_FOOTER: Final = 4 * 2**20
_MAX_ENTRIES: Final = 100_000
"""Entries of a list in the footer, such as columns and row groups."""

_MEMORY: Final = 2**30
"""Bytes that decoding may take."""


def check_ends(begin: bytes, end: bytes, size: int) -> None:
    """Refuse a file of ``size`` bytes that does not begin and end with these bytes as a Parquet file does.

    Raises:
        FileRefusedError: says why.
    """
    if not size:
        raise FileRefusedError("it is empty")
    if begin[:4] == b"PARE":
        raise FileRefusedError("it is encrypted")
    if begin[:4] != b"PAR1":
        raise FileRefusedError("it does not begin with PAR1")
    if size < 12 or end[-4:] != b"PAR1":
        raise FileRefusedError("it does not end with PAR1 and may be truncated")
    (footer,) = struct.unpack("<I", end[-8:-4])
    if footer > _MAX_FOOTER:
        raise FileRefusedError(
            f"its footer has {footer} bytes; the limit is {_MAX_FOOTER}: write larger row groups", is_large=True
        )
    if footer > size - 12:
        raise FileRefusedError("its footer is larger than the file")


def convert(content: memoryview, rows: int, sink: pa.NativeFile) -> None:
    """Write the file as an Arrow stream.

    Raises:
        FileRefusedError: if it cannot be used.
    """
    check_ends(bytes(content[:8]), bytes(content[-8:]), len(content))
    file = papq.ParquetFile(
        pa.BufferReader(pa.py_buffer(content)),
        pre_buffer=False,
        thrift_string_size_limit=_MAX_FOOTER,
        thrift_container_size_limit=_MAX_ENTRIES,
    )
    schema = file.schema_arrow.remove_metadata()
    names = [name for name in schema.names if not name.startswith(INDEX)]
    if not set(names) <= set(NAMES) or len(set(names)) < len(names):
        with pa.ipc.new_stream(sink, schema):
            return
    check_pages(content, file.metadata, frozenset(names))
    with pa.ipc.new_stream(sink, pa.schema([schema.field(name) for name in names])) as stream:
        for batch in file.iter_batches(rows, columns=names, use_threads=False):
            stream.write_batch(batch)


def _limit_memory() -> None:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Convert the file on standard input."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _limit_memory()
    size = os.fstat(0).st_size
    try:
        content = memoryview(mmap.mmap(0, size, access=mmap.ACCESS_READ) if size else b"")
        convert(content, int(sys.argv[1]), pa.PythonFile(out, mode="w"))
        out.flush()
    except FileRefusedError as error:
        _end(str(error), is_large=error.is_large)
    except BrokenPipeError:
        os._exit(1)
    except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError, LookupError) as error:
        _end(" ".join(str(error).split())[:200] or type(error).__name__, is_large=False)


def _end(reason: str, *, is_large: bool) -> None:
    sys.stderr.write(json.dumps({"reason": reason, "is_large": is_large}))
    sys.stderr.flush()
    # What has been written stays without its end.
    os._exit(REFUSED)


if __name__ == "__main__":
    main()
