"""The library versions that a release records."""

import platform

import numpy as np
import torch


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that affect the weights."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
