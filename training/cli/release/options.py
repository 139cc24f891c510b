"""Arguments that several subcommands of ``release`` share, and what they print of a copy."""

import argparse
from pathlib import Path
from typing import Final

from forecasting.releases.remote.push import Copied
from forecasting.releases.trusted_keys import VARIABLE
from forecasting.wording import counted

RELEASES: Final = "a release, a dataset (its current release) or an artifacts folder (all current releases)"
"""The meanings of a path or URL."""


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add the paths of releases, at least one."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help=RELEASES)


def add_keep_current(parser: argparse.ArgumentParser) -> None:
    """Add ``--keep-current``."""
    parser.add_argument("--keep-current", action="store_true", help="do not make the copied release current")


def print_copied(copied: Copied, *, is_current: bool) -> None:
    """Print what a copy of a release did, and whether the release serves from now on."""
    serving = "; it is now current" if is_current else ""
    print(f"{copied.place}: {copied.copied} of {counted(copied.files, 'file')} copied{serving}")


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
