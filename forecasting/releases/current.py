"""Making a release the one that serves."""

import os
import tempfile
from pathlib import Path
from typing import Final

from forecasting.releases.release import CURRENT

UNFINISHED: Final = ".publishing-"
"""What the name of a file or folder begins with that is not published yet."""


def point_current(dataset: Path, version: str) -> None:
    """Make ``version`` the release that serves, atomically."""
    handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=dataset)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(version + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(dataset / CURRENT)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
