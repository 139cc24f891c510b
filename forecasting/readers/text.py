"""Recognise binary files, and decode text files."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from forecasting.errors import FileError

MAX_TEXT: Final = 2**30
"""Default limit of decompressed text in bytes: some ten million lines."""

_GZIP: Final = b"\x1f\x8b"
_NETCDF: Final = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
_REFUSED: Final = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook; extract it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"PAR1": "is Parquet; write it as CSV",
    b"GRIB": "is GRIB; convert it to NetCDF",
    b"%PDF": "is a PDF; save the table as CSV",
    b"BZh": "is compressed with bzip2; decompress it, or use gzip",
    b"\xfd7zXZ\x00": "is compressed with xz; decompress it, or use gzip",
    b"\x28\xb5\x2f\xfd": "is compressed with Zstandard; decompress it, or use gzip",
    b"7z\xbc\xaf": "is a 7-Zip archive; extract it first",
}
_ERDDAP_ERROR: Final = re.compile(r'\s*Error \{\s*code=(\d+);\s*message="(.*?)";?\s*\}?\s*$', re.DOTALL)


def sniff_binary(path: Path | bytes) -> str | None:
    """Return ``netcdf`` or ``zarr`` if a file, or its content, is one; None if it may be text."""
    if isinstance(path, Path) and path.is_dir():
        if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata")):
            return "zarr"
        raise FileError("is a folder but not a Zarr store; name a file in it")
    with _opened(path) as file:
        return _kind(file.read(8))


def _kind(head: bytes) -> str | None:
    if head.startswith(_NETCDF):
        return "netcdf"
    for magic, remedy in _REFUSED.items():
        if head.startswith(magic):
            raise FileError(remedy)
    return None


def read_text(path: Path | bytes, limit: int = MAX_TEXT) -> tuple[str, tuple[str, ...]]:
    """Decode a text file or its content, gzipped or not; returns the text and notes on how it was read.

    The encoding is UTF-8, or otherwise Latin-1, which older ERDDAP servers write.
    """
    data = _unpacked(path, limit)
    if _kind(data[:8]) is not None:
        raise FileError("is a gzipped NetCDF file; decompress it first")
    if b"\x00" in data[:65_536]:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise FileError("is encoded in UTF-16; save it as CSV in UTF-8")
        raise FileError("is binary and has an unknown format; use CSV, ERDDAP, NDBC or NetCDF")
    notes: tuple[str, ...] = ()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text, notes = data.decode("latin-1"), (f"line {line} is not UTF-8, so the file was read as Latin-1",)
    _refuse_responses(text)
    return text, notes


def is_longer(content: bytes, limit: int) -> bool:
    """Return whether the content of a text file, gzipped or not, has more than ``limit`` bytes of text."""
    if len(content) > limit or not content.startswith(_GZIP):
        return len(content) > limit
    with suppress(EOFError, zlib.error, OSError), gzip.open(io.BytesIO(content)) as packed:
        return len(packed.read(limit + 1)) > limit
    return False


def _unpacked(path: Path | bytes, limit: int) -> bytes:
    with _opened(path) as file:
        data = file.read(limit + 1)
    if data.startswith(_GZIP):
        with _opened(path) as file, gzip.open(file) as packed:
            data = packed.read(limit + 1)
    if len(data) > limit:
        raise FileError(f"holds more than {limit / 2**20:g} MiB of text; keep one station or a shorter period")
    return data


@contextmanager
def _opened(path: Path | bytes) -> Iterator[BinaryIO]:
    """Open a file or its content; an error while it is read becomes a sentence."""
    try:
        with io.BytesIO(path) if isinstance(path, bytes) else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileError("is a damaged or truncated gzip file; download it again") from None
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read it: {getattr(error, 'strerror', None) or error}") from None


def _refuse_responses(text: str) -> None:
    """Refuse error pages that a browser saved under the name of the data."""
    if re.match(r"\s*<(!doctype html|html|\?xml)", text[:1_000], re.IGNORECASE):
        raise FileError("is a web page; download the data itself")
    if re.match(r"\s*[\[{]\s*[\[{\"]", text[:1_000]):
        raise FileError("is JSON; write it as CSV with one value per line")
    message = erddap_error(text[:10_000])
    if message:
        raise FileError(f"is an error message of an ERDDAP server: {message}")


def erddap_error(body: str) -> str | None:
    """Return the message in the body of an ERDDAP error; None for any other body."""
    match = _ERDDAP_ERROR.match(body)
    if match is None:
        return None
    return re.sub(r"\s+", " ", re.sub(r"\\(.)", lambda c: " " if c[1] == "n" else c[1], match[2])).strip()
