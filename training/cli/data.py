"""``sst inspect`` describes data files and how they are read; ``sst fetch`` downloads one, or weather."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.bundled import default_artifacts
from forecasting.console import Command, add_reading_options, in_command_line, parsed_by
from forecasting.downloads import ERDDAP, Downloader
from forecasting.erddap import SeriesQuery, parse_span
from forecasting.errors import FileError, ForecastError, RequestError, SeriesError
from forecasting.evaluation.division import untrainable
from forecasting.readers import Reading, ReadingOptions, ReadStation, describe, read
from forecasting.readers.flags import MEANINGS
from forecasting.readers.options import AT
from forecasting.readers.reading import describe_grid
from forecasting.releases.trust import TrustedKeys
from forecasting.remedies import Remedy, Setting
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso, parse_time, short
from forecasting.series.timestep import TimeStep
from forecasting.weather_sources import GFS, MAX_PAST_DAYS, OPEN_METEO, ErddapWeather, OpenMeteo, Position, past_days
from forecasting.wording import counted
from training.cli import FETCH, INSPECT
from training.config import TrainingConfig
from training.data.dataset import Dataset, commonest_step, usable_series
from training.data.fetch import fetch
from training.data.fetch_weather import OPEN_METEO_SERVER, fetch_weather

if TYPE_CHECKING:
    from forecasting.releases.catalog import Catalog

TRAINABLE, NOT_TRAINABLE, UNREADABLE = 0, 1, 2
_SHOWN: Final = 5
"""Implausible values that are shown, at most; JSON has all."""


def read_with(path: Path, arguments: argparse.Namespace) -> Reading:
    """Read a file with the options of a command line."""
    options = ReadingOptions.from_values(vars(arguments), seed=getattr(arguments, "seed", None) or 0)
    reading = read(path, options)
    if reading.stations or reading.error is None:
        return reading
    remedy = Remedy.of("; choose a place with {}, or draw cells for a panel with {}", AT, Setting("sample", "N"))
    return replace(reading, error=FileError(reading.error.message, remedy=remedy))


def _add_inspect_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file and line")
    parser.add_argument(
        "--check",
        action="store_true",
        help="list values that are implausible given the forecast made before them by the universal release of the "
        "step",
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=default_artifacts(),
        metavar="DIR",
        help="folder with the universal releases for --check (default: artifacts, else the bundled releases)",
    )
    add_reading_options(parser.add_argument_group("reading"))


def _inspect(options: argparse.Namespace) -> int:
    """Inspect files; returns the exit status: 0 if all are trainable, 1 if one is not, 2 if one cannot be read."""
    worst = TRAINABLE
    for path in options.files:
        try:
            reading = read_with(path, options)
            description = _describe_file(reading)
        except FileError as error:
            INSPECT.say_error(error)
            worst = UNREADABLE
            continue
        for described, station in zip(description["stations"], reading.stations, strict=True):
            if options.check and station.series is not None:
                described["check"] = _check(station.series, station, options.artifacts)
        print(json.dumps(description, ensure_ascii=False) if options.json else _text(description))
        worst = max(worst, TRAINABLE if description["trainable"] else NOT_TRAINABLE)
    return worst


def _describe_file(reading: Reading) -> dict[str, Any]:
    """Describe a reading as plain values, as ``--json`` prints them."""
    stations = [describe(station, in_command_line) for station in reading.stations]
    for description, station in zip(stations, reading.stations, strict=True):
        if station.series is not None:
            description["problem"] = untrainable(station.series)
    panel, refusal = _panel(reading.stations) if len(stations) > 1 else ([], None)
    problem = stations[0]["problem"] if reading.error is None else reading.error.written(in_command_line)
    return {
        "file": str(reading.path),
        "format": reading.format,
        "trainable": problem is None or bool(panel),
        "problem": problem if refusal is None else f"{refusal}; the file {problem}",
        "panel": panel,
        "stations": stations,
    } | ({} if reading.grid is None else {"grid": describe_grid(reading.grid)})


def _panel(stations: Sequence[ReadStation]) -> tuple[list[str], str | None]:
    """Names of the stations that training would use together, or why it would not."""
    try:
        known, skipped = usable_series(stations)
        panel = Dataset.panel(known, TrainingConfig.for_step(commonest_step(known.values())), (), skipped)
    except SeriesError as error:
        return [], error.written(in_command_line)
    return list(panel.members), None


def _text(description: dict[str, Any]) -> str:
    lines = [description["file"], f"  format     {description['format']}"]
    if "grid" in description:
        lines += _grid_text(description["grid"])
    for station in description["stations"]:
        lines += _station_text(station, station["name"] in description["panel"])
    answer = "yes" if description["trainable"] else f"no: {description['problem']}"
    if description["panel"]:
        answer = f"yes, {len(description['panel'])} stations as a panel; the file {description['problem']}"
    return "\n".join([*lines, f"  trainable  {answer}"])


def _grid_text(grid: dict[str, Any]) -> list[str]:
    lines = [
        f"  time       {grid['columns']['time']}",
        f"  value      {grid['columns']['value']}, {grid['units']} {grid['units_from']}",
    ]
    if grid["start"] is not None:
        start, end = (_short(grid[which]) for which in ("start", "end"))
        lines.append(f"  step       {grid['step'] or 'none'}: {counted(grid['times'], 'time')} from {start} to {end}")
    if grid["range"] is not None:
        lines.append(f"  range      {grid['range'][0]:g} to {grid['range'][1]:g} °C at a time in the middle")
    shape = " × ".join(f"{count} {dim}" for dim, count in grid["cells"].items())
    (south, north), (west, east) = grid["latitudes"], grid["longitudes"]
    lines.append(f"  cells      {shape}: latitudes {south:g} to {north:g}, longitudes {west:g} to {east:g}")
    if grid["example"] is not None:
        lat, lon = grid["example"]
        lines.append(f"  choose     one cell, such as --at={lat:g},{lon:g}, or draw several, such as --sample 20")
    return [*lines, *(f"  note       {note}" for note in grid["notes"])]


def _short(time: str) -> str:
    return short(np.datetime64(time.rstrip("Z"), "s"))


def _station_text(station: dict[str, Any], in_panel: bool) -> list[str]:
    columns = station["columns"]
    lines = [f"  station    {station['name']}"] if station["name"] is not None else []
    lines += [
        f"  time       {columns['time']}",
        f"  value      {columns['value']}, {station['units']} {station['units_from']}",
    ]
    if "weather" in columns:
        lines.append(f"  weather    {', '.join(columns['weather'])}")
    if "flags" in columns:
        lines.append(f"  flags      {columns['flags']}: {', '.join(_flag_counts(station['flags'])) or 'not used'}")
    series = station["series"]
    if series is None:
        return [*lines, f"  problem    {station['problem']}"]
    start, end = (_short(series[which]) for which in ("start", "end"))
    lines += [
        f"  step       {series['step']}: {series['values']} values from {start} to {end}",
        f"  range      {series['least']:g} to {series['most']:g} °C",
    ]
    lines += [f"  note       {note}" for note in series["notes"]]
    if "check" in station:
        lines += _check_text(station["check"])
    if station["name"] is not None and station["problem"] is not None and not in_panel:
        lines.append(f"  problem    {station['problem']}")
    return lines


def _check(series: SstSeries, station: ReadStation, artifacts: Path) -> dict[str, Any]:
    """Check the values of a station with the release of their step."""
    try:
        check = _catalog(artifacts).check_values(series, station.position)
    except ForecastError as error:
        return {"problem": str(error), "flags": {}, "suspects": []}
    flags, counts = np.unique(check.flags, return_counts=True)
    columns = {"value": check.series.values, "lower": check.lower, "upper": check.upper}
    suspects = [
        {"time": iso(check.series.times[i])} | {name: round(float(column[i]), 6) for name, column in columns.items()}
        for i in check.suspects.tolist()
    ]
    by_flag = {str(flag): count for flag, count in zip(flags.tolist(), counts.tolist(), strict=True)}
    return {"problem": None, "flags": by_flag, "suspects": suspects}


@cache
def _catalog(artifacts: Path) -> "Catalog":
    """Open the releases in a folder."""
    # PyTorch takes seconds to import, and only a check needs it.
    from forecasting.models.checkpoint import CPU
    from forecasting.releases.catalog import Catalog

    try:
        catalog = Catalog.open(artifacts, CPU, trusted=TrustedKeys.chosen(()), lazy=True)
        steps = catalog.served
    except ForecastError as error:
        raise ForecastError(f"the values are not checked: {error}") from None
    if not steps:
        raise ForecastError(
            f"the values are not checked, as {artifacts} has no universal release: name a folder that has one with "
            "--artifacts"
        )
    return catalog


def _flag_counts(flags: dict[str, int]) -> list[str]:
    return [f"{count} {MEANINGS[int(flag)]} ({flag})" for flag, count in flags.items()]


def _check_text(check: dict[str, Any]) -> list[str]:
    """Return lines that describe the ``check`` of a station."""
    if check["problem"] is not None:
        return [f"  check      {check['problem']}"]
    counts = ", ".join(_flag_counts(check["flags"]))
    suspects = check["suspects"]
    if not suspects:
        return [f"  check      no value is implausible: {counts}"]
    verb = "is" if len(suspects) == 1 else "are"
    lines = [f"  check      {counted(len(suspects), 'value')} {verb} implausible: {counts}"]
    for suspect in suspects[:_SHOWN]:
        expected = f"{suspect['lower']:.2f} to {suspect['upper']:.2f} °C"
        lines.append(f"             {_short(suspect['time'])}  {suspect['value']:g} °C, expected {expected}")
    if len(suspects) > _SHOWN:
        lines.append(f"             and {len(suspects) - _SHOWN} more; --json lists them all")
    return lines


def _add_fetch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--erddap", metavar="URL", help="address of the server, as in https://…/erddap")
    parser.add_argument("--dataset", metavar="ID", help="dataset ID on the server")
    parser.add_argument(
        "--variable",
        action="append",
        metavar="V",
        help=f"temperature variable; repeatable. With --weather: air temperature, then wind (default: {' '.join(GFS)})",
    )
    parser.add_argument("--from", dest="start", type=parsed_by(parse_time), metavar="TIME", help="first time, ISO 8601")
    parser.add_argument("--to", dest="end", type=parsed_by(parse_time), metavar="TIME", help="last time, ISO 8601")
    parser.add_argument("--lat", type=parsed_by(parse_span), metavar="SPAN", help="degrees north")
    parser.add_argument(
        "--lon", type=parsed_by(parse_span), metavar="SPAN", help="degrees east, −180 to 180 or 0 to 360"
    )
    parser.add_argument("--depth", type=parsed_by(parse_span), metavar="SPAN", help="in the units of the dataset")
    parser.add_argument("--station", metavar="NAME", help="station in a table")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="file to write; replaced if it exists"
    )
    weather = parser.add_argument_group("weather")
    weather.add_argument(
        "--weather", choices=(OPEN_METEO, "erddap"), help="fetch the weather at --lat and --lon, past and forecast"
    )
    weather.add_argument("--step", choices=("day", "hour"), help="step of the weather (default: day)")
    weather.add_argument(
        "--days", type=int, metavar="N", help="days of past weather (default: 180, or 60 with --step hour)"
    )
    weather.add_argument(
        "--weather-url", metavar="URL", help="Open-Meteo server of your own (default: SST_OPEN_METEO_URL)"
    )


def _fetch(options: argparse.Namespace) -> int:
    if options.weather is not None:
        return _fetch_weather(options)
    _require(options, "erddap", "dataset", "variable")
    for name in ("step", "days", "weather_url"):
        if getattr(options, name) is not None:
            raise RequestError(f"--{name.replace('_', '-')} needs --weather", field=name)
    start, end = (None if time is None else iso(time) for time in (options.start, options.end))
    query = SeriesQuery(tuple(options.variable), start, end, options.lat, options.lon, options.depth, options.station)
    with Downloader.open(tell=lambda message: print(message, file=sys.stderr)) as downloader:
        fetched = fetch(options.erddap, options.dataset, query, options.output, downloader)
    print(f"{fetched.path}: {fetched.rows} rows from {fetched.url}")
    print(f"{fetched.source}: source and licence of the data")
    print(f"next: {INSPECT.name} {fetched.path}")
    return 0


def _fetch_weather(options: argparse.Namespace) -> int:
    refused = ["start", "end", "depth", "station"]
    source: OpenMeteo | ErddapWeather
    if options.weather == OPEN_METEO:
        refused += ["erddap", "dataset", "variable"]
        url = options.weather_url or os.environ.get("SST_OPEN_METEO_URL", "")
        source, kind = OpenMeteo(url, os.environ.get("SST_OPEN_METEO_KEY", "")), OPEN_METEO_SERVER
    else:
        refused.append("weather_url")
        _require(options, "erddap", "dataset")
        source = ErddapWeather(options.erddap, options.dataset, tuple(options.variable or GFS))
        kind = ERDDAP
        if not 2 <= len(source.variables) <= 3:
            raise RequestError(
                "give --variable two or three times: air temperature, then wind speed or its two components",
                field="variable",
            )
    for name in refused:
        if getattr(options, name) is not None:
            option = {"start": "from", "end": "to"}.get(name, name.replace("_", "-"))
            raise RequestError(f"--{option} does not go with --weather {options.weather}", field=name)
    position, step = _position(options), TimeStep.parse(options.step or "day")
    days = past_days(step) if options.days is None else options.days
    if not 1 <= days <= MAX_PAST_DAYS:
        raise RequestError(f"--days {days} is out of range: 1 to {MAX_PAST_DAYS}", field="days")
    with Downloader.open(tell=lambda message: print(message, file=sys.stderr), kind=kind) as downloader:
        fetched = fetch_weather(source, position, step, days, options.output, downloader)
    weather = fetched.weather
    first, last = (short(time) for time in step.range(weather.start, len(weather.values))[[0, -1]])
    earlier = f", and {counted(len(weather.issued), 'earlier forecast')}" if weather.issued else ""
    print(f"{fetched.path}: weather of each {step} from {first} to {last}{earlier}")
    print(f"{fetched.record}: source of the data")
    if fetched.attribution is not None:
        print(fetched.attribution)
    print(f"next: sst forecast FILE --weather {fetched.path}")
    return 0


def _require(options: argparse.Namespace, *names: str) -> None:
    missing = [f"--{name}" for name in names if getattr(options, name) is None]
    if missing:
        raise RequestError(f"the following arguments are required: {', '.join(missing)}", field=missing[0])


def _position(options: argparse.Namespace) -> Position:
    """Return the one position that weather is fetched of."""
    _require(options, "lat", "lon")
    (latitude, north), (longitude, east) = options.lat, options.lon
    if latitude != north or longitude != east:
        raise RequestError("weather is fetched at one position: give --lat and --lon one number each", field="lat")
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 360:
        raise RequestError(
            f"there is no position {latitude:g}, {longitude:g}: --lat is from -90 to 90, --lon from -180 to 360",
            field="lat",
        )
    return latitude, longitude


INSPECT_COMMAND: Final = Command(
    INSPECT,
    "Describe files: columns, units, step, gaps, flags, and whether networks can be trained on them.",
    _add_inspect_options,
    _inspect,
    "Exit status: 0 if every file is trainable; 1 if one is not; 2 if one cannot be read.",
)
FETCH_COMMAND: Final = Command(
    FETCH,
    "Download one series from an ERDDAP server, from a table or a grid, into a CSV file; or the weather at a position.",
    _add_fetch_options,
    _fetch,
    "A SPAN is one number, or two separated by a colon, such as 43.5:44. If it starts with a minus sign, write it "
    "after an equals sign: --lon=-122.4.",
)
