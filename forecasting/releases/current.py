"""Makes a release current, and replaces other small files next to those of a release."""

import os
import tempfile
from pathlib import Path
from typing import Final

from forecasting.releases.release import CURRENT

UNFINISHED: Final = ".publishing-"
"""Prefix of the names of files and folders that are not published yet."""


def point_current(dataset: Path, version: str) -> None:
    """Make ``version`` the release that serves, atomically."""
    replace_text(dataset / CURRENT, version + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write a file by rename, so that no reader finds half of it.

    Raises:
        OSError: if it cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
