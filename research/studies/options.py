"""The options that studies share."""

import argparse
from pathlib import Path


def study_parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return the parser of a study, with the option that names the artifacts folder."""
    command, _, question = (documentation or "").partition(": ")
    parser = argparse.ArgumentParser(prog=" ".join(command.strip("`").split()[:3]), description=question)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="default: %(default)s")
    return parser


def add_places(parser: argparse.ArgumentParser, content: str) -> None:
    """Add the argument that names files and, for each, the position of its series."""
    parser.add_argument("places", nargs="+", metavar="FILE[@LAT,LON]", help=f"{content}, and its position")
