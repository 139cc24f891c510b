"""The command line of batch scoring. Parsing it loads neither torch nor xarray."""

import argparse
import os
import re
from pathlib import Path
from typing import Final

from forecasting.readers.base.options import OPTIONS

OUTPUTS: Final = {".nc": "netcdf", ".nc4": "netcdf", ".zarr": "zarr", ".csv": "csv", ".parquet": "parquet",
                  ".pq": "parquet"}  # fmt: skip
"""Kinds of output by the ending of its name."""
GRIDS: Final = ("netcdf", "zarr")
READING: Final = ("value_column", "time_column", "units", "missing", "flags", "depth", "dates", "timezone")
"""Options of reading that apply to every file of an input."""
EXITS: Final = """\
exit status: 0 done; 1 stopped by the machine, as by a full disk; 2 refused, with a sentence that says why;
3 done, but for chunks that failed; 130 interrupted. After all but 0 and 2, the same command goes on."""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line of ``python -m scoring``."""
    parser = argparse.ArgumentParser(
        prog="python -m scoring",
        description="Forecast every station of a table, or every cell of a grid.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, nargs="+", metavar="INPUT",
        help="NetCDF, Zarr, CSV or Parquet: a file, files, a folder of them, or a pattern as 'sst/*.nc'",
    )  # fmt: skip
    parser.add_argument("output", type=Path, metavar="OUTPUT", help=".csv or .parquet; .nc or .zarr")
    model = parser.add_argument_group("forecast")
    model.add_argument("--model", default="best", metavar="NAME", help="rnn, lstm, gru, best (default) or nino12-gru")
    model.add_argument("--dataset", metavar="NAME", help="that the model was trained on (default: nino12)")
    model.add_argument("--artifacts", type=Path, default=Path("artifacts"), metavar="DIR", help="default: %(default)s")
    model.add_argument("--horizon", type=_positive, default=1, metavar="H", help="leads (default: 1)")
    model.add_argument("--levels", type=_levels, default=(), metavar="LIST", help="intervals, as 80,95 (default: none)")
    model.add_argument(
        "--device", type=_device, default="cpu", metavar="NAME", help="cpu (default), cuda, cuda:N or auto"
    )
    reading = parser.add_argument_group("input", "override what is found in the files")
    for name in READING:
        option = OPTIONS[name]
        flags = ("--variable", option.flag) if name == "value_column" else (option.flag,)
        reading.add_argument(*flags, dest=name, type=option.parse, **option.argument())
    work = parser.add_argument_group("work")
    who = work.add_mutually_exclusive_group()
    who.add_argument("--processes", type=_count, metavar="N", help="0: this one; default: one a core if that pays")
    who.add_argument("--cluster", metavar="ADDRESS", help="of a Dask scheduler, as tcp://HOST:8786")
    work.add_argument("--chunk", type=_positive, metavar="N", help="cells (65536) or rows (250000) scored at once")
    work.add_argument("--overwrite", action="store_true", help="replace OUTPUT once the new one is complete")
    work.add_argument("--restart", action="store_true", help="forget a run that was cut off")
    work.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a non-negative integer")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def _device(text: str) -> str:
    if re.fullmatch(r"cpu|auto|cuda(:\d+)?", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is none of cpu, auto, cuda and cuda:N")
    return text


def _levels(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(level) for level in text.split(",")})) if text else ()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of percents as 80,95") from None


def cores() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
