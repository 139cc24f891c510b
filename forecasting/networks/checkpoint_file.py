"""A checkpoint on disk, known by its path and digest."""

from dataclasses import dataclass
from pathlib import Path

from forecasting.errors import ReleaseError
from forecasting.networks.metadata import digest


@dataclass(frozen=True)
class CheckpointFile:
    """The file that a network was loaded from.

    Attributes:
        path: absolute, so that another process finds it too.
        sha256: of its content, in hexadecimal.
    """

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Return the content after checking it against the digest.

        Raises:
            ReleaseError: if the file cannot be read or has changed.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise ReleaseError(f"{self.path} cannot be read: {error.strerror}") from None
        if digest(content) != self.sha256:
            raise ReleaseError(
                f"{self.path} has changed: its sha256 differs from that of the pickled checkpoint; restore the file, "
                "or load the model again with load_forecaster"
            )
        return content
