"""What the name of a column says of it: another quantity than SST, or one of several kinds of SST at one place."""

import re
from collections.abc import Iterable
from typing import Final

_DERIVED: Final = frozenset(
    ("anomaly", "anomalies", "anom", "ssta", "std", "stdev", "stddev", "sigma", "variance", "error", "err",
     "uncertainty", "bias", "trend", "tendency", "gradient", "difference", "diff", "count", "nobs")
)  # fmt: skip
_ELSEWHERE: Final = frozenset(("air", "atmospheric", "dew", "dewpoint", "soil", "land", "ground", "battery"))
"""Where a temperature is none of water."""
_OF_WATER: Final = frozenset(("sst", "sea", "water", "wtmp"))
_QUANTITIES: Final = frozenset(
    ("salinity", "psal", "sss", "chlorophyll", "chl", "oxygen", "turbidity", "conductivity", "pressure", "pres", "slp",
     "wind", "wspd", "wdir", "gust", "gst", "waves", "wvht", "swh", "ssh", "sla", "humidity", "rain", "precipitation",
     "atmp", "dewp", "airtemp")
)  # fmt: skip
_TEMPERATURES: Final = frozenset(("sst", "temp", "temperature", "wtmp", "thetao", "tos"))
_KINDS: Final = _DERIVED | _ELSEWHERE | frozenset(
    ("water", "sea", "surface", "subsurface", "bottom", "top", "skin", "subskin", "foundation", "bulk", "min",
     "minimum", "max", "maximum", "mean", "average", "avg", "median", "obs", "observed", "observation",
     "observations", "measured", "model", "modelled", "modeled", "simulated", "sim", "predicted", "forecast",
     "analysed", "analysis", "raw", "corrected", "filtered", "smoothed", "interpolated", "clim", "climatology",
     "normal", "day", "night", "daily", "monthly", "satellite", "insitu")
)  # fmt: skip
_DEPTH: Final = re.compile(r"\d+(?:\.\d+)?m")
_WORD: Final = re.compile(rf"{_DEPTH.pattern}\b|[^\W_]+")


def is_no_sst(name: str) -> bool:
    """Whether a name says that its column holds no sea-surface temperature, as ``sst_anomaly`` or ``salinity``."""
    words = {word.lower() for word in _WORD.findall(name)}
    elsewhere = words & _ELSEWHERE and not words & _OF_WATER
    return bool(words & _DERIVED or elsewhere or (words & _QUANTITIES and not words & _TEMPERATURES))


def places(stations: Iterable[str]) -> list[str]:
    """Of what tells columns apart, the names of places: neither of variables, nor of statistics, nor of depths.

    None where two of them are of one place, as ``pier_min`` and ``pier_max``.
    """
    bare = [(name, " ".join(word for word in _WORD.findall(name) if not _is_kind(word.lower()))) for name in stations]
    found = [(name, place) for name, place in bare if place and not is_no_sst(name)]
    return [name for name, _ in found] if len({place for _, place in found}) == len(found) else []


def _is_kind(word: str) -> bool:
    return word in _KINDS or word in _TEMPERATURES or _DEPTH.fullmatch(word) is not None
