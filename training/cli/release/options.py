"""Options that several subcommands of ``release`` share."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from forecasting.releases.trusted_keys import TrustedKeys

_VARIABLE: Final = "SST_TRUSTED_KEYS"


def add_trusted_keys(parser: argparse.ArgumentParser) -> None:
    """Add ``--trusted-key``."""
    parser.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=f"PEM file with a public key, or a folder of them; repeatable (default: {_VARIABLE})",
    )


def trusted_keys(paths: Sequence[Path]) -> TrustedKeys | None:
    """Return the keys in ``paths``, or in ``SST_TRUSTED_KEYS`` if there are none; None if neither names a key.

    Raises:
        RequestError: if a key cannot be used.
    """
    named = [Path(part.strip()) for part in os.environ.get(_VARIABLE, "").split(",") if part.strip()]
    return TrustedKeys.read(paths or named) if paths or named else None
