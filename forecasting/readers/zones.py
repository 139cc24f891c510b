"""Time zones as files and options name them."""

import re
import zoneinfo
from datetime import timedelta, timezone, tzinfo
from typing import Final

from forecasting.errors import FileError

_UTC: Final = frozenset(("UTC", "GMT", "UT", "Z", "ZULU"))
_OFFSET: Final = re.compile(r"(?:UTC|GMT|UT)?\s*([+−-])\s*(\d{1,2})(?::?(\d\d))?\s*(?:H|HOURS?)?", re.IGNORECASE)
_NAMES: Final = frozenset(
    ("ACDT", "ACST", "ADT", "AEDT", "AEST", "AKDT", "AKST", "ART", "AST", "AWST", "BRT", "BST", "CDT", "CEST", "CET",
     "CLST", "CLT", "COT", "CST", "EAT", "EDT", "EEST", "EET", "EST", "GST", "HKT", "HST", "ICT", "IST", "JST", "KST",
     "LMT", "LOCAL", "LST", "LT", "MDT", "MESZ", "MET", "MEZ", "MSK", "MST", "NDT", "NST", "NZDT", "NZST",
     "PDT", "PET", "PHT", "PKT", "PST", "SAST", "SGT", "VET", "WAT", "WEST", "WET", "WIB")
)  # fmt: skip
_REGIONS: Final = "Atlantic|Eastern|Central|Mountain|Pacific|local|standard|daylight|summer"
_OTHERS: Final = re.compile(rf"[A-Z]{{2,3}}T[/\d][A-Z]{{2,3}}T|(?i:(.* )?({_REGIONS})( .*)? time)")
"""As ``PST/PDT``, ``EST5EDT``, ``local time`` and ``Central Standard Time``."""


def zone_of(text: str) -> str | None:
    """The offset that a header names, as ``+02:00`` for ``UTC+2``; None where it names UTC or no zone.

    Raises:
        FileError: if it is a name, whose offset is not known here.
    """
    plain = text.strip()
    if plain.upper() in _UTC:
        return None
    if match := _OFFSET.fullmatch(plain):
        sign = "+" if match[1] == "+" else "-"
        return f"{sign}{int(match[2]):02}:{match[3] or '00'}"
    if plain.upper() in _NAMES or _OTHERS.fullmatch(plain) or _is_known(plain):
        example = plain if "/" in plain else "Europe/Rome, or its offset, as +01:00"
        raise FileError(
            f"has times by the clock of {plain!r}, as its header says, and not UTC: say which that is with --timezone, "
            f"as {example}"
        )
    return None


def _is_known(name: str) -> bool:
    return "/" in name and name in zoneinfo.available_timezones()


def find_zone(name: str) -> tzinfo:
    """The zone of an IANA name, or of an offset as ``+02:00``.

    Raises:
        FileError: if there is none.
    """
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", name)
    if match and int(match[2]) < 24 and int(match[3]) < 60:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(offset if match[1] == "+" else -offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise FileError(f"no time zone is named {name[:40]!r}; write it as Europe/Rome or +01:00") from None
