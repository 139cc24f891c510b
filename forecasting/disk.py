"""Files that a loss of power leaves as they are: on the disk, and not only in the memory of the system."""

import os
from pathlib import Path


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
