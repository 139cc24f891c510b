"""The options of the commands of batch scoring. Imports nothing slow."""

import argparse
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from forecasting.console import (
    Program,
    add_artifacts,
    add_format,
    add_reading_options,
    add_trusted_keys,
    add_version,
    not_negative,
    number,
    parsed_by,
    positive,
)
from forecasting.erddap import parse_span
from forecasting.series.timestep import TimeStep
from scoring.source import bare_name

SCORE: Final = Program("score")
OUTLOOK: Final = Program("outlook")
VERIFY: Final = Program("verify")
FORECAST: Final = Program("forecast")
EVENTS: Final = Program("events")

OUTPUTS: Final = {".nc": "netcdf", ".nc4": "netcdf", ".zarr": "zarr", ".csv": "csv", ".parquet": "parquet",
                  ".pq": "parquet"}  # fmt: skip
"""Output formats by file extension."""
GRIDS: Final = ("netcdf", "zarr")
MAX_PATHS: Final = 10_000
"""Joint sample paths of one forecast; see :data:`forecasting.events.paths.MAX_PATHS`."""
READING: Final = ("value_column", "time_column", "units", "missing", "flags", "depth", "dates", "timezone", "resample")
"""Reading options that apply to every file of an input."""
READING_TABLES: Final = tuple(name for name in READING if name != "depth")
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
APPEND: Final = "--append"


def add_score_options(parser: argparse.ArgumentParser, *, appending: bool) -> None:
    """Add the options of ``sst score``; no OUTPUT if it is ``appending``."""
    add_version(parser)
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
    group = parser.add_argument_group("forecast")
    _add_model(group, "; in a grid, best is the network that did best on held-out seas; all is only for sst forecast")
    _add_events(group)
    _add_levels(group, LEVELS_OF_ARCHIVES if appending else (), "none; with --append 50,80,95")
    group.add_argument(
        "--baseline", metavar="PERIOD|position|FILE",
        help="baseline of percentiles and marine heatwaves: a period such as 1983/2012, position for the coarse "
        "climatology of each position, or for a grid a file with climatology and threshold (default: the whole input)",
    )  # fmt: skip
    _add_paths_and_device(group)
    _add_reading(parser, READING)
    group = _add_execution(parser)
    group.add_argument(
        APPEND, type=Path, metavar="ARCHIVE",
        help="instead of OUTPUT: add the forecasts of a table to this folder of Parquet files, such as "
        "archive.parquet, with their time of issue; 'sst verify' compares them with later observations",
    )  # fmt: skip
    group.add_argument(
        "--overwrite", action="store_true", help="replace an existing OUTPUT once the new one is complete"
    )


def add_outlook_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sst outlook``."""
    add_version(parser)
    parser.add_argument(
        "input", nargs="+", metavar="GRID",
        help="NetCDF or Zarr: one or more files, a folder, or a pattern such as 'sst/*.nc'; or a dataset of an ERDDAP "
        "server, as in https://HOST/erddap/griddap/DATASET",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER",
        help="folder of outlooks: each gets a folder of its own, named after the day of the last observation, and "
        "'latest' links to the newest",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=GRIDS, help="of the forecasts (default: zarr for a Zarr store, else netcdf)"
    )
    group = parser.add_argument_group("ERDDAP", "of a dataset on a server; a span is as in 30:46, or --lon=-80:-60")
    group.add_argument("--lat", type=parsed_by(parse_span), metavar="SPAN", help="latitudes of the box (default: all)")
    group.add_argument("--lon", type=parsed_by(parse_span), metavar="SPAN", help="longitudes of the box (default: all)")
    group.add_argument(
        "--days", type=positive, default=90, metavar="N", help="last days to download (default: %(default)s)"
    )
    group = parser.add_argument_group("forecast")
    _add_model(group, "; best is the network that did best on held-out seas", horizon=7)
    _add_levels(group, (80, 95), "80,95")
    group.add_argument(
        "--baseline", metavar="PERIOD|position|FILE",
        help="what is usual: a period of the grid such as 1991/2020, position for the coarse climatology of each "
        "position, or a file with climatology and threshold of each cell (default: all of the grid if it has ten "
        "years, else position)",
    )  # fmt: skip
    _add_paths_and_device(group)
    _add_reading(parser, READING)
    _add_execution(parser)


def _add_paths_and_device(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--paths", type=_paths, metavar="N",
        help="number of joint sample paths for events (default: 1000 for each station, 100 for each cell)",
    )  # fmt: skip
    group.add_argument(
        "--device", type=_device, default="cpu", metavar="NAME", help="cpu, cuda, cuda:N or auto (default: cpu)"
    )


def _add_execution(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("execution")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--processes", type=not_negative, metavar="N",
        help="number of worker processes, or 0 for none (default: one per core for large inputs)",
    )  # fmt: skip
    where.add_argument(
        "--cluster", "--scheduler", metavar="ADDRESS", help="address of a Dask scheduler, such as tcp://HOST:8786"
    )
    group.add_argument(
        "--chunk",
        type=positive,
        metavar="N",
        help="cells or rows per chunk (default: 65536 cells, or 8192 with universal networks; 250000 rows)",
    )
    group.add_argument("--restart", action="store_true", help="discard an unfinished run and start over")
    group.add_argument("--quiet", action="store_true", help="hide the progress bar")
    return group


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sst verify``."""
    parser.add_argument(
        "archive", type=Path, metavar="ARCHIVE", help="folder written by 'sst score --append' or by 'sst outlook'"
    )
    parser.add_argument(
        "observations", type=Path, nargs="+", metavar="OBSERVATIONS",
        help="tables with the same stations, in any form that 'sst score' reads; of outlooks, the grid that came",
    )  # fmt: skip
    parser.add_argument(
        "--other", type=_other, action="append", default=[], dest="others", metavar="[NAME=]FILE",
        help="forecasts of others, to score beside these where both have one: of stations, a table; of outlooks, "
        "NetCDF or Zarr, a folder or a pattern; can be repeated",
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
        help="score each month of the last observation by itself (default: all months together); not of outlooks",
    )
    parser.add_argument(
        "--region", type=_region, action="append", default=[], dest="regions", metavar="NAME=S,N,W,E",
        help="of outlooks: score this box of latitudes and longitudes; can be repeated (default: tropics, "
        "mid-latitudes and polar seas)",
    )  # fmt: skip
    parser.add_argument(
        "--maps", type=Path, metavar="FILE.nc", help="of outlooks: write RMSE and skill of each cell as NetCDF"
    )
    add_format(parser)
    _add_reading(parser, READING_TABLES)


def add_forecast_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sst forecast``."""
    _add_file(parser)
    _add_model(parser)
    _add_events(parser)
    _add_levels(parser, None, "80,95, as far as the network offers them")
    _add_option(parser, "thresholds", ", such as 24,25.5", metavar="LIST")
    _add_baseline_and_position(parser)
    parser.add_argument(
        "--weather", type=Path, metavar="FILE",
        help="weather over the series, past and forecast: a table with the columns time, air_temperature (°C) and "
        "wind_speed (m/s), as 'sst fetch --weather' writes it (default: those columns of the file itself)",
    )  # fmt: skip
    _add_option(parser, "as_of", " (default: now)", metavar="TIME")
    _add_option(parser, "check", action="store_true")
    _add_table_output(parser)


def add_events_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``sst events``."""
    _add_file(parser)
    kinds = ("marine_heatwave", "marine_cold_spell")
    parser.add_argument("--kind", choices=kinds, default=kinds[0], help="kind of event (default: %(default)s)")
    _add_baseline_and_position(parser)
    _add_table_output(parser)


def _add_option(group: argparse._ActionsContainer, name: str, note: str = "", **changes: Any) -> None:
    """Add an option as :class:`~forecasting.forecasts.options.ForecastFields` declares it, with a note to its help."""
    from forecasting.forecasts.options import ForecastFields, help_of, parse_option

    given = {"default": ForecastFields.model_fields[name].default, "help": help_of(name) + note} | changes
    if "action" not in given:
        given["type"] = partial(parse_option, name)
    group.add_argument(f"--{name.replace('_', '-')}", **given)


def _add_model(group: argparse._ActionsContainer, note: str = "", horizon: int = 1) -> None:
    _add_option(group, "model", f"{note} (default: best)", metavar="NAME")
    _add_option(group, "dataset", metavar="NAME")
    add_artifacts(group)
    add_trusted_keys(group)
    _add_option(group, "horizon", f" (default: {horizon})", metavar="H", default=horizon)


def _add_events(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--events", type=Path, metavar="FILE.json",
        help="JSON list of events, in the form of POST /forecast; temperatures are in the unit of --units (default: "
        "°C)",
    )  # fmt: skip


def _add_levels(group: argparse._ActionsContainer, default: tuple[int, ...] | None, meaning: str) -> None:
    _add_option(group, "levels", f", such as 80,95 (default: {meaning})", metavar="LIST", default=default)


def _add_baseline_and_position(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--baseline", metavar="PERIOD|position",
        help="baseline of percentiles, heatwaves and cold spells: a period such as 1983/2012, or position for the "
        "coarse climatology of the position (default: the whole series)",
    )  # fmt: skip
    parser.add_argument("--latitude", type=number, metavar="LAT", help="degrees north (default: as the file says)")
    parser.add_argument("--longitude", type=number, metavar="LON", help="degrees east (default: as the file says)")


def _add_reading(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    group = parser.add_argument_group("input", "override what is detected in the files")
    add_reading_options(group, names, {"value_column": ("--variable", "--value-column")})


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr; - reads standard input"
    )


def _add_table_output(parser: argparse.ArgumentParser) -> None:
    """Add the options of the output, and those of the file, whose names begin with ``reading_``."""
    add_format(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it too; needs the extra `training`")
    group = parser.add_argument_group(
        "reading", "override what is detected in the file; --units also sets the unit of the output (default: °C)"
    )
    group.add_argument(
        "--step", type=parsed_by(TimeStep.parse), metavar="STEP",
        help="time between values: month, week, day, hour, or ISO 8601 such as PT30M (default: by the times)",
    )  # fmt: skip
    # --format is that of the output.
    add_reading_options(group, flags={"format": ("--file-format",)}, prefix="reading_")


def _paths(text: str) -> int:
    if not 1 <= not_negative(text) <= MAX_PATHS:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {MAX_PATHS}, not {text!r}")
    return int(text)


def _device(text: str) -> str:
    if re.fullmatch(r"cpu|auto|cuda(:\d+)?", text) is None:
        raise argparse.ArgumentTypeError(f"expected cpu, auto, cuda or cuda:N, not {text!r}")
    return text


def _region(text: str) -> tuple[str, float, float, float, float]:
    name, _, box = text.partition("=")
    try:
        south, north, west, east = map(float, box.split(","))
        is_box = -90 <= south <= north <= 90 and -180 <= west <= 360 and -180 <= east <= 360
    except ValueError:
        is_box = False
    if not name or not is_box:
        raise argparse.ArgumentTypeError(
            f"expected NAME=south,north,west,east in degrees, such as med=30,46,-6,36, not {text!r}"
        )
    return name, south, north, west, east


def _other(text: str) -> tuple[str, Path]:
    """Return the name of other forecasts, by default that of the file, and their path."""
    given = re.fullmatch(r"([A-Za-z]\w*)=(.+)", text)
    if given is not None:
        return given[1], Path(given[2])
    name = re.sub(r"\W+", "_", bare_name(Path(text))).strip("_")
    if not re.match("[A-Za-z]", name):
        raise argparse.ArgumentTypeError(f"expected NAME=FILE, such as theirs=forecasts.nc, not {text!r}")
    return name, Path(text)


def _leads(text: str) -> tuple[int, ...]:
    return tuple(sorted({positive(part) for part in text.split(",")}))


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
