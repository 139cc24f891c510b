"""The command line options of batch scoring. Imports nothing slow."""

import argparse
import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from forecasting.bundled import default_artifacts
from forecasting.console import Program
from forecasting.readers.options import OPTIONS

SCORE: Final = Program("score", "scoring")
OUTPUTS: Final = {".nc": "netcdf", ".nc4": "netcdf", ".zarr": "zarr", ".csv": "csv", ".parquet": "parquet",
                  ".pq": "parquet"}  # fmt: skip
"""Output formats by file extension."""
GRIDS: Final = ("netcdf", "zarr")
MAX_PATHS: Final = 10_000
"""Joint sample paths of one forecast; see :data:`forecasting.events.joint.paths.MAX_PATHS`."""
READING: Final = ("value_column", "time_column", "units", "missing", "flags", "depth", "dates", "timezone", "resample")
"""Reading options that apply to every file of an input."""
LEVELS_OF_ARCHIVES: Final = (50, 80, 95)
"""Prediction intervals in an archive if the user names none: with the median, enough for a CRPS."""
DONE: Final = 0
REFUSED: Final = 2
INCOMPLETE: Final = 3
"""Exit statuses; :data:`EXITS` explains them."""
EXITS: Final = """\
exit status: 0 success; 1 stopped by a system error such as a full disk; 2 invalid options or input;
3 nothing could be forecast, or some chunks failed; 130 interrupted. After 1 or 130, or if chunks failed, run the same
command again to resume."""
_APPEND: Final = "--append"
_USAGE: Final = """\
{0} [-h] [options] INPUT [INPUT ...] OUTPUT
       {0} [-h] [options] INPUT [INPUT ...] --append ARCHIVE"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line of ``python -m scoring``; print a message and exit if it is wrong."""
    appending = any(argument.partition("=")[0] == _APPEND for argument in arguments)
    options = parser(appending=appending).parse_args(arguments)
    if options.levels is None:
        options.levels = LEVELS_OF_ARCHIVES if appending else ()
    return options


def parser(*, appending: bool = False) -> argparse.ArgumentParser:
    """Return the parser; of a command line that names no OUTPUT if it is ``appending``."""
    parser = argparse.ArgumentParser(
        prog=SCORE.name,
        usage=_USAGE.format(SCORE.name),
        description="Forecast every station of a table, or every cell of a grid.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))
    parser.add_argument(
        "input", type=Path, nargs="+", metavar="INPUT",
        help="NetCDF, Zarr, CSV or Parquet: one or more files, a folder, or a pattern such as 'sst/*.nc'",
    )  # fmt: skip
    if appending:
        parser.set_defaults(output=None)
    else:
        parser.add_argument(
            "output", type=Path, metavar="OUTPUT", help=".csv or .parquet for tables; .nc or .zarr for grids"
        )
    _add_forecast(parser)
    add_reading(parser, READING)
    _add_execution(parser)
    return parser


def _folder_or_url(text: str) -> Path | str:
    return text if "://" in text else Path(text)


def _add_forecast(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("forecast")
    group.add_argument(
        "--model", default="best", metavar="NAME",
        help="rnn, lstm, gru, best, or a full name such as nino12-gru; best is the model with the best record on each "
        "station, and in a grid the network that did best on held-out seas (default: best)",
    )  # fmt: skip
    group.add_argument(
        "--dataset", metavar="NAME", help="release to use (default: the universal release for the step of the input)"
    )
    group.add_argument(
        "--artifacts", type=_folder_or_url, default=default_artifacts(), metavar="DIR|URL",
        help="folder of releases, or a URL such as s3://bucket/artifacts (default: artifacts, else the bundled "
        "releases)",
    )  # fmt: skip
    group.add_argument(
        "--trusted-key", action="append", default=[], type=Path, metavar="FILE",
        help="PEM file with a public key that the release must be signed with, or a folder of such files; repeatable "
        "(default: SST_TRUSTED_KEYS)",
    )  # fmt: skip
    group.add_argument("--horizon", type=positive, default=1, metavar="H", help="number of leads (default: 1)")
    group.add_argument(
        "--levels", type=_levels, metavar="LIST",
        help="prediction intervals in percent, such as 80,95 (default: none; with --append 50,80,95)",
    )  # fmt: skip
    group.add_argument(
        "--events", type=Path, metavar="FILE.json",
        help="JSON list of events, in the form of POST /forecast; temperatures are in the unit of --units (default: "
        "°C)",
    )  # fmt: skip
    group.add_argument(
        "--baseline", metavar="PERIOD|FILE",
        help="baseline of percentiles and marine heatwaves: a period such as 1983/2012, or for a grid a file with "
        "climatology and threshold (default: the whole input)",
    )  # fmt: skip
    group.add_argument(
        "--paths", type=_paths, metavar="N",
        help="number of joint sample paths for events (default: 1000 for each station, 100 for each cell)",
    )  # fmt: skip
    group.add_argument(
        "--device", type=_device, default="cpu", metavar="NAME", help="cpu, cuda, cuda:N or auto (default: cpu)"
    )


def add_reading(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add the reading options with these names."""
    group = parser.add_argument_group("input", "override what is detected in the files")
    for name in names:
        option = OPTIONS[name]
        flags = ("--variable", option.flag) if name == "value_column" else (option.flag,)
        group.add_argument(*flags, dest=name, **option.argument(argparse.ArgumentTypeError))


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("execution")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--processes", type=count, metavar="N",
        help="number of worker processes, or 0 for none (default: one per core for large inputs)",
    )  # fmt: skip
    where.add_argument("--cluster", metavar="ADDRESS", help="address of a Dask scheduler, such as tcp://HOST:8786")
    group.add_argument(
        "--chunk",
        type=positive,
        metavar="N",
        help="cells or rows per chunk (default: 65536 cells, or 16384 with universal networks; 250000 rows)",
    )
    group.add_argument(
        _APPEND, type=Path, metavar="ARCHIVE",
        help="instead of OUTPUT: add the forecasts of a table to this folder of Parquet files, such as "
        "archive.parquet, with their time of issue; 'sst verify' compares them with later observations",
    )  # fmt: skip
    group.add_argument(
        "--overwrite", action="store_true", help="replace an existing OUTPUT once the new one is complete"
    )
    group.add_argument("--restart", action="store_true", help="discard an unfinished run and start over")
    group.add_argument("--quiet", action="store_true", help="hide the progress bar")


def count(text: str) -> int:
    """Parse a number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Parse a number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, not {text!r}")
    return int(text)


def _paths(text: str) -> int:
    if not 1 <= count(text) <= MAX_PATHS:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MAX_PATHS}, not {text!r}")
    return int(text)


def _device(text: str) -> str:
    if re.fullmatch(r"cpu|auto|cuda(:\d+)?", text) is None:
        raise argparse.ArgumentTypeError(f"expected cpu, auto, cuda or cuda:N, not {text!r}")
    return text


def _levels(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(level) for level in text.split(",")})) if text else ()
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a list of percentages such as 80,95, not {text!r}") from None


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
