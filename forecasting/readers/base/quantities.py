"""What a column holds according to its name: another quantity than SST, or a kind of SST."""

import re
from collections.abc import Iterable
from typing import Final

_ANOMALIES: Final = frozenset(("anomaly", "anomalies", "anom", "ssta"))
_DERIVED: Final = _ANOMALIES | frozenset(
    ("std", "stdev", "stddev", "sigma", "variance", "error", "err",
     "uncertainty", "bias", "trend", "tendency", "gradient", "difference", "diff", "count", "nobs")
)  # fmt: skip
_ELSEWHERE: Final = frozenset(
    ("air", "atmospheric", "dew", "dewpoint", "soil", "land", "ground", "battery", "airtemp", "airtemperature", "airt",
     "tair", "atmp", "dewp", "t2m", "d2m", "tmp2m", "2t", "2d", "tas", "tasmin", "tasmax")
)  # fmt: skip
"""Words for temperatures of something other than water."""
_AT_SCREEN: Final = ("2m_temperature", "temperature_2m")
"""What weather services call the temperature of the air."""
_COMPOUNDS: Final = frozenset(("watertemp", "watertemperature", "seatemp", "seatemperature", "wtemp"))
_OF_WATER: Final = _COMPOUNDS | frozenset(("sst", "sea", "water", "wtmp", "seawater"))
_OF_VALUES: Final = frozenset(("depth", "level", "height", "qc", "flag", "flags", "quality", "id", "n", "number",
                               "source", "type", "time", "age", "clim", "climatology", "normal"))  # fmt: skip
"""Words for columns that describe temperatures of water without holding them."""
_QUANTITIES: Final = frozenset(
    ("salinity", "psal", "sss", "chlorophyll", "chl", "oxygen", "turbidity", "conductivity", "pressure", "pres", "slp",
     "atms", "wind", "wspd", "wss", "wdir", "gust", "gst", "gspd", "waves", "wvht", "swh", "ssh", "sla", "humidity",
     "rain", "precipitation", "atmp", "dewp", "airtemp", "height", "speed", "direction", "period")
)  # fmt: skip
_TEMPERATURES: Final = _COMPOUNDS | frozenset(("sst", "temp", "temperature", "wtmp", "thetao", "tos"))
_KINDS: Final = _DERIVED | _ELSEWHERE | frozenset(
    ("water", "sea", "surface", "subsurface", "bottom", "top", "skin", "subskin", "foundation", "bulk", "min",
     "minimum", "max", "maximum", "mean", "average", "avg", "median", "obs", "observed", "observation",
     "observations", "measured", "model", "modelled", "modeled", "simulated", "sim", "predicted", "forecast",
     "analysed", "analysis", "raw", "corrected", "filtered", "smoothed", "interpolated", "clim", "climatology",
     "normal", "day", "night", "daily", "monthly", "satellite", "insitu")
)  # fmt: skip
_BELOW: Final = frozenset(("depth", "below", "under", "ocean"))
_SCREEN: Final = re.compile(r"\b(?:2|two)[ -]?m(?:et(?:er|re)s?)?\b", re.IGNORECASE)
"""Height of a meteorological screen."""
_DEPTH: Final = re.compile(r"\d+(?:\.\d+)?m")
_WORD: Final = re.compile(rf"{_DEPTH.pattern}\b|[^\W_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
"""Word boundary in a name such as ``SeaTemperature``."""


def is_no_sst(name: str) -> bool:
    """Whether a name, such as ``sst_anomaly`` or ``salinity``, rules out sea-surface temperature."""
    words = _words(name)
    other = words & _QUANTITIES and not words & _TEMPERATURES
    return bool(words & _DERIVED or other) or is_elsewhere(name)


def is_anomaly(name: str) -> bool:
    """Whether a name says that the values are anomalies."""
    return bool(_words(name) & _ANOMALIES)


def is_elsewhere(name: str) -> bool:
    """Whether a name, such as ``air_temp``, says that a temperature is not of water."""
    words = _words(name)
    return bool(words & _ELSEWHERE and not words & _OF_WATER)


def is_at_screen(name: str) -> bool:
    """Whether a name is one that weather services give to the air, 2 m above ground, and divers to a depth of 2 m."""
    return name.lower().startswith(_AT_SCREEN)


def is_above_ground(title: str) -> bool:
    """Whether a title, such as ``Temperature at 2 m``, is about the air, which is measured 2 m above ground."""
    words = _words(title)
    return bool(_SCREEN.search(title)) and not words & (_OF_WATER | _BELOW)


def is_of_water(name: str) -> bool:
    """Whether a name says that its column holds temperatures of water, as ``sst_raw``, not ``water_level``."""
    words = {word.rstrip("0123456789") for word in _words(name)}
    if not words & _OF_WATER or words & _OF_VALUES or is_no_sst(name):
        return False
    return bool(words & _TEMPERATURES) or all(map(_is_kind, words))


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(separate_words(name))}


def separate_words(name: str) -> str:
    """Separate the words of a name such as ``SeaTemperature`` with ``_``."""
    return _HUMP.sub("_", name)


def places(stations: Iterable[str]) -> list[str]:
    """Select the names of places from the distinguishing parts of columns, not variables, statistics and depths.

    The list is empty if two names are of the same place, such as ``pier_min`` and ``pier_max``.
    """
    bare = [(name, " ".join(word for word in _WORD.findall(name) if not _is_kind(word.lower()))) for name in stations]
    named = [(name, place) for name, place in bare if place and not is_no_sst(name)]
    return [name for name, _ in named] if len({place for _, place in named}) == len(named) else []


def _is_kind(word: str) -> bool:
    return word in _KINDS or word in _TEMPERATURES or _DEPTH.fullmatch(word) is not None
