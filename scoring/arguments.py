"""What the command takes. Nothing slow is loaded to understand it."""

import argparse
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

OUTPUTS: Final = {".nc": "netcdf", ".nc4": "netcdf", ".zarr": "zarr", ".csv": "csv", ".parquet": "parquet",
                  ".pq": "parquet"}  # fmt: skip
"""Kinds of output by the ending of its name."""
GRIDS: Final = ("netcdf", "zarr")
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
    parser.add_argument("--version", action="version", version=version("sst-forecasting"))
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
    reading = parser.add_argument_group("input", "what is not found by itself")
    reading.add_argument("--variable", "--value-column", metavar="NAME", help="variable or column of temperatures")
    reading.add_argument("--time-column", metavar="NAME", help="variable or column of times")
    reading.add_argument("--units", choices=("celsius", "kelvin", "fahrenheit"), help="of the temperatures")
    reading.add_argument("--missing", type=float, action="append", default=[], metavar="X", help="stands for no value")
    reading.add_argument("--flags", metavar="NAME", help="variable or column of QARTOD flags; none: use no flags")
    reading.add_argument("--depth", type=float, metavar="METRES", help="where a grid holds several")
    reading.add_argument("--dates", choices=("dmy", "mdy"), help="order of dates as 03/04/2010")
    reading.add_argument("--timezone", metavar="NAME", help="of times without an offset, as Europe/Rome or +01:00")
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
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    if _count(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
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
