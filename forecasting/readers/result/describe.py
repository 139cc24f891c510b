"""Readings as plain values, for JSON."""

from typing import Any

import numpy as np

from forecasting.readers.result.reading import Grid, Station
from forecasting.remedies import Syntax, in_python
from forecasting.series.gaps import missing_runs
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso

_ROLES = ("time", "value", "station", "flags")


def describe(station: Station, syntax: Syntax = in_python) -> dict[str, Any]:
    """Describe a station: columns, units and flags; ``series`` or ``problem``; the other is None.

    Args:
        station: to describe.
        syntax: of options that the problem names.
    """
    columns = {role: getattr(station.columns, role) for role in _ROLES}
    return {
        "name": station.name,
        "columns": {role: name for role, name in columns.items() if name is not None},
        "units": station.units,
        "units_from": station.units_from,
        "flags": {str(flag): count for flag, count in station.flags.items()},
        "warnings": list(station.warnings),
        "series": None if station.series is None else _describe_series(station.series),
        "problem": None if station.error is None else station.error.written(syntax),
    }


def describe_grid(grid: Grid) -> dict[str, Any]:
    """Describe a grid without a chosen place."""
    return {
        "columns": {"time": grid.time, "value": grid.value},
        "units": grid.units,
        "units_from": grid.units_from,
        "step": grid.step,
        "times": grid.times,
        "start": None if grid.start is None else iso(grid.start),
        "end": None if grid.end is None else iso(grid.end),
        "cells": grid.cells,
        "latitudes": list(grid.latitudes),
        "longitudes": list(grid.longitudes),
        "range": None if grid.range is None else [round(end, 3) for end in grid.range],
        "example": None if grid.example is None else list(grid.example),
        "notes": list(grid.notes),
    }


def _describe_series(series: SstSeries) -> dict[str, Any]:
    runs = missing_runs(series.values)
    lengths = runs[:, 1] - runs[:, 0]
    return {
        "step": str(series.step),
        "values": len(series),
        "start": iso(series.times[0]),
        "end": iso(series.times[-1]),
        "least": round(float(np.nanmin(series.values)), 3),
        "most": round(float(np.nanmax(series.values)), 3),
        "missing": int(lengths.sum()),
        "gaps": len(runs),
        "longest_gap": int(lengths.max(initial=0)),
        "notes": list(series.describe()[1:]),
    }
