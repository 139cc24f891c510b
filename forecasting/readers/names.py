"""What the names of columns mean: quantities, units, stations, positions, years and months."""

import re
from collections.abc import Iterable
from typing import Final

from forecasting.remedies import Setting
from forecasting.series.units import BRACKETS, SYMBOLS, UNITS, parse_units

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
    """Return whether a name, such as ``sst_anomaly`` or ``salinity``, rules out sea-surface temperature."""
    words = _words(name)
    other = words & _QUANTITIES and not words & _TEMPERATURES
    return bool(words & _DERIVED or other) or is_elsewhere(name)


def is_anomaly(name: str) -> bool:
    """Return whether a name says that the values are anomalies."""
    return bool(_words(name) & _ANOMALIES)


def is_elsewhere(name: str) -> bool:
    """Return whether a name, such as ``air_temp``, says that a temperature is not of water."""
    words = _words(name)
    return bool(words & _ELSEWHERE and not words & _OF_WATER)


def is_at_screen(name: str) -> bool:
    """Return whether a name is that of weather services for air 2 m above ground, and of divers for a depth of 2 m."""
    return name.lower().startswith(_AT_SCREEN)


def is_above_ground(title: str) -> bool:
    """Return whether a title, such as ``Temperature at 2 m``, is about the air, which is measured 2 m above ground."""
    words = _words(title)
    return bool(_SCREEN.search(title)) and not words & (_OF_WATER | _BELOW)


def is_of_water(name: str) -> bool:
    """Return whether a name says that its column holds temperatures of water, as ``sst_raw``, not ``water_level``."""
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


STATIONS: Final = ("station", "station_id", "station_name", "stationid", "stn", "buoy", "buoy_id", "platform",
                   "platform_code", "platform_id", "wmo_platform_code", "wmo", "site", "site_id",
                   "site_no")  # fmt: skip
PLACES: Final = ("location", "location_name", "location_id", "loc", "site_name", "sitename", "place", "place_name",
                  "buoy_name", "mooring", "mooring_id")  # fmt: skip
ANYTHING: Final = ("name", "id")
"""Names of columns that may distinguish anything else as well, such as observers."""
DEPTHS: Final = ("depth", "zlev", "altitude", "z")
LATITUDES: Final = ("latitude", "lat")
LONGITUDES: Final = ("longitude", "lon")
POSITIONS: Final = (*LATITUDES, *LONGITUDES)

REFERENCE_TIMES: Final = ("observed_until", "forecast_reference_time", "reference_time", "reftime", "ref_time",
                          "init_time", "initial_time", "initialization_time", "initialisation_time", "init",
                          "analysis_time", "base_time", "run_time", "issue_time", "issued_at", "issued",
                          "issue_date")  # fmt: skip
"""Names of the time that a forecast is issued from; that of the last observation precedes that of the issue."""
LEADS: Final = ("forecast_period", "lead_time", "leadtime", "lead", "lead_days", "lead_day", "lead_hours", "lead_hour",
                "prediction_timedelta", "forecast_hour", "step")  # fmt: skip
"""Names of the time from the reference time to the valid time."""
VALID_TIMES: Final = ("valid_time", "valid", "valid_at", "valid_date", "target_time", "time", "date", "datetime",
                      "timestamp")  # fmt: skip
"""Names of the time that a forecast is for."""


SCALES: Final = "celsius, kelvin or fahrenheit"

EVERY_UNIT: Final = tuple(Setting("units", units, SYMBOLS[units]) for units in UNITS)
"""The possible answers to the question of the units."""

_OF_TEMPERATURE: Final = frozenset(("sst", "temp", "temperature", "temperatures", "wtmp"))
_TURNED: Final = frozenset(("from", "convert", "converted", "was", "were", "original", "originally", "not"))
"""Words in a sentence by which its unit is not that of the values."""
_OFFSET: Final = re.compile(r"(?P<stem>[^,]+),\s*(?P<offset>(?:GMT|UTC)\s*(?:[+−-][\d:]+)?)")
_BETWEEN: Final = r"[\s_,.:/-]+"
_SCALE: Final = r"celsius|cels|centigrade|kelvins?|fahrenheit|fahr"
_WORDS: Final = re.compile(
    rf"(?P<stem>.*?)(?:^|{_BETWEEN}|(?=[°º˚℃]))(?:in{_BETWEEN})?"
    rf"(?P<unit>(?:[°º˚]|deg(?:rees?|s)?)[\s_.]*(?:{_SCALE}|[ckf])|℃|{_SCALE})",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(rf"(?P<stem>(?i:.*(?:temp|temperature|wtmp))){_BETWEEN}(?P<unit>[A-Z])")
"""A single letter may name a station, but hardly after a word for temperature."""
_IN: Final = re.compile(rf"(?P<stem>.+?){_BETWEEN}in{_BETWEEN}(?P<unit>[CKF])", re.IGNORECASE)
_MAX_NAME_CHARS: Final = 120
"""Longest name that is searched for units, as the time of the search is quadratic in its length."""


def unit_of_prose(text: str) -> str | None:
    """Find the unit at the end of a sentence on sea temperature, as in ``Water temperature in degrees Fahrenheit``."""
    plain = text.strip("# .;")
    stem, unit = split_names([plain])[plain]
    words = set(re.findall(r"[^\W_]+", stem.lower()))
    if unit is None or parse_units(unit) is None or not words & _OF_TEMPERATURE or words & _TURNED or is_no_sst(stem):
        return None
    return unit


def in_brackets(name: str) -> tuple[str, str | None]:
    """Split a column's name from the text in brackets behind it: ``sst (degree_C)``, ``sst [K]``.

    Also split off an offset from UTC behind a comma, as loggers write it: ``Date Time, GMT-07:00``.
    """
    if offset := _OFFSET.fullmatch(name):
        return offset["stem"], offset["offset"]
    opening = max(name.rfind("("), name.rfind("["))
    before = name[: max(opening, 0)].rstrip()
    return (before, name[opening + 1 : -1].strip()) if before and name.endswith((")", "]")) else (name, None)


def split_names(names: Iterable[str]) -> dict[str, tuple[str, str | None]]:
    """Split the name of each column from the units in it.

    Units are in brackets or at the end: ``sst (K)``, ``sst_degF``, ``water temp F``. A single letter is a unit unless
    another column has a letter in its place that is not a unit, as in ``temp_A`` to ``temp_F``.
    """
    names = list(names)
    letters = [match for name in names if len(name) <= _MAX_NAME_CHARS for match in [_LETTER.fullmatch(name)] if match]
    other_stems = {match["stem"].lower() for match in letters if parse_units(match["unit"]) is None}
    return {name: _split(name, other_stems) for name in names}


def _split(name: str, other_stems: set[str]) -> tuple[str, str | None]:
    if len(name) > _MAX_NAME_CHARS:
        return in_brackets(name)
    for brackets in BRACKETS.finditer(name):
        for part in re.split("[,;]", brackets[1]):
            if parse_units(part) is not None:
                around = f"{name[: brackets.start()]} {name[brackets.end() :]}".strip()
                return around or name, part.strip()
    short, written = in_brackets(name)
    if words := _WORDS.fullmatch(short) or _IN.fullmatch(short):
        return words["stem"] or short, words["unit"]
    letter = _LETTER.fullmatch(short)
    if letter and parse_units(letter["unit"]) is not None and letter["stem"].lower() not in other_stems:
        return letter["stem"], letter["unit"]
    return short, written


YEARS: Final = ("year", "yr", "yyyy", "yy")
"""Usual names of a column of years."""


MONTH_NAMES: Final = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
                 "november", "december")  # fmt: skip


def month_number(name: str) -> int | None:
    """Return the number of a month, 1 to 12, from its short or long name or its number; None for other text."""
    plain = name.strip().rstrip(".").lower()
    if plain.isdecimal():
        return int(plain) if 1 <= int(plain) <= 12 else None
    for number, month in enumerate(MONTH_NAMES, 1):
        if plain in (month, month[:3]) or plain == month[:4] == "sept":
            return number
    return None
