"""The command line options of ``sst verify``. Imports nothing slow."""

import argparse
from pathlib import Path
from typing import Final

from forecasting.console import Program
from scoring.cli.arguments import READING, add_reading, positive

VERIFY: Final = Program("verify", "scoring verify")
FORMATS: Final = ("table", "csv", "json")
READING_TABLES: Final = tuple(name for name in READING if name != "depth")

_EXITS: Final = """\
exit status: 0 success; 1 stopped by a system error; 2 invalid options or input; 3 nothing could be verified."""


def verify_parser() -> argparse.ArgumentParser:
    """Return the parser for the command line of ``python -m scoring verify``."""
    parser = argparse.ArgumentParser(
        prog=VERIFY.name,
        description="Compare the forecasts in an archive with later observations.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("archive", type=Path, metavar="ARCHIVE", help="folder written by 'sst score --append'")
    parser.add_argument(
        "observations", type=Path, nargs="+", metavar="OBSERVATIONS",
        help="tables with the same stations, in any form that 'sst score' reads",
    )  # fmt: skip
    parser.add_argument(
        "--lead", type=_leads, dest="leads", metavar="LIST", help="leads, such as 1 or 1,3,7 (default: all)"
    )
    parser.add_argument(
        "--from", type=str, dest="begin", metavar="TIME",
        help="only forecasts whose last observation is at or after this day or time (UTC)",
    )  # fmt: skip
    parser.add_argument(
        "--to",
        type=str,
        dest="end",
        metavar="TIME",
        help="only forecasts whose last observation is at or before this day or time",
    )
    parser.add_argument(
        "--by",
        choices=("month",),
        help="score each month of the last observation by itself (default: all months together)",
    )
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="output format (default: table)")
    add_reading(parser, READING_TABLES)
    return parser


def _leads(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive(part) for part in text.split(",")}))
