"""Units as files write them."""

import re
from collections.abc import Iterable
from typing import Final

from forecasting.readers.base.quantities import is_no_sst
from forecasting.series.units import Units

_TEMPERATURES: Final = frozenset(("sst", "temp", "temperature", "temperatures", "wtmp"))
_TURNED: Final = frozenset(("from", "convert", "converted", "was", "were", "original", "originally", "not"))
"""What makes a unit in a sentence another one than that of the values."""
_SPELLINGS: Final[dict[str, Units]] = {
    **dict.fromkeys(("c", "celsius", "centigrade", "cels", "celsiusscale"), "celsius"),
    **dict.fromkeys(("k", "kelvin", "kelvins", "kelvinscale"), "kelvin"),
    **dict.fromkeys(("f", "fahrenheit", "fahr"), "fahrenheit"),
}
_BRACKETS: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*")
_OFFSET: Final = re.compile(r"(?P<stem>[^,]+),\s*(?P<offset>(?:GMT|UTC)\s*(?:[+−-][\d:]+)?)")
_BETWEEN: Final = r"[\s_,.:/-]+"
_SCALE: Final = r"celsius|cels|centigrade|kelvins?|fahrenheit|fahr"
_WORDS: Final = re.compile(
    rf"(?P<stem>.*?)(?:^|{_BETWEEN}|(?=[°º˚℃]))(?:in{_BETWEEN})?"
    rf"(?P<unit>(?:[°º˚]|deg(?:rees?|s)?)[\s_.]*(?:{_SCALE}|[ckf])|℃|{_SCALE})",
    re.IGNORECASE,
)
_LETTER: Final = re.compile(rf"(?P<stem>(?i:.*(?:temp|temperature|wtmp))){_BETWEEN}(?P<unit>[A-Z])")
"""A letter that stands by itself may name a station, but hardly after a word for temperature."""
_AFTER_SST: Final = re.compile(rf"(?P<stem>(?i:.*sst)){_BETWEEN}(?P<unit>[A-Z])")
"""There it is a unit if other columns name theirs."""
_IN: Final = re.compile(rf"(?P<stem>.+?){_BETWEEN}in{_BETWEEN}(?P<unit>[CKF])", re.IGNORECASE)
_MAX_NAME_CHARS: Final = 120
"""Characters of a name in which units are looked for: the search costs the square of them."""


def parse_units(text: str) -> Units | None:
    """Celsius, kelvin or Fahrenheit in the spellings of CF, UDUNITS and people; None for anything else."""
    plain = re.sub(r"[\s_.℃°º˚]+", lambda found: "c" if "℃" in found[0] else "", unbracketed(text).lower())
    return _SPELLINGS.get(re.sub(r"^deg(rees?|s)?", "", plain))


def unit_of_prose(text: str) -> str | None:
    """The unit that a sentence on sea temperatures ends in, as ``Water temperature in degrees Fahrenheit``."""
    plain = text.strip("# .;")
    stem, unit = split_names([plain])[plain]
    words = set(re.findall(r"[^\W_]+", stem.lower()))
    if unit is None or parse_units(unit) is None or not words & _TEMPERATURES or words & _TURNED or is_no_sst(stem):
        return None
    return unit


def unbracketed(text: str) -> str:
    """A text without brackets around all of it, as ``(deg C)`` in a row of units."""
    match = _BRACKETS.fullmatch(text)
    return match[1].strip() if match else text


def in_brackets(name: str) -> tuple[str, str | None]:
    """A column's name without what stands in brackets after it, and this: ``sst (degree_C)``, ``sst [K]``.

    So with an offset from UTC behind a comma, as loggers write it: ``Date Time, GMT-07:00``.
    """
    if offset := _OFFSET.fullmatch(name):
        return offset["stem"], offset["offset"]
    opening = max(name.rfind("("), name.rfind("["))
    before = name[: max(opening, 0)].rstrip()
    return (before, name[opening + 1 : -1].strip()) if before and name.endswith((")", "]")) else (name, None)


def split_names(names: Iterable[str]) -> dict[str, tuple[str, str | None]]:
    """Each column's name without the units that it names, and these.

    They stand in brackets or after the rest: ``sst (K)``, ``sst_degF``, ``water temp F``. A letter is a unit only where
    no other column has another letter in its place: of ``temp_A`` to ``temp_F`` it is what tells them apart. After
    ``sst`` it is one only beside a column as ``pier_sst_degC``.
    """
    names = list(names)
    short = [name for name in names if len(name) <= _MAX_NAME_CHARS]
    letters = [found for name in short for found in [_LETTER.fullmatch(name) or _AFTER_SST.fullmatch(name)] if found]
    strangers = {found["stem"].lower() for found in letters if parse_units(found["unit"]) is None}
    units = {name: _split(name, strangers) for name in names}
    if any(unit is not None and stem.lower().endswith("sst") and parse_units(unit) for stem, unit in units.values()):
        after = {name: found for name in short if (found := _AFTER_SST.fullmatch(name)) and units[name][1] is None}
        for name, found in after.items():
            if parse_units(found["unit"]) is not None and found["stem"].lower() not in strangers:
                units[name] = found["stem"], found["unit"]
    return units


def _split(name: str, strangers: set[str]) -> tuple[str, str | None]:
    if len(name) > _MAX_NAME_CHARS:
        return in_brackets(name)
    for brackets in _BRACKETS.finditer(name):
        for part in re.split("[,;]", brackets[1]):
            if parse_units(part) is not None:
                around = f"{name[: brackets.start()]} {name[brackets.end() :]}".strip()
                return around or name, part.strip()
    short, written = in_brackets(name)
    if words := _WORDS.fullmatch(short) or _IN.fullmatch(short):
        return words["stem"] or short, words["unit"]
    letter = _LETTER.fullmatch(short)
    if letter and parse_units(letter["unit"]) is not None and letter["stem"].lower() not in strangers:
        return letter["stem"], letter["unit"]
    return short, written
