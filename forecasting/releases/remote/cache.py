"""Where local copies of releases in other places are kept."""

import os
from pathlib import Path
from typing import Final

from forecasting.errors import ReleaseError

VARIABLE: Final = "SST_ARTIFACTS_CACHE"
"""The environment variable that names another folder."""


def default_cache() -> Path:
    """Return the folder for local copies: ``sst-forecasting`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        ReleaseError: if the user has no home.
    """
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if caches:
        return Path(caches) / "sst-forecasting"
    try:
        return Path.home() / ".cache" / "sst-forecasting"
    except RuntimeError:
        raise ReleaseError(f"there is no folder for the release cache: set {VARIABLE} to one") from None


def chosen_cache() -> Path:
    """Return the folder that :data:`VARIABLE` names, or else the default.

    Raises:
        ReleaseError: as :func:`default_cache` does.
    """
    named = os.environ.get(VARIABLE, "")
    return Path(named) if named else default_cache()
