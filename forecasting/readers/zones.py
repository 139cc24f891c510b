"""Time zones in files and options, and times in them."""

import re
import zoneinfo
from datetime import timedelta, timezone, tzinfo
from typing import Final, NoReturn

import numpy as np
import pandas as pd

from forecasting.errors import FileError
from forecasting.readers.table import ABSENT, refuse_first, to_numbers
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import FIRST_TIME, LAST_TIME, Times

UTC: Final = frozenset(("UTC", "GMT", "UT", "Z", "ZULU"))
"""Names of UTC, in upper case."""
_OFFSET: Final = re.compile(r"(?:UTC|GMT|UT)?\s*([+−-])\s*(\d{1,2})(?::?(\d\d))?\s*(?:H|HOURS?)?", re.IGNORECASE)
_SUFFIX: Final = re.compile(r"(?:UTC|GMT)[+-]\d\d?(?::?\d\d)?$", re.IGNORECASE)
"""An offset at the end of a name."""
_OFF_UTC: Final = re.compile(r"\b(?:UTC|GMT)\s*[+−-]\s*0?[1-9]")
"""An offset in a sentence."""
_CLOCK: Final = re.compile(r"\b(?:local\b.*\btimes?|times?\b.*\blocal|time ?zone)\b", re.IGNORECASE)
_NAMES: Final = frozenset(
    ("ACDT", "ACST", "ADT", "AEDT", "AEST", "AKDT", "AKST", "ART", "AST", "AWST", "BRT", "BST", "CDT", "CEST", "CET",
     "CLST", "CLT", "COT", "CST", "EAT", "EDT", "EEST", "EET", "EST", "GST", "HKT", "HST", "ICT", "IST", "JST", "KST",
     "LMT", "LOCAL", "LST", "LT", "MDT", "MESZ", "MET", "MEZ", "MSK", "MST", "NDT", "NST", "NZDT", "NZST",
     "PDT", "PET", "PHT", "PKT", "PST", "SAST", "SGT", "VET", "WAT", "WEST", "WET", "WIB")
)  # fmt: skip
_REGIONS: Final = "Atlantic|Eastern|Central|Mountain|Pacific|local|standard|daylight|summer"
_OTHERS: Final = re.compile(rf"[A-Z]{{2,3}}T[/\d][A-Z]{{2,3}}T|(?i:(.* )?({_REGIONS})( .*)? time)")
"""Such as ``PST/PDT``, ``EST5EDT``, ``local time`` and ``Central Standard Time``."""
_LOCAL: Final = re.compile(
    r"(?:.*[^a-z])?(?:locale?|lokale?|ortszeit|local_?(?:time|date|datetime))(?:[^a-z].*)?", re.IGNORECASE
)
_AMBIGUOUS: Final = frozenset(("ART", "COT", "EAT", "GST", "LT", "MET", "PET", "PHT", "WAT", "WEST"))
"""Names of zones that mean something else in the name of a column, such as ``met_time``."""
_OF_STATES: Final = {"EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00",
                     "MDT": "-06:00", "PST": "-08:00", "PDT": "-07:00", "AKST": "-09:00", "AKDT": "-08:00",
                     "HST": "-10:00", "AST": "-04:00"}  # fmt: skip
"""Meaning of names in files of the US Geological Survey; elsewhere, some are zones of other continents."""
STATES: Final = "tz_cd"
"""Name of the column of zones in those files."""
PERIOD: Final = "tz"
"""Name of a column of either zones or wave periods."""
COLUMNS: Final = (STATES, PERIOD, "timezone", "time_zone", "utc_offset")
"""Usual names of a column with the zone of each row."""
_NO_OFFSET: Final = re.compile(r"[+-]?0+(?:[:.]0+)?")


def parse_zone(text: str) -> str | None:
    """Return the offset in a header, such as ``+02:00`` for ``UTC+2``; None for UTC and for any other text."""
    plain = text.strip()
    if plain.upper() in UTC:
        return None
    if match := _OFFSET.fullmatch(plain):
        sign = "+" if match[1] == "+" else "-"
        return f"{sign}{int(match[2]):02}:{match[3] or '00'}"
    if plain.upper() in _NAMES or _OTHERS.fullmatch(plain) or _LOCAL.fullmatch(plain) or _is_known(plain):
        _refuse(plain)
    return None


def names_utc(name: str) -> bool:
    """Return whether a column's name, such as ``time_utc``, says that its times are in UTC."""
    words = re.split(r"[^A-Za-z]+", name)
    return _SUFFIX.search(name) is None and any(word.upper() in UTC - {"Z"} for word in words)


def names_zone(text: str) -> bool:
    """Return whether a sentence, such as ``Time zone: UTC-8`` or ``all times local``, names a zone other than UTC."""
    words = set(re.findall(r"[^\W\d_]+", text))
    if words & (_NAMES - _AMBIGUOUS) or _OFF_UTC.search(text):
        return True
    return _CLOCK.search(text) is not None and not {word.upper() for word in words} & UTC


def zone_in_name(name: str) -> str | None:
    """Return the offset in a column's name, as by :func:`parse_zone`, such as ``time_EST`` or ``timestamp_local``."""
    words = re.split(r"[^A-Za-z]+", name)
    if match := _SUFFIX.search(name):
        return parse_zone(match[0])
    if names_utc(name):
        return None
    if _LOCAL.fullmatch(name):
        _refuse("local")
    for word in words:
        if word.upper() in _NAMES - _AMBIGUOUS:
            _refuse(word)
    return None


def is_period(column: "pd.Series[str]") -> bool:
    """Return whether a column ``Tz`` holds wave periods: numbers, some of them without a sign."""
    known = np.isfinite(to_numbers(column)) | column.str.lower().isin(ABSENT)
    return bool(known.all() and column.str.match(r"\d").any())


def iso_suffix(cell: str, column: str) -> str:
    """Return the suffix of an ISO 8601 time for a cell in a column of zones: ``Z`` or an offset."""
    if cell.upper() in UTC or _NO_OFFSET.fullmatch(cell):
        return "Z"
    known = _OF_STATES.get(cell) if column.lower() == STATES else None
    offset = known or (parse_zone(cell) if _OFFSET.fullmatch(cell) else None)
    if offset is None:
        _refuse(cell, f"column {column}")
    return offset


def _refuse(zone: str, place: str = "its header") -> NoReturn:
    remedy = Remedy.of("; set {} to a zone such as Europe/Rome or +01:00", "timezone")
    if _is_known(zone):
        remedy = Remedy.of("; set {}", Setting("timezone", zone, zone))
    raise FileError(f"has times in the time zone {zone[:40]!r}, according to {place}, not in UTC", remedy=remedy)


def _is_known(name: str) -> bool:
    return "/" in name and name in zoneinfo.available_timezones()


def find_zone(name: str) -> tzinfo:
    """Return the zone of an IANA name, or of an offset such as ``+02:00``."""
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name)
    if match and int(match[2]) < 24 and int(match[3]) < 60:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(offset if match[1] == "+" else -offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise FileError(f"unknown time zone {name[:40]!r}; write it as Europe/Rome or +01:00") from None


AMBIGUOUS: Final = (
    "is skipped or repeated in the time zone {}, where the clock changes; write times with their offset, or in UTC"
)
"""What is wrong with a time that :func:`localise` cannot convert."""


def localise(times: Times, timezone: str, *, in_order: bool = True) -> Times:
    """Convert times in a zone to UTC; NaT for skipped hours, and for repeated hours in an unclear order."""
    zone = find_zone(timezone)
    index = pd.DatetimeIndex(times)
    try:
        local = index.tz_localize(zone, ambiguous="infer" if in_order else "NaT", nonexistent="NaT")
    except ValueError:  # if times are not in order or not repeated, the two hours look the same
        local = index.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")


def localise_cells(times: Times, timezone: str, shown: "pd.Series[str]") -> Times:
    """Convert times in a zone to UTC, with their cells ``shown`` in errors."""
    utc = localise(times, timezone)
    lost = np.isnat(utc)
    if lost.any():
        i = int(lost.argmax())
        raise FileError(f"line {shown.index[i]}: {shown.iloc[i][:40]!r} {AMBIGUOUS.format(timezone)}")
    return within_years(utc, shown)


def within_years(times: Times, shown: "pd.Series[str]") -> Times:
    """Return ``times`` if all are in the years 1 to 9999."""
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    problem = "is not in the years 1 to 9999 (UTC); correct it, or remove the line"
    refuse_first(far, shown, lambda cell: f"time {cell!r} {problem}")
    return times
