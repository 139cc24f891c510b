"""The state of an input: content, sizes and times of its files."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from forecasting.errors import FileError
from forecasting.readers import content_digest
from scoring.errors import ScoringError
from scoring.source import inside


@dataclass(frozen=True)
class Fingerprint:
    """The state of an input at one moment.

    Attributes:
        files: files and folders of the input.
        sha256: digest of their content.
        stamps: name, size and modification time of each file.
    """

    files: tuple[Path, ...]
    sha256: str
    stamps: tuple[tuple[str, int, int], ...]

    @classmethod
    def of(cls, files: tuple[Path, ...]) -> "Fingerprint":
        """Return the fingerprint of ``files``, which may include folders.

        Raises:
            FileError: if a file cannot be read.
        """
        try:
            stamps = _stamps(files)
            return cls(files, _digest(files), stamps)
        except OSError as error:
            raise FileError(f"{error.filename or files[0]}: cannot read it: {error.strerror or error}") from None

    def check(self) -> None:
        """Raise ScoringError if a file has changed since the fingerprint was taken."""
        now = _stamps(self.files)
        changed = sorted({name for name, *_ in set(now) ^ set(self.stamps)})
        if changed:
            raise ScoringError(f"{changed[0]} changed while it was being read; run again when it is complete")


def _digest(files: tuple[Path, ...]) -> str:
    if len(files) == 1:
        return content_digest(files[0])
    digests = b"".join(os.fsencode(f"{file.name}\n{content_digest(file)}\n") for file in files)
    return hashlib.sha256(digests).hexdigest()


def _stamps(files: tuple[Path, ...]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(inner), inner.stat()) for file in files for inner in inside(file)]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
