"""Batch scoring of a daily grid of twelve years with events, in one process: seconds by part, CPU time and memory."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.batch.ocean_grid import write_grid
from benchmarks.batch.scoring import run_command

_SHAPE: Final = (104, 96)
"""Rows and columns: ten thousand cells."""

_DAYS: Final = 12 * 365 + 3
_HORIZON: Final = 14
_EVENTS: Final = (
    {"name": "warm", "above": 24.0, "for": 5},
    {"name": "heatwave", "kind": "marine_heatwave"},
    {"name": "bleaching", "kind": "degree_heating_weeks"},
)


def measure() -> Iterator[str]:
    """Yield lines for runs with and without events."""
    with tempfile.TemporaryDirectory() as folder:
        grid, events = Path(folder) / "grid.nc", Path(folder) / "events.json"
        write_grid(grid, _SHAPE, _DAYS)
        events.write_text(json.dumps(_EVENTS))
        for name, options in (("without events", ()), ("with three events", ("--events", str(events)))):
            yield from _run(grid, grid.with_name(f"{len(options)}.nc"), name, options)


def _run(grid: Path, output: Path, name: str, options: tuple[str, ...]) -> Iterator[str]:
    command = (str(grid), str(output), "--horizon", str(_HORIZON), "--processes", "0", "--quiet", *options)
    seconds, cpu, peak = run_command(command)
    summary = json.loads(output.with_name(f"{output.name}.summary.json").read_text())
    parts = ", ".join(f"{part} {took:.1f} s" for part, took in summary["seconds_by_part"].items())
    yield f"{summary['forecast']} cells of sea, {_DAYS} days, {name}: {seconds:.1f} s ({parts})"
    yield f"{cpu:.1f} s of CPU, peak memory {peak / 2**20:.0f} MiB, output {output.stat().st_size / 2**20:.1f} MiB"
