"""Where a release's weights come from, beside the data: the libraries that computed them."""

import platform

import numpy as np
import torch


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that determine what a checkpoint holds."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
