"""A checkpoint on disk, known by its path and digest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError
from forecasting.models.metadata import digest

_LOAD_AGAIN: Final = "restore the file, or load the model again with load_forecaster"


@dataclass(frozen=True)
class CheckpointFile:
    """The file that a network was loaded from.

    Attributes:
        path: absolute, so that another process finds it too.
        sha256: of its content, in hexadecimal.
    """

    path: Path
    sha256: str

    def read(self, since: str = "it was loaded", remedy: str = _LOAD_AGAIN) -> bytes:
        """Return the content, as :func:`read_unchanged` does."""
        return read_unchanged(self.path, self.sha256, since, remedy)


def read_unchanged(path: Path, sha256: str, since: str, remedy: str) -> bytes:
    """Return the content of a file after checking it against its digest.

    Args:
        path: of the file.
        sha256: of its content, in hexadecimal.
        since: when the digest was taken, for the error: ``it was published``.
        remedy: what to do if the file is missing or has changed, for the error.

    Raises:
        ReleaseError: if the file cannot be read or has changed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ReleaseError(f"cannot read {path}: {error.strerror}; {remedy}") from None
    if digest(content) != sha256:
        raise ReleaseError(f"{path} has changed since {since}: its sha256 differs; {remedy}")
    return content
