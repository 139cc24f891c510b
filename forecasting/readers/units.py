"""Units as files write them."""

import re
from typing import Final

from forecasting.series import Units

_SPELLINGS: Final[dict[str, Units]] = {
    **dict.fromkeys(("c", "celsius", "centigrade"), "celsius"),
    **dict.fromkeys(("k", "kelvin", "kelvins"), "kelvin"),
    **dict.fromkeys(("f", "fahrenheit"), "fahrenheit"),
}


def parse_units(text: str) -> Units | None:
    """Celsius, kelvin or Fahrenheit in the spellings of CF, UDUNITS and people; None for anything else."""
    plain = re.sub(r"[\s_.℃°º˚]+", lambda found: "c" if "℃" in found[0] else "", text.lower())
    return _SPELLINGS.get(re.sub(r"^deg(rees?|s)?", "", plain))


def in_brackets(name: str) -> tuple[str, str | None]:
    """A column's name without the units in brackets after it, and these: ``sst (degree_C)``, ``sst [K]``."""
    match = re.fullmatch(r"(.*\S)\s*[(\[](.*)[)\]]", name)
    return (match[1], match[2].strip()) if match else (name, None)
