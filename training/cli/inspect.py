"""``python -m training inspect``: what was understood of a file, and whether it can be trained on."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from forecasting.console import command_name
from forecasting.errors import FileError, SeriesError
from forecasting.evaluation.division import untrainable
from forecasting.readers import Reading, Station, describe
from forecasting.readers.base.flags import MEANINGS
from forecasting.readers.result.describe import describe_grid
from forecasting.series.times import short
from forecasting.wording import counted
from training.cli.reading_options import add_reading_options, read_with
from training.config import TrainingConfig
from training.examples.panel import Panel, commonest_step, usable_series

TRAINABLE, NOT_TRAINABLE, UNREADABLE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Inspect files; returns the exit status: 0 all can be trained on, 1 one cannot, 2 one cannot be read."""
    options = _parser().parse_args(arguments)
    worst = TRAINABLE
    for path in options.files:
        try:
            found = describe_file(read_with(path, options))
        except FileError as error:
            print(f"training: {error}", file=sys.stderr)
            worst = UNREADABLE
            continue
        print(json.dumps(found, ensure_ascii=False) if options.json else _text(found))
        worst = max(worst, TRAINABLE if found["trainable"] else NOT_TRAINABLE)
    return worst


def describe_file(reading: Reading) -> dict[str, Any]:
    """A reading as plain values: what ``--json`` prints."""
    stations = [_station(station) for station in reading.stations]
    panel, refusal = _panel(reading.stations) if len(stations) > 1 else ([], None)
    problem = reading.problem or stations[0]["problem"]
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
        prog=command_name("inspect", "training inspect"),
        description="Say what is understood of files: columns, units, step, gaps, flags, and whether to train on them.",
        epilog="Exit status: 0 every file can be trained on; 1 one cannot; 2 one cannot be read.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--json", action="store_true", help="one object a file, on a line of its own")
    add_reading_options(parser.add_argument_group("reading"))
    return parser


def _panel(stations: Sequence[Station]) -> tuple[list[str], str | None]:
    """Names of the stations that training would take together, or why it would not."""
    try:
        known, skipped = usable_series(stations)
        panel = Panel.of(known, TrainingConfig.for_step(commonest_step(known.values())), (), skipped)
    except SeriesError as error:
        return [], str(error)
    return list(panel.members), None


def _station(station: Station) -> dict[str, Any]:
    found = describe(station)
    return found if station.series is None else found | {"problem": untrainable(station.series)}


def _text(found: dict[str, Any]) -> str:
    lines = [found["file"], f"  format     {found['format']}"]
    if "grid" in found:
        lines += _grid_text(found["grid"])
    for station in found["stations"]:
        lines += _station_text(station, station["name"] in found["panel"])
    if found["panel"]:
        lines.append(f"  trainable  yes, {len(found['panel'])} stations as a panel; the file {found['problem']}")
        return "\n".join(lines)
    lines.append(f"  trainable  {'yes' if found['trainable'] else 'no: ' + found['problem']}")
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
        lines.append(f"  range      {grid['range'][0]:g} to {grid['range'][1]:g} °C at the time in the middle")
    shape = " × ".join(f"{count} {dim}" for dim, count in grid["cells"].items())
    (south, north), (west, east) = grid["latitudes"], grid["longitudes"]
    lines.append(f"  cells      {shape}: latitudes {south:g} to {north:g}, longitudes {west:g} to {east:g}")
    if grid["example"] is not None:
        lat, lon = grid["example"]
        lines.append(f"  choose     one cell, as --at={lat:g},{lon:g}, or several by chance, as --sample 20")
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
    if station["name"] is not None and station["problem"] is not None and not in_panel:
        lines.append(f"  problem    {station['problem']}")
    return lines
