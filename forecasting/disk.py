"""Files that processes share, and that a kill or a loss of power leaves whole."""

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

_POLL_SECONDS: Final = 0.02


def flush(path: Path) -> None:
    """Write a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(path: Path) -> None:
    """Write a file to the disk, or a folder with all that is in it."""
    for inner in [path, *path.rglob("*")] if path.is_dir() else [path]:
        flush(inner)


@contextmanager
def replacing(path: Path, prefix: str = ".") -> Iterator[BinaryIO]:
    """Open a file, named with ``prefix``, that becomes ``path`` once the block ends and all of it is on the disk."""
    half = path.with_name(f"{prefix}{path.name}.{secrets.token_hex(4)}")
    try:
        with half.open("x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as :func:`replacing` does."""
    with replacing(path) as file:
        file.write(content)


def move_whole(half: Path, path: Path) -> None:
    """Give a file or folder its name when all of it is on the disk."""
    flush_all(half)
    half.rename(path)
    flush(path.parent)


@contextmanager
def locked(path: Path, patience: float | None = None) -> Iterator[bool]:
    """Lock a file or folder; yield whether this was possible, within ``patience`` seconds if given.

    The lock ends with the process, even if it is killed. If the file is removed meanwhile, raise FileNotFoundError.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        is_held = _lock(descriptor, patience)
        if is_held and not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(errno.ENOENT, "was replaced", str(path))
        yield is_held
    finally:
        os.close(descriptor)


def _lock(descriptor: int, patience: float | None) -> bool:
    if patience is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return True
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
        time.sleep(_POLL_SECONDS)
