"""Command-line options that override what is found in a file."""

import argparse
from dataclasses import replace
from pathlib import Path

from forecasting.errors import FileError
from forecasting.readers import Reading, ReadingOptions, read
from forecasting.readers.base.options import AT, OPTIONS
from forecasting.remedies import Remedy, Setting


def add_reading_options(group: argparse._ArgumentGroup) -> None:
    """Add every option of :class:`~forecasting.readers.ReadingOptions`."""
    for option in OPTIONS.values():
        argument = option.argument(argparse.ArgumentTypeError)
        if option.name == "at":
            argument["help"] += "; write --at=-5,10 in the southern hemisphere"
        group.add_argument(option.flag, **argument)


def read_with(path: Path, arguments: argparse.Namespace) -> Reading:
    """Read a file with the options of a command line.

    Raises:
        FileError: naming the file, the line or column, and the remedy.
    """
    options = ReadingOptions.from_values(vars(arguments), seed=getattr(arguments, "seed", None) or 0)
    reading = read(path, options)
    if reading.stations or reading.error is None:
        return reading
    remedy = Remedy.of("; choose a place with {}, or draw cells for a panel with {}", AT, Setting("sample", "N"))
    return replace(reading, error=FileError(reading.error.message, remedy=remedy))
