"""``python -m training inspect``: describe files, and say whether networks can be trained on them."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.bundled import default_artifacts
from forecasting.console import in_command_line
from forecasting.errors import FileError, SeriesError
from forecasting.evaluation.division import untrainable
from forecasting.readers import Reading, Station, describe
from forecasting.readers.base.flags import MEANINGS
from forecasting.readers.result.describe import describe_grid
from forecasting.series.times import short
from forecasting.wording import counted
from training.cli.check import add_checks, check_text
from training.cli.programs import INSPECT
from training.cli.reading_options import add_reading_options, read_with
from training.config import TrainingConfig
from training.examples.panel import Panel, commonest_step, usable_series

TRAINABLE, NOT_TRAINABLE, UNREADABLE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Inspect files; returns the exit status: 0 if all are trainable, 1 if one is not, 2 if one cannot be read."""
    options = _parser().parse_args(arguments)
    worst = TRAINABLE
    for path in options.files:
        try:
            reading = read_with(path, options)
            description = describe_file(reading)
        except FileError as error:
            INSPECT.say(error.written(in_command_line))
            worst = UNREADABLE
            continue
        if options.check:
            add_checks(description, reading.stations, options.artifacts)
        print(json.dumps(description, ensure_ascii=False) if options.json else _text(description))
        worst = max(worst, TRAINABLE if description["trainable"] else NOT_TRAINABLE)
    return worst


def describe_file(reading: Reading) -> dict[str, Any]:
    """Describe a reading as plain values, as ``--json`` prints them."""
    stations = [_station(station) for station in reading.stations]
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=INSPECT.name,
        description="Describe files: columns, units, step, gaps, flags, and whether networks can be trained on them.",
        epilog="Exit status: 0 if every file is trainable; 1 if one is not; 2 if one cannot be read.",
    )
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
    return parser


def _panel(stations: Sequence[Station]) -> tuple[list[str], str | None]:
    """Names of the stations that training would use together, or why it would not."""
    try:
        known, skipped = usable_series(stations)
        panel = Panel.of(known, TrainingConfig.for_step(commonest_step(known.values())), (), skipped)
    except SeriesError as error:
        return [], error.written(in_command_line)
    return list(panel.members), None


def _station(station: Station) -> dict[str, Any]:
    description = describe(station, in_command_line)
    return description if station.series is None else description | {"problem": untrainable(station.series)}


def _text(description: dict[str, Any]) -> str:
    lines = [description["file"], f"  format     {description['format']}"]
    if "grid" in description:
        lines += _grid_text(description["grid"])
    for station in description["stations"]:
        lines += _station_text(station, station["name"] in description["panel"])
    if description["panel"]:
        lines.append(
            f"  trainable  yes, {len(description['panel'])} stations as a panel; the file {description['problem']}"
        )
        return "\n".join(lines)
    lines.append(f"  trainable  {'yes' if description['trainable'] else 'no: ' + description['problem']}")
    return "\n".join(lines)


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
    if "flags" in columns:
        counted = [f"{count} {MEANINGS[int(flag)]} ({flag})" for flag, count in station["flags"].items()]
        lines.append(f"  flags      {columns['flags']}: {', '.join(counted) or 'not used'}")
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
        lines += check_text(station["check"])
    if station["name"] is not None and station["problem"] is not None and not in_panel:
        lines.append(f"  problem    {station['problem']}")
    return lines
