"""The codecs of a Zarr store, which are checked before the store is opened.

Metadata name the code that decodes an array: any codec of any installed package, such as ``pickle``, which runs what
the store says.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from forecasting.errors import FileError
from forecasting.readers.content import read_plain

KNOWN: Final = frozenset(
    {
        *("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"),
        *("astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize", "shuffle"),
        *("adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"),
        *("bytes", "endian", "sharding_indexed", "transpose"),
        # Of the codecs for objects, those that can only make texts and bytes, no larger than what they decode.
        *("vlen-bytes", "vlen-utf8"),
    }
)
"""Codecs that decode numbers and texts, and can do nothing else; format 3 may put ``numcodecs.`` before a name."""

_METADATA: Final = frozenset({".zarray", ".zmetadata", "zarr.json"})
_NO_ARRAYS: Final = (".zattrs", ".zgroup")
"""What else is in ``.zmetadata``: the attributes of a variable may have any names."""
_LONGEST: Final = 64 << 20
"""Bytes of a file of metadata."""


def refuse_unknown_codecs(store: Path) -> None:
    """Refuse a Zarr store if any of its arrays, in any group, has a codec that is not one of :data:`KNOWN`."""
    if not store.is_dir():
        raise FileError("is not a folder, as a Zarr store is; extract it, or name the folder")
    for file in _files(store):
        # Its variable is the folder that it is in.
        name = file.parent.relative_to(store).as_posix().removeprefix(".")
        for variable, array in _arrays(name, json.loads(read_plain(file, _LONGEST))):
            for codec in _codecs(array):
                _refuse_unknown(variable or store.name, codec)


def _refuse_unknown(variable: str, codec: Any) -> None:
    if not isinstance(codec, str) or codec.removeprefix("numcodecs.") not in KNOWN:
        raise FileError(
            f"variable {variable} has the codec {str(codec)[:40]!r}, which is not known to be safe; have whoever made "
            "the store write it with another, such as zstd"
        )


def _files(store: Path) -> Iterator[Path]:
    """Yield the files of metadata in a store and in all folders inside, also behind links, which Zarr follows."""
    seen = set()
    for at, folders, names in os.walk(store, followlinks=True, onerror=_raise):
        status = os.stat(at)  # noqa: PTH116  many folders
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (Path(at, name) for name in names if name in _METADATA)


def _raise(error: OSError) -> None:
    raise error


def _arrays(name: str, metadata: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what may be arrays in a file of metadata by name: the node itself, and those that it is consolidated from.

    Whether something claims to be a group does not matter, as readers differ in what they believe.
    """
    if not isinstance(metadata, dict):
        return
    yield name, metadata
    for key, node in _nodes(metadata):  # of .zmetadata
        *path, kind = key.split("/")
        if kind not in _NO_ARRAYS:
            yield from _arrays("/".join(filter(None, (name, *path))), node)
    for key, node in _nodes(metadata.get("consolidated_metadata")):
        yield from _arrays("/".join(filter(None, (name, key))), node)


def _nodes(metadata: Any) -> Iterator[tuple[str, Any]]:
    nodes = metadata.get("metadata") if isinstance(metadata, dict) else None
    yield from nodes.items() if isinstance(nodes, dict) else ()


def _codecs(array: dict[str, Any]) -> Iterator[Any]:
    """Yield the names of the codecs of an array, and of those inside a shard."""
    for key in ("codecs", "index_codecs", "filters", "compressor"):
        given = array.get(key)
        for codec in given if isinstance(given, list) else [] if given is None else [given]:
            if not isinstance(codec, dict):
                yield codec
                continue
            # Format 2 goes by id, format 3 by name.
            names = [codec[key] for key in ("id", "name") if key in codec]
            yield from names or [codec]
            if isinstance(inner := codec.get("configuration"), dict):
                yield from _codecs(inner)
