"""The releases and the series that the distribution carries."""

from pathlib import Path
from typing import Final

NINO12: Final = Path(__file__).with_name("nino12.csv")
"""A series to try: monthly SST of the region Niño 1+2, off Peru."""
RELEASES: Final = Path(__file__).with_name("artifacts")
"""The bundled releases. Read only: an installed distribution may be on a path that cannot be written."""


def default_artifacts() -> Path:
    """Return ``artifacts`` in the working folder; the bundled releases if there is no such folder."""
    local = Path("artifacts")
    # In container images, releases come from a volume, and none are bundled.
    return local if local.exists() or not RELEASES.is_dir() else RELEASES
