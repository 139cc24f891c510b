"""``inspect --check``: which values of a file are implausible given the forecasts made before them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import ForecastError, SeriesError
from forecasting.readers import Station
from forecasting.readers.base.flags import MEANINGS
from forecasting.releases.trusted_keys import TrustedKeys
from forecasting.series.times import iso, short
from forecasting.wording import counted

if TYPE_CHECKING:
    from forecasting.releases.universal_catalog import UniversalCatalog
    from forecasting.universal.checks.check import Check

_SHOWN: Final = 5
"""Suspect values that are shown, at most; JSON has all."""


def add_checks(description: dict[str, Any], stations: Sequence[Station], artifacts: Path) -> None:
    """Add ``check`` to each station of a description that has a series.

    It has ``problem``, ``flags`` (number of values by QARTOD flag) and ``suspects``, each with ``time``, ``value``,
    ``lower`` and ``upper``, °C.
    """
    catalog = _catalog(artifacts)
    for described, station in zip(description["stations"], stations, strict=True):
        if station.series is None:
            continue
        if isinstance(catalog, str):
            described["check"] = _nothing(catalog)
            continue
        try:
            check = catalog.check_values(station.series, station.position)
        except SeriesError as error:
            described["check"] = _nothing(str(error))
        else:
            described["check"] = _described(check)


def check_text(check: dict[str, Any]) -> list[str]:
    """Return lines that describe the ``check`` of a station."""
    if check["problem"] is not None:
        return [f"  check      {check['problem']}"]
    counts = ", ".join(f"{count} {MEANINGS[int(flag)]} ({flag})" for flag, count in check["flags"].items())
    suspects = check["suspects"]
    if not suspects:
        return [f"  check      no value is implausible: {counts}"]
    verb = "is" if len(suspects) == 1 else "are"
    lines = [f"  check      {counted(len(suspects), 'value')} {verb} implausible: {counts}"]
    for suspect in suspects[:_SHOWN]:
        time = short(np.datetime64(suspect["time"].rstrip("Z"), "s"))
        expected = f"{suspect['lower']:.2f} to {suspect['upper']:.2f} °C"
        lines.append(f"             {time}  {suspect['value']:g} °C, expected {expected}")
    if len(suspects) > _SHOWN:
        lines.append(f"             and {len(suspects) - _SHOWN} more; --json lists them all")
    return lines


def _catalog(artifacts: Path) -> "UniversalCatalog | str":
    """Return the universal releases in a folder, or why there are none."""
    # PyTorch takes seconds to import, and only a check needs it.
    from forecasting.networks.device import CPU
    from forecasting.releases.universal_catalog import UniversalCatalog

    try:
        catalog = UniversalCatalog.open(artifacts, CPU, trusted=TrustedKeys.chosen(()))
    except ForecastError as error:
        return f"the values are not checked: {error}"
    if not len(catalog):
        return (
            f"the values are not checked, as {artifacts} has no universal release: name a folder that has one with "
            "--artifacts"
        )
    return catalog


def _nothing(problem: str) -> dict[str, Any]:
    return {"problem": problem, "flags": {}, "suspects": []}


def _described(check: "Check") -> dict[str, Any]:
    flags, counts = np.unique(check.flags, return_counts=True)
    times, values = check.series.times, check.series.values
    suspects = [
        {
            "time": iso(times[i]),
            "value": round(float(values[i]), 6),
            "lower": round(float(check.lower[i]), 6),
            "upper": round(float(check.upper[i]), 6),
        }
        for i in check.suspects.tolist()
    ]
    by_flag = {str(flag): count for flag, count in zip(flags.tolist(), counts.tolist(), strict=True)}
    return {"problem": None, "flags": by_flag, "suspects": suspects}
