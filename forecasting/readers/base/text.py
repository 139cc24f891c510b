"""The bytes of a file: what they are, and as text."""

import gzip
import io
import re
import zlib
from pathlib import Path
from typing import BinaryIO, Final

from forecasting.errors import FileError

MAX_TEXT: Final = 2**30
"""Bytes of text that are read, unpacked: some ten million lines."""

_GZIP: Final = b"\x1f\x8b"
_NETCDF: Final = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
_REFUSED: Final = {
    b"PK\x03\x04": "is a ZIP archive or a workbook; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old workbook; save the sheet as CSV",
    b"PAR1": "is Parquet; write it as CSV",
    b"GRIB": "is GRIB; convert it to NetCDF",
    b"%PDF": "is a PDF; save the table as CSV",
    b"BZh": "is packed by bzip2; unpack it, or pack it by gzip",
    b"\xfd7zXZ\x00": "is packed by xz; unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "is packed by Zstandard; unpack it, or pack it by gzip",
    b"7z\xbc\xaf": "is a 7-Zip archive; unpack it",
}
_ERDDAP_ERROR: Final = re.compile(r'\s*Error \{\s*code=(\d+);\s*message="(.*?)";?\s*\}?\s*$', re.DOTALL)


def sniff_binary(path: Path | bytes) -> str | None:
    """``netcdf`` or ``zarr`` where a file, or its content, is one; None for what may be text.

    Raises:
        FileError: if it cannot be read, or is of a kind that is not handled.
    """
    if isinstance(path, bytes):
        return _kind(path[:8])
    if path.is_dir():
        if any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zmetadata")):
            return "zarr"
        raise FileError("is a folder that is no Zarr store; name a file in it")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _kind(head)


def _kind(head: bytes) -> str | None:
    if head.startswith(_NETCDF):
        return "netcdf"
    for magic, remedy in _REFUSED.items():
        if head.startswith(magic):
            raise FileError(remedy)
    return None


def read_text(path: Path | bytes, limit: int = MAX_TEXT) -> tuple[str, tuple[str, ...]]:
    """A text file, or its content, gzip or not, and notes on how it was read.

    UTF-8, or else Latin-1, which older ERDDAP servers write. At most ``limit`` bytes are read, unpacked.

    Raises:
        FileError: if it cannot be read, is too long, or is no text.
    """
    data = _unpacked(path, limit)
    if _kind(data[:8]) is not None:
        raise FileError("is a NetCDF file inside gzip; unpack it first")
    if b"\x00" in data[:65_536]:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise FileError("is not UTF-8 text but UTF-16; save it as CSV with UTF-8 encoding")
        raise FileError("is binary, no UTF-8 text, and of no kind known here; bring CSV, ERDDAP, NDBC or NetCDF")
    notes: tuple[str, ...] = ()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text, notes = data.decode("latin-1"), (f"line {line} is not UTF-8; the file was read as Latin-1",)
    _refuse_answers(text)
    return text, notes


def _unpacked(path: Path | bytes, limit: int) -> bytes:
    try:
        with _open(path) as file:
            data = file.read(limit + 1)
        if data.startswith(_GZIP):
            with _open(path) as file, gzip.open(file) as packed:
                data = packed.read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise FileError("is a gzip file that is damaged or cut short; fetch it again") from None
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise FileError(f"holds over {limit / 2**20:g} MiB of text; keep one station or a shorter time")
    return data


def _open(path: Path | bytes) -> BinaryIO:
    return io.BytesIO(path) if isinstance(path, bytes) else path.open("rb")


def _refuse_answers(text: str) -> None:
    """What a server sends in place of data, and a browser saves under the name of the data."""
    if re.match(r"\s*<(!doctype html|html|\?xml)", text[:1_000], re.IGNORECASE):
        raise FileError("is a web page, not data; download the data itself")
    if re.match(r"\s*[\[{]\s*[\[{\"]", text[:1_000]):
        raise FileError("is JSON; write it as CSV, one line a value")
    message = erddap_error(text[:10_000])
    if message:
        raise FileError(f"is not data but an ERDDAP server's answer: {message}")


def erddap_error(body: str) -> str | None:
    """The message in an ERDDAP server's error body; None if it is none."""
    match = _ERDDAP_ERROR.match(body)
    if match is None:
        return None
    return re.sub(r"\s+", " ", re.sub(r"\\(.)", lambda c: " " if c[1] == "n" else c[1], match[2])).strip()
