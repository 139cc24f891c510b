"""Options that several subcommands of ``release`` share."""

import argparse
from pathlib import Path

from forecasting.releases.trusted_keys import VARIABLE


def add_trusted_keys(parser: argparse.ArgumentParser) -> None:
    """Add ``--trusted-key``."""
    parser.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help=f"PEM file with a public key, or a folder of them; repeatable (default: {VARIABLE})",
    )
