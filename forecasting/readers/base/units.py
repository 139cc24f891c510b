"""Recognise units as files write them."""

import re
from collections.abc import Iterable
from typing import Final

from forecasting.readers.base.quantities import is_no_sst
from forecasting.remedies import Setting
from forecasting.series.units import BRACKETS, SYMBOLS, UNITS, parse_units

SCALES: Final = "celsius, kelvin or fahrenheit"

EVERY_UNIT: Final = tuple(Setting("units", units, SYMBOLS[units]) for units in UNITS)
"""The possible answers to the question of the units."""

_TEMPERATURES: Final = frozenset(("sst", "temp", "temperature", "temperatures", "wtmp"))
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
_AFTER_SST: Final = re.compile(rf"(?P<stem>(?i:.*sst)){_BETWEEN}(?P<unit>[A-Z])")
"""After ``sst``, a letter is a unit only if other columns name their units."""
_IN: Final = re.compile(rf"(?P<stem>.+?){_BETWEEN}in{_BETWEEN}(?P<unit>[CKF])", re.IGNORECASE)
_MAX_NAME_CHARS: Final = 120
"""Longest name that is searched for units, as the time of the search is quadratic in its length."""


def unit_of_prose(text: str) -> str | None:
    """The unit at the end of a sentence about sea temperature, as in ``Water temperature in degrees Fahrenheit``."""
    plain = text.strip("# .;")
    stem, unit = split_names([plain])[plain]
    words = set(re.findall(r"[^\W_]+", stem.lower()))
    if unit is None or parse_units(unit) is None or not words & _TEMPERATURES or words & _TURNED or is_no_sst(stem):
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
    another column has a letter in its place that is not a unit, as in ``temp_A`` to ``temp_F``. After ``sst``, a letter
    is a unit only if another column is named like ``pier_sst_degC``.
    """
    names = list(names)
    short = [name for name in names if len(name) <= _MAX_NAME_CHARS]
    letters = [match for name in short for match in [_LETTER.fullmatch(name) or _AFTER_SST.fullmatch(name)] if match]
    other_stems = {match["stem"].lower() for match in letters if parse_units(match["unit"]) is None}
    units = {name: _split(name, other_stems) for name in names}
    if any(unit is not None and stem.lower().endswith("sst") and parse_units(unit) for stem, unit in units.values()):
        after = {name: match for name in short if (match := _AFTER_SST.fullmatch(name)) and units[name][1] is None}
        for name, match in after.items():
            if parse_units(match["unit"]) is not None and match["stem"].lower() not in other_stems:
                units[name] = match["stem"], match["unit"]
    return units


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
