"""What was understood of a file, as plain values."""

from typing import Any

import numpy as np

from forecasting.readers.reading import Station
from forecasting.series import SstSeries, missing_runs
from forecasting.timestep import iso

_ROLES = ("time", "value", "station", "flags")


def describe(station: Station) -> dict[str, Any]:
    """One station: columns, units and flags; ``series`` and ``problem``, of which one is None."""
    columns = {role: getattr(station.columns, role) for role in _ROLES}
    return {
        "name": station.name,
        "columns": {role: name for role, name in columns.items() if name is not None},
        "units": station.units,
        "units_from": station.units_from,
        "flags": {str(flag): count for flag, count in station.flags.items()},
        "warnings": list(station.warnings),
        "series": None if station.series is None else _describe_series(station.series),
        "problem": station.problem,
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
