"""Options that several commands share."""

import argparse
import os
from pathlib import Path


def add_artifacts_folder(parser: argparse._ActionsContainer) -> None:
    """Add ``--out``, the folder of releases."""
    parser.add_argument(
        "--out", type=Path, default=Path("artifacts"), metavar="DIR", help="artifacts folder (default: %(default)s)"
    )


def add_keep(parser: argparse._ActionsContainer) -> None:
    """Add ``--keep``."""
    parser.add_argument("--keep", type=not_negative, metavar="N", help="number of old releases to keep (default: all)")


def add_workers(parser: argparse._ActionsContainer) -> None:
    """Add ``--workers``."""
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="number of processes (default: one per core)",
    )


def positive(text: str) -> int:
    """Parse a positive integer.

    Raises:
        argparse.ArgumentTypeError: if the text is not one.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, not {text!r}")
    return int(text)


def not_negative(text: str) -> int:
    """Parse an integer that is not negative.

    Raises:
        argparse.ArgumentTypeError: if the text is not one.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, not {text!r}")
    return int(text)


def whole(text: str) -> int:
    """Parse an integer.

    Raises:
        argparse.ArgumentTypeError: if the text is not one.
    """
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, not {text!r}") from None


def number(text: str) -> float:
    """Parse a number.

    Raises:
        argparse.ArgumentTypeError: if the text is not one.
    """
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}") from None
