"""A checkpoint on disk, known by its path and digest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError
from forecasting.models.metadata import digest

_LOAD_AGAIN: Final = "restore the file, or load the model again with load_forecaster"


@dataclass(frozen=True)
class CheckpointFile:
    """A file of a release, such as the one that a network was loaded from."""

    path: Path
    sha256: str

    def read(self, since: str = "it was loaded", remedy: str = _LOAD_AGAIN) -> bytes:
        """Return the content after checking it against the digest."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"cannot read {self.path}: {error.strerror}; {remedy}") from None
        if digest(content) != self.sha256:
            raise ReleaseError(f"{self.path} has changed since {since}: its sha256 differs; {remedy}")
        return content

    @contextmanager
    def named(self) -> Iterator[None]:
        """Prefix errors about the content with the path."""
        try:
            yield
        except ReleaseError as error:
            raise ReleaseError(f"{self.path}: {error}") from None
